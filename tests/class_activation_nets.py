"""Networks with heads of every kind, small and seeded, as model files have them: from "image" to "probabilities"."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from onnx import NodeProto, TensorProto, helper, numpy_helper

HEIGHT, WIDTH, CHANNELS, LABELS = 10, 14, 5, 4
MAP_HW = (4, 6)

Head = tuple[list[NodeProto], dict[str, Any]]
"""Nodes from "map" to "logits", and their constants."""


def _head(*nodes: tuple[str, Sequence[str], str, dict[str, Any]], **constants: Any) -> Head:
    return [helper.make_node(kind, inputs, [output], **attributes) for kind, inputs, output, attributes in nodes], {
        name: np.asarray(values) for name, values in constants.items()
    }


_rng = np.random.default_rng(5)
W = _rng.normal(0, 0.02, (CHANNELS, LABELS)).astype(np.float32)
WIDE = _rng.normal(0, 0.02, (CHANNELS, LABELS + 1)).astype(np.float32)
BIAS = _rng.normal(0, 0.3, LABELS).astype(np.float32)
_FLAT = ("Flatten", ["mean"], "flat", {})
_POOL = ("GlobalAveragePool", ["map"], "mean", {})
_MEAN = ("ReduceMean", ["map"], "flat", {"axes": [-1, 2], "keepdims": 0})

AVERAGING: dict[str, Head] = {
    "pool, flatten, Gemm": _head(_POOL, _FLAT, ("Gemm", ["flat", "w", "b"], "logits", {}), w=W, b=BIAS),
    "Gemm of transposed weights": _head(
        _POOL, _FLAT, ("Gemm", ["flat", "w", "b"], "logits", {"transB": 1}), w=W.T.copy(), b=BIAS
    ),
    "mean, MatMul, Add": _head(
        _MEAN, ("MatMul", ["flat", "w"], "sums", {}), ("Add", ["sums", "b"], "logits", {}), w=W, b=BIAS
    ),
    "channels last": _head(
        ("Transpose", ["map"], "map_last", {"perm": [0, 2, 3, 1]}),
        ("ReduceMean", ["map_last"], "flat", {"axes": [1, 2], "keepdims": 0}),
        ("MatMul", ["flat", "w"], "logits", {}),
        w=W,
    ),
    "temperature": _head(
        _MEAN,
        ("MatMul", ["flat", "w"], "sums", {}),
        ("Add", ["b", "sums"], "sure", {}),
        ("Div", ["sure", "t"], "logits", {}),
        w=W,
        b=BIAS,
        t=np.array([0.5], np.float32),
    ),
    "1x1 convolution for a dense layer": _head(
        _POOL,
        ("Conv", ["mean", "w", "b"], "places", {}),
        ("Reshape", ["places", "shape"], "logits", {}),
        w=W.T.reshape(LABELS, CHANNELS, 1, 1),
        b=BIAS,
        shape=np.array([-1, LABELS]),
    ),
    "the mean is the logits": _head(
        ("Conv", ["map", "w"], "scores", {}),
        ("GlobalAveragePool", ["scores"], "mean", {}),
        ("Flatten", ["mean"], "logits", {}),
        w=W.T.reshape(LABELS, CHANNELS, 1, 1),
    ),
    "AveragePool over all": _head(
        ("AveragePool", ["map"], "mean", {"kernel_shape": MAP_HW}),
        ("Squeeze", ["mean", "axes"], "flat", {}),
        ("Gemm", ["flat", "w"], "logits", {"alpha": 2.0}),
        w=W / 2,
        axes=np.array([2, 3]),
    ),
    "without the background class": _head(
        _POOL,
        _FLAT,
        ("Gemm", ["flat", "w"], "all", {}),
        ("Gather", ["all", "labels"], "logits", {"axis": 1}),
        w=WIDE,
        labels=np.arange(1, LABELS + 1),
    ),
}
"""Heads whose logits are means over the places of the map."""

NORMALISED: Head = _head(
    *(_POOL, _FLAT, ("Cast", ["flat"], "pooled", {"to": TensorProto.FLOAT})),
    ("ReduceL2", ["pooled"], "length", {"axes": [1]}),
    ("Add", ["length", "least"], "divisor", {}),
    ("Div", ["pooled", "divisor"], "direction", {}),
    ("Mul", ["direction", "size"], "features", {}),
    ("MatMul", ["features", "w"], "sums", {}),
    ("Add", ["sums", "b"], "logits", {}),
    w=W,
    b=BIAS,
    least=np.float32(1e-6),
    size=np.float32(3),
)
"""One whose logits are such means but for a factor of each image, which is one over the tensor "divisor", times 3."""

OTHERS: dict[str, Head] = {
    "max pooling": _head(("GlobalMaxPool", ["map"], "mean", {}), _FLAT, ("Gemm", ["flat", "w"], "logits", {}), w=W),
    "a hidden layer": _head(
        _POOL,
        _FLAT,
        ("Relu", ["flat"], "hidden", {}),
        ("Gemm", ["hidden", "w"], "logits", {}),
        w=W,
    ),
    "flatten": _head(
        ("Flatten", ["map"], "flat", {}),
        ("Gemm", ["flat", "w"], "logits", {}),
        w=_rng.normal(0, 0.01, (CHANNELS * MAP_HW[0] * MAP_HW[1], LABELS)).astype(np.float32),
    ),
    "pooling of parts": _head(
        ("AveragePool", ["map"], "parts", {"kernel_shape": (2, 3), "strides": (2, 3)}),
        ("GlobalMaxPool", ["parts"], "mean", {}),
        _FLAT,
        ("Gemm", ["flat", "w"], "logits", {}),
        w=W,
    ),
    "a negative factor": _head(
        _MEAN,
        ("MatMul", ["flat", "w"], "sums", {}),
        ("Mul", ["sums", "t"], "logits", {}),
        w=W,
        t=np.array([-1.0], np.float32),
    ),
    "a mean over rows only": _head(
        ("ReduceMean", ["map"], "columns", {"axes": [2], "keepdims": 0}),
        ("Flatten", ["columns"], "flat", {}),
        ("Gemm", ["flat", "w"], "logits", {}),
        w=_rng.normal(0, 0.01, (CHANNELS * MAP_HW[1], LABELS)).astype(np.float32),
    ),
}
"""Heads of which the places of the map do not tell the logits."""


def network(head: Head, *, ending: str = "Softmax", opset: int = 13) -> bytes:
    """Return a serialised network: a convolution to "map", the head, and what makes probabilities of its logits."""
    nodes, constants = head
    kernel = np.random.default_rng(7).normal(0, 0.02, (CHANNELS, 3, 3, 3)).astype(np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("Cast", ["image"], ["floats"], to=TensorProto.FLOAT),
            helper.make_node("Transpose", ["floats"], ["planes"], perm=[0, 3, 1, 2]),
            helper.make_node("Conv", ["planes", "kernel"], ["convolved"], strides=[2, 2]),
            helper.make_node("Relu", ["convolved"], ["map"]),
            *nodes,
            helper.make_node(ending, ["logits"], ["probabilities"]),
        ],
        "net",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, ["N", HEIGHT, WIDTH, 3])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["N", LABELS])],
        [numpy_helper.from_array(values, name) for name, values in {"kernel": kernel, **constants}.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    serialized: bytes = model.SerializeToString()
    return serialized
