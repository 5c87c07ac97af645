"""Freeing a batch that was fixed at export."""

from collections.abc import Callable, Sequence

import numpy as np
import onnxruntime
import pytest
from onnx import ModelProto, TensorProto, helper, numpy_helper

from edgecls.export.foreign.batch_axis import free_batch

SIZES = (2, 4, 4)  # channels, height, width
TOKENS, WIDTH, HEADS = 16, 8, 2

Step = tuple[str, list[str], dict[str, object]]


def _model(steps: Sequence[Step], weights: dict[str, np.ndarray], *, batch: int = 1) -> ModelProto:
    """A graph whose tensors are numbered: "0" is the input, "1" what the first step gives, and so on."""
    nodes = [helper.make_node(op, inputs, [str(index)], **more) for index, (op, inputs, more) in enumerate(steps, 1)]
    shape = [batch, *SIZES]
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("0", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(str(len(steps)), TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.asarray(values), name) for name, values in weights.items()],
        value_info=[helper.make_tensor_value_info("1", TensorProto.FLOAT, None)],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def _run(model: ModelProto, batch: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {"0": batch})[0])


def _random(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).normal(size=shape).astype(np.float32)


def _ints(*numbers: int) -> np.ndarray:
    return np.array(numbers, np.int64)


def _merged_and_parted(batch: int) -> ModelProto:
    """Images are laid out as rows of pixels, changed, and put together again."""
    return _model(
        [
            ("Transpose", ["0"], {"perm": [0, 2, 3, 1]}),
            ("Reshape", ["1", "rows"], {}),
            ("MatMul", ["2", "dense"], {}),
            ("Reshape", ["3", "images"], {}),
            ("ReduceMean", ["4"], {"axes": [1, 2], "keepdims": 0}),
        ],
        {"rows": _ints(16 * batch, 2), "dense": _random(2, 3), "images": _ints(batch, 4, 4, 3)},
        batch=batch,
    )


def _transformer(batch: int) -> ModelProto:
    """A class token, and attention whose tokens come first and whose heads share an axis with the batch."""
    assert batch == 1
    head = WIDTH // HEADS
    return _model(
        [
            ("Reshape", ["0", "planes"], {}),
            ("Transpose", ["1"], {"perm": [0, 2, 1]}),
            ("MatMul", ["2", "embed"], {}),
            ("Mul", ["one", "one"], {}),  # shapes are left as arithmetic
            ("Concat", ["4", "4", "width"], {"axis": 0}),
            ("Expand", ["token", "5"], {}),
            ("Concat", ["6", "3"], {"axis": 1}),
            ("Transpose", ["7"], {"perm": [1, 0, 2]}),
            ("Reshape", ["8", "heads"], {}),
            ("Transpose", ["9"], {"perm": [1, 0, 2]}),
            ("Transpose", ["10"], {"perm": [0, 2, 1]}),
            ("MatMul", ["10", "11"], {}),
            ("Softmax", ["12"], {"axis": -1}),
            ("MatMul", ["13", "10"], {}),
            ("Transpose", ["14"], {"perm": [1, 0, 2]}),
            ("Reshape", ["15", "rows"], {}),
            ("Gemm", ["16", "dense"], {}),
            ("Reshape", ["17", "tokens"], {}),
            ("Transpose", ["18"], {"perm": [1, 0, 2]}),
            ("Add", ["19", "7"], {}),
            ("Gather", ["20", "zero"], {"axis": 1}),
        ],
        {
            "planes": _ints(1, 2, TOKENS),
            "embed": _random(2, WIDTH),
            "one": _ints(1),
            "width": _ints(WIDTH),
            "token": _random(1, 1, WIDTH),
            "heads": _ints(TOKENS + 1, HEADS, head),
            "rows": _ints(TOKENS + 1, WIDTH),
            "dense": _random(WIDTH, WIDTH),
            "tokens": _ints(TOKENS + 1, 1, WIDTH),
            "zero": np.array(0, np.int64),
        },
    )


@pytest.mark.parametrize(
    ("make", "batch"),
    [(_merged_and_parted, 1), (_merged_and_parted, 4), (_transformer, 1)],
    ids=["rows-of-pixels-of-1", "rows-of-pixels-of-4", "transformer-of-1"],
)
def test_a_freed_network_answers_any_number_of_images_as_before(make: Callable[[int], ModelProto], batch: int) -> None:
    model = make(batch)
    before = model.SerializeToString()
    images = _random(batch * 5, *SIZES)
    expected = np.concatenate([_run(model, images[start : start + batch]) for start in range(0, 5 * batch, batch)])

    freed = free_batch(model, "0", batch=batch, sizes=SIZES)

    for count in (1, 3, 5):
        np.testing.assert_allclose(_run(freed, images[:count]), expected[:count], rtol=1e-5, atol=1e-6)
    assert freed.graph.input[0].type.tensor_type.shape.dim[0].dim_param == "N"
    assert np.abs(expected[0] - expected[-1]).max() > 0.01
    assert model.SerializeToString() == before


def test_shapes_that_hold_no_batch_stay_as_they_are() -> None:
    model = _model(
        [("Reshape", ["0", "planes"], {}), ("Reshape", ["scale", "flat"], {}), ("Mul", ["1", "2"], {})],
        {"planes": _ints(0, 2, -1), "scale": _random(4, 4), "flat": _ints(16)},
    )

    freed = free_batch(model, "0", batch=1, sizes=SIZES)

    assert next(list(node.input) for node in freed.graph.node if node.op_type == "Reshape") == ["0", "planes"]
    images = _random(3, *SIZES)
    np.testing.assert_allclose(_run(freed, images)[:1], _run(model, images[:1]), rtol=1e-6)
