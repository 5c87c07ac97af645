"""A model file whose network takes about a millisecond: as a small network trained from scratch would."""

import itertools
from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from edgecls import image, modelfile
from edgecls.image_spec import Color, Fit, ImageSpec
from edgecls.model_card import Golden, GoldenSample, ModelCard
from edgecls.runtime.execution.ort import load_onnxruntime

__all__ = ["write_small_model", "write_tiny_model"]

SPEC = ImageSpec(height=128, width=128, color=Color.RGB, fit=Fit.STRETCH)
CHANNELS = (3, 16, 32, 64, 128)
LABELS = tuple(f"label {index}" for index in range(10))


def write_small_model(path: Path) -> Path:
    """Write the model file, with seeded random weights, and return its path."""
    return _write(path, SPEC, CHANNELS)


def write_tiny_model(path: Path) -> Path:
    """Write one whose network takes about 20 microseconds, which hides little overhead, and return its path."""
    return _write(path, ImageSpec(height=16, width=16, color=Color.RGB, fit=Fit.STRETCH), CHANNELS[:2])


def _write(path: Path, spec: ImageSpec, channels: tuple[int, ...]) -> Path:
    onnx = _network(spec, channels)
    session = load_onnxruntime().InferenceSession(onnx, providers=["CPUExecutionProvider"])
    pixels = np.random.default_rng(1).integers(0, 256, spec.shape_hwc, dtype=np.uint8)
    (row,) = session.run(None, {"image": pixels[np.newaxis]})[0]
    sample = GoldenSample("noise", image.encode_png(pixels), tuple(row.tolist()))
    card = ModelCard(
        name=path.stem, labels=LABELS, image=spec, architecture="random_cnn", golden=Golden(1e-3, (sample,))
    )
    modelfile.write_model(path, onnx, card)
    return path


def _network(spec: ImageSpec, channels: tuple[int, ...]) -> bytes:
    rng = np.random.default_rng(0)
    weights = {"scale": np.float32(1 / 255)}
    nodes = [
        helper.make_node("Cast", ["image"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["float", "scale"], ["scaled"]),
        helper.make_node("Transpose", ["scaled"], ["0"], perm=[0, 3, 1, 2]),
    ]
    for index, (inner, outer) in enumerate(itertools.pairwise(channels)):
        weights[f"w{index}"] = rng.normal(0, (2 / (9 * inner)) ** 0.5, (outer, inner, 3, 3)).astype(np.float32)
        nodes += [
            helper.make_node("Conv", [str(index), f"w{index}"], [f"c{index}"], pads=[1, 1, 1, 1]),
            helper.make_node("Relu", [f"c{index}"], [f"r{index}"]),
            helper.make_node("MaxPool", [f"r{index}"], [str(index + 1)], kernel_shape=[2, 2], strides=[2, 2]),
        ]
    weights["head"] = rng.normal(0, 0.1, (channels[-1], len(LABELS))).astype(np.float32)
    nodes += [
        helper.make_node("GlobalAveragePool", [str(len(channels) - 1)], ["mean"]),
        helper.make_node("Flatten", ["mean"], ["flat"]),
        helper.make_node("MatMul", ["flat", "head"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "random_cnn",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, ["N", *spec.shape_hwc])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["N", len(LABELS)])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    serialized: bytes = model.SerializeToString()
    return serialized
