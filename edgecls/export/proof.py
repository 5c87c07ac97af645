"""From an ONNX network to a verified model file: class activation, model card, golden samples, parity gate."""

import platform
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
import numpy.typing as npt

import edgecls
from edgecls import image, modelfile
from edgecls.errors import ExportError
from edgecls.export.averaging_head import AveragingHead, find_averaging_head
from edgecls.export.graph.onnx_package import load_onnx_package
from edgecls.export.graph.shapes import infer_shapes
from edgecls.export.graph.surgery import tensor_names
from edgecls.export.parity import MAX_DIFFERENCE, Network, ParityReport, Recomputed, Remembering, check_parity
from edgecls.model_card import SUM_TOLERANCE, Golden, GoldenSample, ModelCard
from edgecls.modelfile import ACTIVATION_NAME, INPUT_NAME, OUTPUT_NAME, ModelFile
from edgecls.runtime.execution.providers import Provider
from edgecls.runtime.machine.cores import usable_cores
from edgecls.runtime.session import open_session

__all__ = [
    "MAX_GOLDEN_SAMPLES",
    "Export",
    "golden_answers",
    "prove",
    "random_images",
    "versions",
    "with_class_activation",
]

MAX_GOLDEN_SAMPLES = 8
GOLDEN_TOLERANCE = 1e-3
"""Ten times the parity bound: other processors and providers sum in other orders; a wrong network is far off."""

TOLERANCE_FACTOR = 10  # of the tolerance to the difference from Keras here, where that is beyond the bound

RANDOM_IMAGES = 4  # noise and flat images reach values that photos do not

EINSUM_OPSET = 12  # the first that has the operator


@dataclass(frozen=True)
class Export:
    """A model file that passed the parity gate.

    Attributes:
        onnx: The whole file.
        card: Its card.
        parity: How close it is to the original.
    """

    onnx: bytes
    card: ModelCard
    parity: ParityReport


def prove(
    onnx: bytes,
    original: Network,
    card: ModelCard,
    *,
    packages: Iterable[str],
    images: Mapping[str, npt.NDArray[np.uint8]] | None = None,
    max_difference: float = MAX_DIFFERENCE,
    exact: Network | None = None,
) -> Export:
    """Turn a network into a model file, if it gives the same probabilities as the original.

    The network gets the output "class_activation" if it can have one.

    Args:
        onnx: The network, with input "image" and output "probabilities".
        original: The network that it was made from; answers that it remembers are not computed again.
        card: Goes into the file; the answers of its golden samples are computed anew.
        packages: The Python packages that made the network, as pip names them.
        images: More images to compare the answers for, in addition to the golden samples and random ones.
        max_difference: Largest difference of any probability between the original and onnxruntime.
        exact: The original computed in float64, to tell rounding from a difference; it is called only if the largest
            difference is larger, and raises NotImplementedError if it cannot.

    Raises:
        ParityError: The two differ by more, and not by rounding, or the outputs are no probabilities.
    """
    original = original if isinstance(original, Remembering) else Remembering(original)
    recomputed = None if exact is None else Recomputed(exact, original.network)
    samples = {
        sample.name: image.decode(sample.png, name=sample.name, color=card.image.color)
        for sample in card.golden.samples
    }
    card = replace(
        card,
        golden=golden_answers(
            original, samples, name=card.architecture, encoded={one.name: one.png for one in card.golden.samples}
        ),
        versions=versions(packages),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    onnx = with_class_activation(onnx)
    described = modelfile.describe(onnx, card)
    del onnx  # as much memory as the network takes
    session = open_session(
        ModelFile(card.name, card, described), Provider.CPU, intra_op_threads=usable_cores(), class_activation=True
    )
    parity = check_parity(
        original,
        session.run,
        {**(images or {}), **samples, **random_images(card.image.shape_hwc)},
        card.labels,
        max_difference=max_difference,
        recomputed=recomputed,
    )
    if (needed := TOLERANCE_FACTOR * parity.difference) > GOLDEN_TOLERANCE:  # of a network that rounds more than usual
        card = replace(card, golden=replace(card.golden, tolerance=min(needed, 1.0)))
        described = modelfile.describe(described, card)
    return Export(described, card, parity)


def golden_answers(
    original: Network,
    images: Mapping[str, npt.NDArray[np.uint8]],
    *,
    name: str,
    encoded: Mapping[str, bytes] | None = None,
) -> Golden:
    """Return golden samples with the answers that a network gives.

    Args:
        original: The network whose answers count.
        images: Name to pixels at the model's size, uint8 ``[H, W, C]``; at least one.
        name: What to call the network in error messages.
        encoded: The same images as PNG, if they are known.

    Raises:
        ExportError: The answers are no probabilities.
    """
    samples = []
    answers = original(np.stack(list(images.values())))
    for (sample, pixels), answer in zip(images.items(), answers, strict=True):
        if not abs(float(answer.sum()) - 1) <= SUM_TOLERANCE:
            raise ExportError(
                f"the outputs of {name!r} are not probabilities (they sum to {float(answer.sum()):.4g} "
                f"for {sample!r}); end the network with a softmax"
            )
        clipped = np.clip(answer.astype(np.float64), 0, 1)
        png = image.encode_png(pixels) if encoded is None else encoded[sample]
        samples.append(GoldenSample(sample, png, tuple(clipped.tolist())))
    return Golden(GOLDEN_TOLERANCE, tuple(samples))


def versions(packages: Iterable[str]) -> dict[str, str]:
    """Return the versions of what made a model file, by package name; those not installed are left out."""
    found = {"edgecls": edgecls.__version__, "python": platform.python_version()}
    for package in (*packages, "onnx", "onnxruntime", "numpy", "opencv-python-headless"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def random_images(shape_hwc: tuple[int, int, int]) -> dict[str, npt.NDArray[np.uint8]]:
    """Return images of noise and of one colour, always the same, by their names: uint8 ``[H, W, C]``."""
    rng = np.random.default_rng(seed=0)
    noise = {f"random noise {index}": rng.integers(0, 256, shape_hwc, np.uint8) for index in range(RANDOM_IMAGES)}
    return {**noise, "all black": np.zeros(shape_hwc, np.uint8), "all white": np.full(shape_hwc, 255, np.uint8)}


def with_class_activation(onnx: bytes) -> bytes:
    """Return a network with the output "class_activation": how much each position of an image speaks for each label.

    float32 ``[N, h, w, K]``. It is the feature map, weighted as the network weights its mean (Zhou et al., "Learning
    Deep Features for Discriminative Localization", 2016): the mean of the output over all positions is the logits
    without their bias, and without a shared factor such as a temperature. It uses the network's own weights, not
    copies.

    Args:
        onnx: A serialised network with input "image" of known size and output "probabilities". It is returned as it is
            if it has the output already, or if it cannot have one: it does not end in a mean over a feature map, a
            dense layer at most, and a softmax; its weights are no float32; or its opset is below 12.

    Raises:
        MissingExtraError: The package onnx is not installed.
    """
    proto = load_onnx_package().load_model_from_string(onnx)
    if not _can_be_explained(proto):
        return onnx
    (image,) = proto.graph.input
    height, width, channels = (dim.dim_value for dim in image.type.tensor_type.shape.dim[1:])
    shapes = infer_shapes(proto, INPUT_NAME, batch=1, sizes=(height, width, channels))
    head = find_averaging_head(proto.graph, shapes)
    labels = shapes.known(OUTPUT_NAME)
    if head is None or labels is None:
        return onnx
    _add_class_activation(proto.graph, head, labels=labels[1])
    serialized: bytes = proto.SerializeToString()
    return serialized


def _can_be_explained(proto: Any) -> bool:
    types = load_onnx_package().TensorProto
    other_floats = {types.FLOAT16, types.BFLOAT16, types.DOUBLE}
    return (
        len(proto.graph.input) == 1
        and any(entry.version >= EINSUM_OPSET for entry in proto.opset_import if entry.domain in ("", "ai.onnx"))
        and not any(weight.data_type in other_floats for weight in proto.graph.initializer)
        and not any(name.startswith(ACTIVATION_NAME) for name in tensor_names(proto.graph))
    )


def _add_class_activation(graph: Any, head: AveragingHead, *, labels: int) -> None:
    package = load_onnx_package()
    make = package.helper.make_node
    every = ACTIVATION_NAME if head.kept is None else f"{ACTIVATION_NAME}_of_all"
    axes = "nhwc" if head.channels_last else "nchw"
    if head.weights is None:
        inputs, equation = [head.feature_map], f"{axes}->nhwc"
    else:
        inputs, equation = [head.feature_map, head.weights], f"{axes},{head.weight_axes}->nhwk"
    graph.node.append(make("Einsum", inputs, [every], name=every, equation=equation))
    if head.kept is not None:
        graph.node.append(make("Gather", [every, head.kept], [ACTIVATION_NAME], name=ACTIVATION_NAME, axis=3))
    shape = ["N", *head.size_hw, labels]
    graph.output.append(package.helper.make_tensor_value_info(ACTIVATION_NAME, package.TensorProto.FLOAT, shape))
