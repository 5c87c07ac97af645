"""ONNX classifiers as other programs export them: small, seeded, and each with a habit of its own."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
from onnx import ModelProto, TensorProto, helper, numpy_helper

LABELS = ("红 roses", "绿 grass", "蓝 sky")
SIDE = 12
FILTERS = 6

ELEMENT_TYPES = {"float32": TensorProto.FLOAT, "float16": TensorProto.FLOAT16, "uint8": TensorProto.UINT8}


def net(
    *,
    layout: str = "nchw",
    channels: int = 3,
    element_type: str = "float32",
    batch: int | str = "batch",
    size: Sequence[int | str] = (SIDE, SIDE),
    outputs: int = 3,
    flatten: Sequence[int] = (0, -1),
    ending: str = "",
    input_name: str = "input",
    output_name: str = "output",
    inner_name: str = "features",
    opset: int = 17,
    ir_version: int = 8,
    gain: float = 1.0,
) -> ModelProto:
    """Return a convolution, a mean over the image and a dense layer.

    Args:
        layout: "nchw" or "nhwc".
        channels: Of the input.
        element_type: Of the input; the weights are float16 with it, else float32.
        batch: A number fixes it.
        size: Height and width; texts leave them free.
        outputs: Number of scores.
        flatten: The constant shape that the features are reshaped to.
        ending: "" for logits, or the operator that follows: "Softmax" or "Sigmoid".
        input_name: Name of the input.
        output_name: Name of the output.
        inner_name: Name of a tensor inside.
        opset: Version of the operators.
        ir_version: Version of the file's format; with 3 the weights are inputs too.
        gain: Factor on the scores; with 1/255 for nets that take pixels as they are.
    """
    rng = np.random.default_rng(0)
    dtype = np.float16 if element_type == "float16" else np.float32
    weights = {
        "kernel": rng.normal(0, 0.5, (FILTERS, channels, 3, 3)),
        "dense": rng.normal(0, 3 * gain, (FILTERS, outputs)),
        "bias": rng.normal(0, 0.1, outputs),
    }
    initializers = [numpy_helper.from_array(values.astype(dtype), name) for name, values in weights.items()]
    initializers.append(numpy_helper.from_array(np.array(flatten, np.int64), "flat_shape"))
    nodes, tensor = [], input_name
    if element_type == "uint8":
        nodes.append(helper.make_node("Cast", [tensor], ["floats"], to=TensorProto.FLOAT))
        tensor = "floats"
    if layout == "nhwc":
        nodes.append(helper.make_node("Transpose", [tensor], ["planes"], perm=[0, 3, 1, 2]))
        tensor = "planes"
    scores = "scores" if ending else output_name
    nodes += [
        helper.make_node("Conv", [tensor, "kernel"], [inner_name], strides=[2, 2]),
        helper.make_node("Relu", [inner_name], ["active"]),
        helper.make_node("GlobalAveragePool", ["active"], ["mean"]),
        helper.make_node("Reshape", ["mean", "flat_shape"], ["flat"]),
        helper.make_node("Gemm", ["flat", "dense", "bias"], [scores]),
    ]
    if ending:
        nodes.append(helper.make_node(ending, [scores], [output_name], **({"axis": 1} if ending == "Softmax" else {})))
    shape = [batch, channels, *size] if layout == "nchw" else [batch, *size, channels]
    out_type = TensorProto.FLOAT16 if element_type == "float16" else TensorProto.FLOAT
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info(input_name, ELEMENT_TYPES[element_type], shape)],
        [helper.make_tensor_value_info(output_name, out_type, [batch, outputs])],
        initializers,
    )
    if ir_version == 3:
        graph.input.extend(helper.make_tensor_value_info(one.name, one.data_type, one.dims) for one in initializers)
    return helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", opset)],
        ir_version=ir_version,
        producer_name="朋友",
        producer_version="1.0",
    )


def answer(model: ModelProto | bytes, values: npt.NDArray[Any], *, at_once: int = 1) -> npt.NDArray[np.float64]:
    """Return what the first output of a foreign network gives, run by onnxruntime alone, `at_once` images a run."""
    serialized = model if isinstance(model, bytes) else model.SerializeToString()
    session = onnxruntime.InferenceSession(serialized, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    rows = []
    for start in range(0, len(values), at_once):
        chunk = values[start : start + at_once]
        filled = np.concatenate([chunk] * at_once)[:at_once]
        rows.append(np.asarray(session.run(None, {name: filled})[0])[: len(chunk)])
    return np.concatenate(rows).reshape(len(values), -1).astype(np.float64)


def softmax(logits: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    result: npt.NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
    return result


def save_with_external_weights(tmp_path: Path) -> Path:
    """Save a net whose weights are in a file of their own, and return its path."""
    path = tmp_path / "beside" / "net.onnx"
    path.parent.mkdir()
    onnx.save_model(net(), path, save_as_external_data=True, location="net.data", size_threshold=0)
    return path
