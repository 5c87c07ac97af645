"""Running an ONNX network as it is."""

import numpy as np
import pytest
from onnx import TensorProto, helper
from tiny_model import tiny_answer, tiny_onnx

from edgecls.errors import ModelFileError, ProviderError
from edgecls.runtime.execution.raw_network import open_raw_network

IMAGES = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3), dtype=np.uint8)


def test_every_output_comes_under_its_name() -> None:
    network = open_raw_network(tiny_onnx(), name="tiny")

    found = network.run(IMAGES, input_name="image")

    assert list(found) == ["probabilities"]
    np.testing.assert_allclose(found["probabilities"], tiny_answer(IMAGES), atol=1e-6)


def test_what_is_no_tensor_is_left_out() -> None:
    sequence = helper.make_sequence_type_proto(helper.make_tensor_type_proto(TensorProto.FLOAT, None))
    graph = helper.make_graph(
        [helper.make_node("SequenceConstruct", ["x"], ["list"]), helper.make_node("Relu", ["x"], ["y"])],
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n"])],
        [helper.make_value_info("list", sequence), helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n"])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)

    found = open_raw_network(model.SerializeToString(), name="lists").run(np.float32([-1, 2]), input_name="x")

    assert {name: values.tolist() for name, values in found.items()} == {"y": [0, 2]}


@pytest.mark.parametrize("content", [b"", b"no network", tiny_onnx()[:-40]])
def test_what_onnxruntime_cannot_load_is_refused(content: bytes) -> None:
    with pytest.raises(ModelFileError, match="onnxruntime cannot load 'broken'"):
        open_raw_network(content, name="broken")


@pytest.mark.parametrize("values", [IMAGES.astype(np.float32), IMAGES[0]], ids=["dtype", "rank"])
def test_what_the_network_does_not_take_is_refused(values: np.ndarray) -> None:
    network = open_raw_network(tiny_onnx(), name="tiny")

    with pytest.raises(ProviderError, match="onnxruntime cannot run 'tiny' on"):
        network.run(values, input_name="image")
