"""The provider openvino: right answers in any number of threads, and a clear reason where it cannot run."""

import importlib.util
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnx
import pytest
from familiar_model import familiar_features, familiarity_of
from runtime_wheels import install
from tiny_model import TINY_SPEC, tiny_answer, tiny_card, tiny_golden, tiny_onnx

from edgecls import image, modelfile
from edgecls.commands.options import BUNDLED_MODEL
from edgecls.errors import ModelFileError, ProviderError
from edgecls.export.proof import with_class_activation
from edgecls.model_card import ModelCard
from edgecls.modelfile import ModelFile, read_model
from edgecls.runtime.doctor.diagnosis import diagnose
from edgecls.runtime.execution import openvino_network
from edgecls.runtime.execution.probe import probe
from edgecls.runtime.execution.providers import Provider, installed_providers, openvino_version, providers_to_try
from edgecls.runtime.opening import load
from edgecls.runtime.session import Session, open_session
from edgecls.runtime.setting import Setting
from edgecls.runtime.tuned import Choice, choices_folder, keep_choice
from edgecls.runtime.tuning.tune import tune

needs_openvino = pytest.mark.skipif(
    importlib.util.find_spec("openvino") is None and "EDGECLS_REQUIRE_OPENVINO" not in os.environ,
    reason="needs edgecls[openvino]; CI has it",
)


def _noise(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, *TINY_SPEC.shape_hwc), np.uint8)


def _model(onnx: bytes, card: ModelCard) -> ModelFile:
    return ModelFile("m.onnx", card, modelfile.describe(onnx, card))


def _open(model: ModelFile, **options: bool) -> Session:
    return open_session(model, Provider.OPENVINO, intra_op_threads=1, **options)


@needs_openvino
class TestInstalled:
    def test_an_output_that_openvino_calls_by_two_names_is_found(self, tiny_model: ModelFile) -> None:
        """As in a model of quick training, whose last node is one that OpenVINO leaves out."""
        network = onnx.load_model_from_string(tiny_onnx())
        last = next(node for node in network.graph.node if modelfile.OUTPUT_NAME in node.output)
        last.output[list(last.output).index(modelfile.OUTPUT_NAME)] = "a_name_before"
        network.graph.node.append(onnx.helper.make_node("Identity", ["a_name_before"], [modelfile.OUTPUT_NAME]))

        session = _open(_model(network.SerializeToString(), tiny_model.card))

        np.testing.assert_allclose(session.run(_noise(2)), tiny_answer(_noise(2)), atol=1e-6)

    @pytest.mark.parametrize("intra_op_threads", [1, 2, 64])
    @pytest.mark.parametrize("batch_size", [1, 2, 7])
    def test_a_batch_of_any_size_gives_the_known_answers(
        self, tiny_model: ModelFile, batch_size: int, intra_op_threads: int
    ) -> None:
        session = open_session(tiny_model, Provider.OPENVINO, intra_op_threads=intra_op_threads)
        batch = _noise(batch_size)

        probabilities = session.run(batch)

        assert (session.provider, session.nodes) == (Provider.OPENVINO, {})
        assert probabilities.dtype == np.float32
        # In bfloat16, which it would choose by itself on some processors, they differ by 1e-2.
        np.testing.assert_allclose(probabilities, tiny_answer(batch), rtol=0, atol=1e-5)

    def test_familiarity_and_features_are_those_of_other_providers(self, familiar_model_path: Path) -> None:
        session = _open(read_model(familiar_model_path), features=True)
        batch = _noise(3)

        answers = session.run_all(batch)

        assert answers.familiarity is not None
        assert answers.features is not None
        np.testing.assert_allclose(answers.familiarity, familiarity_of(batch), atol=1e-5)
        np.testing.assert_allclose(answers.features, familiar_features(batch), rtol=1e-5)
        assert _open(read_model(familiar_model_path)).run_all(batch).features is None

    def test_its_makers_are_not_told(self, tiny_model_path: Path) -> None:
        script = (
            "import sys, edgecls; edgecls.load(sys.argv[1], 'openvino'); import openvino; "
            "print(sys.modules['openvino_telemetry'], type(openvino.tools.ovc.telemetry).__module__)"
        )

        said = subprocess.check_output([sys.executable, "-c", script, tiny_model_path], text=True)

        assert said == "None openvino.tools.ovc.telemetry_stub\n"

    def test_answers_stay_as_they_are_when_others_follow(self, tiny_model: ModelFile) -> None:
        session, batch = _open(tiny_model), _noise(2)

        first, second = (session.run(batch[index : index + 1]) for index in range(2))

        np.testing.assert_allclose(np.concatenate([first, second]), tiny_answer(batch), rtol=0, atol=1e-5)

    def test_images_that_are_views_or_read_only_are_taken(self, tiny_model: ModelFile) -> None:
        batch = _noise(3)[:, ::-1, :, ::-1]
        batch.flags.writeable = False

        np.testing.assert_allclose(_open(tiny_model).run(batch), tiny_answer(batch), rtol=0, atol=1e-5)

    def test_threads_do_not_get_answers_of_each_other(self, tiny_model: ModelFile) -> None:
        session, batch = _open(tiny_model), _noise(200)

        with ThreadPoolExecutor(8) as pool:
            rows = list(pool.map(lambda index: session.run(batch[index : index + 1]), range(len(batch))))

        np.testing.assert_allclose(np.concatenate(rows), tiny_answer(batch), rtol=0, atol=1e-5)

    def test_the_class_activation_is_there_if_it_is_asked_for(self) -> None:
        model = _model(with_class_activation(tiny_onnx()), tiny_card())
        image = _noise(1)[0]

        answers, activation = _open(model, class_activation=True).run_explained(image)

        assert activation is not None
        np.testing.assert_allclose(activation[0], image * (10 / 255), rtol=1e-5)
        np.testing.assert_allclose(answers.probabilities, tiny_answer(image[np.newaxis]), rtol=0, atol=1e-5)
        assert _open(model).run_explained(image)[1] is None

    def test_the_bundled_model_agrees_with_its_golden_samples(self) -> None:
        with load(BUNDLED_MODEL, "openvino") as classifier:
            assert all(result.passed for result in classifier.verify())

    def test_wrong_answers_are_no_answers(self) -> None:
        onnx = tiny_onnx(matrix=[[0, 1, 0], [1, 0, 0], [0, 0, 1]])

        with pytest.raises(ProviderError, match=r"on openvino\..*wrong answers .*golden sample 'sample 0'"):
            _open(_model(onnx, tiny_card(golden=tiny_golden())))

    def test_a_network_that_it_cannot_open_is_named_with_its_reason(self) -> None:
        onnx = tiny_onnx().replace(b"Softmax", b"Softmux")

        with pytest.raises(ProviderError, match=r"cannot run model 'm\.onnx' on openvino\..*Softmux"):
            _open(_model(onnx, tiny_card()))

    def test_fewer_labels_than_outputs_are_refused(self) -> None:
        with pytest.raises(ModelFileError, match=r"names 3 labels.*shape \(N, 3\); its network gives .*4"):
            _open(_model(tiny_onnx(labels=4), tiny_card()))

    def test_a_damaged_installation_says_so(self, tiny_model: ModelFile, monkeypatch: pytest.MonkeyPatch) -> None:
        def broken(*_: object, **__: object) -> object:
            raise ImportError("libtbb.so.12 is gone")

        monkeypatch.setattr(openvino_network, "import_from_extra", broken)

        with pytest.raises(ProviderError, match=r"cannot load OpenVINO: .*libtbb\.so\.12 is gone.*edgecls doctor"):
            _open(tiny_model)

    def test_auto_neither_takes_nor_imports_it(self, tiny_model_path: Path) -> None:
        script = "import sys, edgecls; print(edgecls.load(sys.argv[1]).provider, 'openvino' in sys.modules)"

        done = subprocess.run(
            [sys.executable, "-c", script, tiny_model_path], capture_output=True, text=True, check=True
        )

        assert done.stdout == f"{providers_to_try(Provider.AUTO)[0]} False\n"

    def test_tuning_measures_it_and_a_classifier_is_opened_as_tuned(
        self, own_cache: Path, tiny_model: ModelFile
    ) -> None:
        encoded = image.encode_png(_noise(1)[0])

        found = tune([tiny_model], [encoded], seconds=1)

        assert {row.setting.provider for row in found.models[0].rows} == set(installed_providers())
        setting = Setting(Provider.OPENVINO, 1, 2, 1)
        choice = Choice(setting, setting, found.models[0].choice.measured)
        keep_choice(choice, tiny_model.network_sha256, found.hardware, folder=choices_folder())
        with load(tiny_model.path, tuned="latency") as classifier:
            assert (classifier.provider, classifier.setting) == (Provider.OPENVINO, setting)
            assert classifier.predict_bytes(encoded).probabilities == pytest.approx(tiny_answer(_noise(1))[0], abs=1e-5)

    def test_the_doctor_tries_it_and_still_names_the_provider_that_auto_takes(self, tiny_model_path: Path) -> None:
        diagnosis = diagnose(str(tiny_model_path))

        (check,) = (check for check in diagnosis.providers if check.provider is Provider.OPENVINO)
        assert check.works
        assert diagnosis.best_provider in providers_to_try(Provider.AUTO)
        assert diagnosis.versions["openvino"] == openvino_version()


def test_a_copy_of_it_is_found_without_importing_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, "openvino", "2026.4.1")
    monkeypatch.syspath_prepend(tmp_path)

    assert openvino_version() == "2026.4.1"
    assert probe(Provider.OPENVINO) is None
    assert Provider.OPENVINO in installed_providers()
    assert Provider.OPENVINO not in providers_to_try(Provider.AUTO)


@pytest.mark.skipif(openvino_version() is not None, reason="edgecls[openvino] is installed")
def test_where_it_is_not_installed_the_extra_is_named(tiny_model: ModelFile) -> None:
    assert Provider.OPENVINO not in installed_providers()
    with pytest.raises(ProviderError, match=r'OpenVINO is not installed; pip install "edgecls\[openvino\]"'):
        _open(tiny_model)
