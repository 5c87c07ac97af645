"""The float16 network: halves inside, and the same ends as before."""

import numpy as np
import onnx
import pytest
from color_network import color_images, run_onnx
from onnx import TensorProto

from edgecls.export.graph.float16 import float16_onnx
from edgecls.export.precision.float_network import FloatNetwork


@pytest.mark.parametrize("output", ["probabilities", "class_activation"])
def test_all_outputs_answer_nearly_as_before(output: str, network: FloatNetwork) -> None:
    images = color_images(seed=9)

    found, expected = run_onnx(float16_onnx(network.proto), images, output), run_onnx(network.onnx, images, output)

    # A half has 11 bits; logits are up to 6. Seen: 0.001 at most.
    np.testing.assert_allclose(found, expected, rtol=0, atol=0.005)
    assert found.dtype == np.float32


def test_all_weights_are_halves_and_the_ends_as_promised(network: FloatNetwork) -> None:
    proto = onnx.load_from_string(float16_onnx(network.proto))

    onnx.checker.check_model(proto, full_check=True)
    weights = {tensor.name: tensor.data_type for tensor in proto.graph.initializer if tensor.dims}
    assert set(weights.values()) == {TensorProto.FLOAT16}
    assert {"first_float16", "dense_float16", "of_labels_float16"} <= set(weights)
    (taken,), given = proto.graph.input, proto.graph.output
    assert taken.type.tensor_type.elem_type == TensorProto.UINT8
    assert [value.type.tensor_type.elem_type for value in given] == [TensorProto.FLOAT] * 2


def test_scaling_and_softmax_stay_in_float32(network: FloatNetwork) -> None:
    proto = onnx.shape_inference.infer_shapes(onnx.load_from_string(float16_onnx(network.proto)))

    kinds = {value.name: value.type.tensor_type.elem_type for value in proto.graph.value_info}
    nodes = {node.op_type: node for node in proto.graph.node}
    assert kinds[nodes["Mul"].output[0]] == TensorProto.FLOAT
    assert kinds[nodes["Softmax"].input[0]] == TensorProto.FLOAT
    assert kinds[nodes["MatMul"].output[0]] == TensorProto.FLOAT16
