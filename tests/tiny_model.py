"""A model file made by hand, small enough that its answers can be computed with numpy.

Probabilities are the softmax of SHARPNESS times the mean red, green and blue of the image. Where it has a familiarity,
that is the mean red, from 0 to 1.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from onnx import TensorProto, helper, load_model_from_string

from edgecls import image, modelfile
from edgecls.image_spec import Color, Fit, ImageSpec
from edgecls.model_card import Familiarity, FamiliarityLevel, Golden, GoldenSample, ModelCard

TINY_LABELS = ("red", "green", "blue")
TINY_SPEC = ImageSpec(height=8, width=8, color=Color.RGB, fit=Fit.STRETCH)
SHARPNESS = 10.0


def tiny_answer(batch_nhwc: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """Return the probabilities that the tiny model gives for a batch of images."""
    logits = SHARPNESS * batch_nhwc.mean(axis=(1, 2)) / 255
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def tiny_familiarity(batch_nhwc: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """Return the familiarity that the tiny model with familiarity gives for a batch of images: ``[N]``."""
    return batch_nhwc[..., 0].mean(axis=(1, 2)) / 255


def tiny_golden(seed: int = 3, count: int = 3) -> Golden:
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (count, *TINY_SPEC.shape_hwc), dtype=np.uint8)
    samples = [
        GoldenSample(f"sample {index}", image.encode_png(pixels), tuple(tiny_answer(pixels[np.newaxis])[0].tolist()))
        for index, pixels in enumerate(images)
    ]
    return Golden(tolerance=1e-3, samples=tuple(samples))


def tiny_card(**changes: object) -> ModelCard:
    facts: dict[str, object] = {
        "name": "colors",
        "labels": TINY_LABELS,
        "image": TINY_SPEC,
        "architecture": "mean_color",
        "golden": tiny_golden(),
    }
    return ModelCard(**{**facts, **changes})  # type: ignore[arg-type]


def tiny_onnx(labels: int = 3, spec: ImageSpec = TINY_SPEC, matrix: Sequence[Sequence[float]] | None = None) -> bytes:
    """Return the bare network, without a document."""
    weights = np.eye(3, labels, dtype=np.float32) if matrix is None else np.asarray(matrix, np.float32)
    nodes = [
        helper.make_node("Cast", ["image"], ["pixels"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["pixels"], ["mean"], axes=[1, 2], keepdims=0),
        helper.make_node("MatMul", ["mean", "weights"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "mean_color",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, ["N", *spec.shape_hwc])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["N", labels])],
        [helper.make_tensor("weights", TensorProto.FLOAT, weights.shape, weights.ravel() * (SHARPNESS / 255))],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    serialized: bytes = model.SerializeToString()
    return serialized


def tiny_model_bytes(**changes: object) -> bytes:
    """Return the whole model file, with a card that differs from the usual one by `changes`."""
    return modelfile.describe(tiny_onnx(), tiny_card(**changes))


def tiny_familiar_card(threshold: float = 0.25, **changes: object) -> ModelCard:
    """Return the card of a model that knows the images whose mean red is at least `threshold`."""
    golden = tiny_golden()
    samples = tuple(
        replace(sample, familiarity=float(tiny_familiarity(image.decode(sample.png, name=sample.name)[np.newaxis])[0]))
        for sample in golden.samples
    )
    facts = Familiarity(
        threshold, 0.98, 50, (FamiliarityLevel(0.9, threshold + 0.1), FamiliarityLevel(0.98, threshold))
    )
    golden = replace(golden, samples=samples, familiarity_tolerance=1e-3)
    return tiny_card(**{"familiarity": facts, "golden": golden, **changes})


def tiny_familiar_model_bytes(threshold: float = 0.25, **changes: object) -> bytes:
    """Return a whole model file with the outputs "features", the mean colours, and "familiarity", the mean red."""
    model = load_model_from_string(tiny_onnx())
    graph = model.graph
    graph.node.extend(
        [
            helper.make_node("Identity", ["mean"], ["features"]),
            helper.make_node("MatMul", ["mean", "familiarity_weights"], ["familiarity"]),
        ]
    )
    graph.initializer.append(helper.make_tensor("familiarity_weights", TensorProto.FLOAT, [3], [1 / 255, 0, 0]))
    graph.output.append(helper.make_tensor_value_info("features", TensorProto.FLOAT, ["N", 3]))
    graph.output.append(helper.make_tensor_value_info("familiarity", TensorProto.FLOAT, ["N"]))
    return modelfile.describe(model.SerializeToString(), tiny_familiar_card(threshold, **changes))
