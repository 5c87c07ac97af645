"""A model file made by hand, small enough that its answers can be computed with numpy.

Probabilities are the softmax of SHARPNESS times the mean red, green and blue of the image.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from onnx import TensorProto, helper

from edgecls import image, modelfile
from edgecls.image_spec import Color, Fit, ImageSpec
from edgecls.model_card import Golden, GoldenSample, ModelCard

TINY_LABELS = ("red", "green", "blue")
TINY_SPEC = ImageSpec(height=8, width=8, color=Color.RGB, fit=Fit.STRETCH)
SHARPNESS = 10.0


def tiny_answer(batch_nhwc: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """Return the probabilities that the tiny model gives for a batch of images."""
    logits = SHARPNESS * batch_nhwc.mean(axis=(1, 2)) / 255
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


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
