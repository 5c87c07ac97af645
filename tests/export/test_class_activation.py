"""The class activation: which networks get one, and that it says what the logits are made of."""

import numpy as np
import onnx
import onnxruntime
import pytest
from class_activation_nets import AVERAGING, BIAS, HEIGHT, LABELS, MAP_HW, NORMALISED, OTHERS, WIDTH, network
from onnx import TensorProto

from edgecls.export.proof import with_class_activation
from edgecls.modelfile import ACTIVATION_NAME
from edgecls.runtime.optional_outputs import without_outputs

IMAGES = np.random.default_rng(0).integers(0, 256, (6, HEIGHT, WIDTH, 3), np.uint8)
FACTORS = {"temperature": 1 / 0.5, "AveragePool over all": 2.0}  # of the logits, where the head has one
MAX_GROWTH = 400  # bytes: a node or two and the output, no weights


def _run(model: bytes, *outputs: str) -> list[np.ndarray]:
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    return session.run(list(outputs), {"image": IMAGES})


@pytest.mark.parametrize("head", AVERAGING)
def test_its_mean_is_the_logits_without_bias_and_factor(head: str) -> None:
    model = with_class_activation(network(AVERAGING[head]))

    probabilities, activation = _run(model, "probabilities", "class_activation")

    assert activation.shape == (len(IMAGES), *MAP_HW, LABELS)
    # The logits are known but for a number for each image (softmax) and one for each label (bias).
    rest = np.log(probabilities) - FACTORS.get(head, 1.0) * activation.mean(axis=(1, 2))
    rest -= rest.mean(axis=1, keepdims=True)
    np.testing.assert_allclose(rest - rest[0], 0, atol=1e-4)
    assert np.ptp(activation.mean(axis=(1, 2)), axis=0).min() > 0.005  # or the above would hold for nothing


def test_of_features_brought_to_one_length_its_mean_is_the_logits_but_for_that_length() -> None:
    proto = onnx.load_from_string(with_class_activation(network(NORMALISED)))
    proto.graph.output.append(onnx.helper.make_tensor_value_info("divisor", TensorProto.FLOAT, ["N", 1]))

    probabilities, activation, divisor = _run(proto.SerializeToString(), "probabilities", "class_activation", "divisor")

    rest = np.log(probabilities) - 3 / divisor * activation.mean(axis=(1, 2)) - BIAS
    np.testing.assert_allclose(rest - rest.mean(axis=1, keepdims=True), 0, atol=1e-4)


@pytest.mark.parametrize("head", AVERAGING)
def test_answers_and_weights_stay_and_the_file_hardly_grows(head: str) -> None:
    before = network(AVERAGING[head])

    after = with_class_activation(before)

    assert len(after) - len(before) < MAX_GROWTH
    assert onnx.load_from_string(after).graph.initializer == onnx.load_from_string(before).graph.initializer
    np.testing.assert_array_equal(_run(after, "probabilities")[0], _run(before, "probabilities")[0])
    onnx.checker.check_model(onnx.load_from_string(after), full_check=True)


@pytest.mark.parametrize("head", AVERAGING)
def test_taken_out_it_leaves_the_network_as_it_was(head: str) -> None:
    before = onnx.load_from_string(network(AVERAGING[head])).SerializeToString()
    after = with_class_activation(before)

    assert without_outputs(after, ACTIVATION_NAME) is not after
    assert without_outputs(after, ACTIVATION_NAME) == before
    assert with_class_activation(after) == after


@pytest.mark.parametrize("head", OTHERS)
def test_a_network_that_decides_otherwise_gets_none(head: str) -> None:
    model = network(OTHERS[head])

    assert with_class_activation(model) is model


def test_a_network_that_does_not_end_in_a_softmax_gets_none() -> None:
    model = network(AVERAGING["mean, MatMul, Add"], ending="Sigmoid")

    assert with_class_activation(model) is model


def test_operators_that_are_too_old_give_none() -> None:
    model = network(AVERAGING["mean, MatMul, Add"], opset=11)

    assert with_class_activation(model) is model


def test_weights_of_half_precision_give_none() -> None:
    model = onnx.load_from_string(network(AVERAGING["mean, MatMul, Add"]))
    model.graph.initializer[1].data_type = TensorProto.FLOAT16

    kept = with_class_activation(model.SerializeToString())
    assert without_outputs(kept, ACTIVATION_NAME) is kept


def test_a_network_that_uses_the_name_within_gets_none() -> None:
    model = onnx.load_from_string(network(AVERAGING["mean, MatMul, Add"]))
    for node in model.graph.node:
        node.input[:] = ["class_activation_map" if name == "map" else name for name in node.input]
        node.output[:] = ["class_activation_map" if name == "map" else name for name in node.output]
    renamed = model.SerializeToString()

    assert with_class_activation(renamed) is renamed
    assert without_outputs(renamed, ACTIVATION_NAME) is renamed
