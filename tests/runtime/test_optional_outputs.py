"""Leaving the class activation out: a session computes it only if it was opened for it."""

import json
from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from class_activation_nets import AVERAGING, network
from tiny_model import TINY_SPEC, tiny_answer, tiny_card, tiny_onnx

from edgecls import modelfile
from edgecls.errors import ModelFileError
from edgecls.export.proof import with_class_activation
from edgecls.modelfile import ACTIVATION_NAME, ModelFile
from edgecls.runtime.execution.providers import Provider
from edgecls.runtime.optional_outputs import without_outputs
from edgecls.runtime.session import Session, open_session


def _open(onnx_bytes: bytes, *, class_activation: bool = False) -> Session:
    card = tiny_card()
    model = ModelFile("m.onnx", card, modelfile.describe(onnx_bytes, card))
    return open_session(model, Provider.CPU, intra_op_threads=1, class_activation=class_activation)


def _optimized(model: bytes, folder: Path) -> Counter[str]:
    """Return the operators that onnxruntime really runs."""
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(folder / "optimized.onnx")
    options.log_severity_level = 4  # it warns that the file is for this machine only
    onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return Counter(node.op_type for node in onnx.load(folder / "optimized.onnx").graph.node)


def test_a_session_gives_it_only_if_it_was_opened_so() -> None:
    model = with_class_activation(tiny_onnx())
    image = np.random.default_rng(0).integers(0, 256, TINY_SPEC.shape_hwc, np.uint8)

    lean, full = _open(model), _open(model, class_activation=True)

    assert lean.is_explainable
    assert lean.run_explained(image)[1] is None
    answers, activation = full.run_explained(image)
    assert activation is not None
    assert activation.shape == (1, TINY_SPEC.height, TINY_SPEC.width, 3)
    np.testing.assert_allclose(activation[0], image * (10 / 255), rtol=1e-5)
    np.testing.assert_allclose(answers.probabilities, tiny_answer(image[np.newaxis]), atol=1e-6)


def test_a_file_without_one_stays_valid() -> None:
    session = _open(tiny_onnx(), class_activation=True)

    assert not session.is_explainable
    assert session.run_explained(np.zeros(TINY_SPEC.shape_hwc, np.uint8))[1] is None


@pytest.mark.parametrize("head", AVERAGING)
def test_left_out_it_changes_nothing_of_what_onnxruntime_runs(head: str, tmp_path: Path) -> None:
    plain = network(AVERAGING[head])

    lean = without_outputs(with_class_activation(plain), ACTIVATION_NAME)

    assert _optimized(lean, tmp_path) == _optimized(plain, tmp_path)


def test_onnxruntime_computes_an_output_that_nobody_asks_for(tmp_path: Path) -> None:
    """Why it has to be left out; when this fails, onnxruntime has learnt to pass over it."""
    options = onnxruntime.SessionOptions()
    options.enable_profiling = True
    options.profile_file_prefix = str(tmp_path / "profile")
    model = with_class_activation(tiny_onnx())
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    asking = onnxruntime.RunOptions()
    asking.only_execute_path_to_fetches = True

    session.run(["probabilities"], {"image": np.zeros((1, *TINY_SPEC.shape_hwc), np.uint8)}, asking)

    events = json.loads(Path(session.end_profiling()).read_text())
    assert any(event["name"].startswith("class_activation") for event in events)


def test_an_output_of_that_name_and_another_shape_is_refused() -> None:
    proto = onnx.load_from_string(tiny_onnx())
    proto.graph.output.append(onnx.helper.make_tensor_value_info("class_activation", onnx.TensorProto.FLOAT, ["N", 3]))
    proto.graph.node.append(onnx.helper.make_node("Identity", ["mean"], ["class_activation"]))
    model = proto.SerializeToString()

    assert without_outputs(model, ACTIVATION_NAME) is not model
    with pytest.raises(ModelFileError, match=r"'class_activation' must be float32 of shape \(N, h, w, 3\)"):
        _open(model, class_activation=True)
