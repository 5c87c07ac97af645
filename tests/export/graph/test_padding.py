"""Zero padding moves into the convolution behind it, and nothing else does."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from edgecls.export.graph.tidy import pad_in_convolutions

IMAGE = np.random.default_rng(0).normal(size=(2, 3, 6, 7)).astype(np.float32)


def _network(
    pads: list[int], *, value: float | None = None, mode: str = "constant", conv: dict[str, object] | None = None
) -> onnx.ModelProto:
    weights = {
        "pads": np.array(pads),
        "kernel": np.random.default_rng(1).normal(size=(2, 3, 3, 3)).astype(np.float32),
    }
    if value is not None:
        weights["value"] = np.array(value, np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("Pad", ["x", "pads", *(["value"] if value is not None else [])], ["padded"], mode=mode),
            helper.make_node("Conv", ["padded", "kernel"], ["y"], **(conv or {})),
        ],
        "padding",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, IMAGE.shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", "C", "H", "W"])],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


def _moved(model: onnx.ModelProto) -> bool:
    arrays = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    pad_in_convolutions(model.graph, arrays)
    return [node.op_type for node in model.graph.node] == ["Conv"]


@pytest.mark.parametrize(
    ("pads", "value", "conv"),
    [
        ([0, 0, 0, 0, 0, 0, 1, 1], None, {"strides": [2, 2]}),
        ([0, 0, 1, 2, 0, 0, 3, 0], 0.0, {}),
        ([0, 0, 1, 1, 0, 0, 1, 1], -0.0, {"pads": [0, 1, 2, 0]}),
        ([0, 0, 1, 1, 0, 0, 1, 1], 0.0, {"auto_pad": "VALID"}),
    ],
    ids=["behind-only", "all-sides", "added-to-its-own", "valid"],
)
def test_zeros_move_and_the_answers_stay(pads: list[int], value: float | None, conv: dict[str, object]) -> None:
    expected = ReferenceEvaluator(_network(pads, value=value, conv=conv)).run(None, {"x": IMAGE})[0]

    model = _network(pads, value=value, conv=conv)
    assert _moved(model)
    onnx.checker.check_model(model)
    found = ReferenceEvaluator(model).run(None, {"x": IMAGE})[0]

    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("pads", "value", "mode", "conv"),
    [
        ([0, 0, 1, 1, 0, 0, 1, 1], 0.5, "constant", {}),
        ([0, 0, 1, 1, 0, 0, 1, 1], None, "reflect", {}),
        ([0, 1, 1, 1, 0, 0, 1, 1], None, "constant", {}),
        ([0, 0, -1, 0, 0, 0, 1, 1], None, "constant", {}),
        ([0, 0, 1, 1, 0, 0, 1, 1], None, "constant", {"auto_pad": "SAME_UPPER"}),
    ],
    ids=["another-value", "reflected", "channels", "cropped", "depends-on-the-size"],
)
def test_other_padding_stays(pads: list[int], value: float | None, mode: str, conv: dict[str, object]) -> None:
    assert not _moved(_network(pads, value=value, mode=mode, conv=conv))


def test_padding_that_others_read_too_stays() -> None:
    model = _network([0, 0, 1, 1, 0, 0, 1, 1])
    model.graph.output.append(helper.make_tensor_value_info("padded", TensorProto.FLOAT, None))

    assert not _moved(model)
