"""The tiny model with familiarity: an image is like the training images if its mean colour is red, green or blue.

Features are the mean red, green and blue, 0 to 255; familiarity is the largest cosine to one of the three pure colours:
1 for pure ones, 0.577 for grey.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper
from tiny_model import TINY_SPEC, tiny_answer, tiny_card, tiny_onnx

from edgecls import image, modelfile
from edgecls.model_card import Familiarity, FamiliarityLevel, Golden, GoldenSample, ModelCard

FEATURES = 3
THRESHOLD = 0.8
LEVELS = (FamiliarityLevel(0.9, 0.95), FamiliarityLevel(0.95, 0.9), FamiliarityLevel(0.98, THRESHOLD))
FAMILIARITY = Familiarity(THRESHOLD, 0.98, 200, LEVELS)
DARK_RED, GREY, TURQUOISE = (120, 5, 5), (128, 128, 128), (10, 200, 190)
"""A colour that is like the training images, and two that are not: grey, and turquoise, which could be two labels."""


def familiar_features(batch_nhwc: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """Return the features that the model gives for a batch of images."""
    return batch_nhwc.mean(axis=(1, 2))


def familiarity_of(batch_nhwc: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """Return the familiarity that the model gives for a batch of images."""
    features = familiar_features(batch_nhwc)
    cosines: npt.NDArray[np.float64] = features.max(axis=1) / (np.linalg.norm(features, axis=1) + 1e-6)
    return cosines


def familiar_golden(count: int = 3) -> Golden:
    rng = np.random.default_rng(3)
    images = rng.integers(0, 256, (count, *TINY_SPEC.shape_hwc), dtype=np.uint8)
    rows = zip(images, tiny_answer(images), familiarity_of(images), strict=True)
    samples = [
        GoldenSample(f"sample {index}", image.encode_png(pixels), tuple(row.tolist()), float(familiarity))
        for index, (pixels, row, familiarity) in enumerate(rows)
    ]
    return Golden(1e-3, tuple(samples), familiarity_tolerance=0.01)


def familiar_card(**changes: Any) -> ModelCard:
    return tiny_card(**{"familiarity": FAMILIARITY, "golden": familiar_golden(), **changes})


def familiar_onnx(*, features: bool = True, source: str = "mean") -> bytes:
    """Return the bare network, with familiarity.

    Args:
        features: Whether the features are an output, too.
        source: What familiarity is computed from: "mean", of which the features are a copy, or "features".
    """
    proto = onnx.load_from_string(tiny_onnx())
    node, graph = helper.make_node, proto.graph
    if features:
        graph.node.append(node("Identity", ["mean"], ["features"]))
        graph.output.append(helper.make_tensor_value_info("features", TensorProto.FLOAT, ["N", FEATURES]))
    graph.node.extend(
        [
            node("ReduceL2", [source], ["familiarity_length"], axes=[1], keepdims=1),
            node("Add", ["familiarity_length", "familiarity_least"], ["familiarity_divisor"]),
            node("Div", [source, "familiarity_divisor"], ["familiarity_unit"]),
            node("MatMul", ["familiarity_unit", "familiarity_prototypes"], ["familiarity_cosines"]),
            node("ReduceMax", ["familiarity_cosines"], ["familiarity"], axes=[1], keepdims=0),
        ]
    )
    graph.output.append(helper.make_tensor_value_info("familiarity", TensorProto.FLOAT, ["N"]))
    graph.initializer.extend(
        [
            numpy_helper.from_array(np.array([1e-6], np.float32), "familiarity_least"),
            numpy_helper.from_array(np.eye(FEATURES, dtype=np.float32), "familiarity_prototypes"),
        ]
    )
    serialized: bytes = proto.SerializeToString()
    return serialized


def familiar_model_bytes(**changes: Any) -> bytes:
    """Return the whole model file, with a card that differs from the usual one by `changes`."""
    return modelfile.describe(familiar_onnx(), familiar_card(**changes))


def colored(color: tuple[int, int, int]) -> bytes:
    """Return an image of one colour, as PNG."""
    return image.encode_png(np.full((12, 16, 3), color, np.uint8))
