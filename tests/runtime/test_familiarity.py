"""Familiarity at run time: from one run, judged against the file's threshold or the user's; features on request."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from familiar_model import (
    DARK_RED,
    FAMILIARITY,
    FEATURES,
    GREY,
    THRESHOLD,
    TURQUOISE,
    colored,
    familiar_card,
    familiar_features,
    familiar_golden,
    familiar_model_bytes,
    familiar_onnx,
    familiarity_of,
)
from tiny_model import TINY_SPEC, tiny_answer, tiny_card, tiny_model_bytes, tiny_onnx

from edgecls import image, load, modelfile
from edgecls.errors import ClosedError, ImageDecodeError, ModelFileError
from edgecls.export.proof import with_class_activation
from edgecls.modelfile import FEATURES_NAME, model_from_bytes
from edgecls.runtime.answers import Answers, Batch
from edgecls.runtime.execution.providers import Provider
from edgecls.runtime.golden import check_answers, check_golden, worst_of
from edgecls.runtime.min_familiarity import familiarity_threshold, read_min_familiarity
from edgecls.runtime.opening import open_classifier
from edgecls.runtime.optional_outputs import output_widths, without_outputs
from edgecls.runtime.session import Session, open_session
from edgecls.runtime.setting import Setting


def _noise(count: int) -> Batch:
    return np.random.default_rng(0).integers(0, 256, (count, *TINY_SPEC.shape_hwc), np.uint8)


def _open(onnx_bytes: bytes, **options: bool) -> Session:
    model = model_from_bytes(modelfile.describe(onnx_bytes, familiar_card()), name="m.onnx")
    return open_session(model, Provider.CPU, intra_op_threads=1, **options)


def test_probabilities_and_familiarity_come_from_one_run(monkeypatch: pytest.MonkeyPatch) -> None:
    session, batch, runs = _open(familiar_onnx()), _noise(4), []
    run = type(session._session).run
    monkeypatch.setattr(type(session._session), "run", lambda *given: runs.append(given[1]) or run(*given))

    answers = session.run_all(batch)

    assert runs == [["probabilities", "familiarity"]]
    np.testing.assert_allclose(answers.probabilities, tiny_answer(batch), atol=1e-6)
    assert answers.familiarity is not None
    np.testing.assert_allclose(answers.familiarity, familiarity_of(batch), atol=1e-5)
    assert answers.features is None


def test_features_are_computed_only_for_those_who_want_them(tmp_path: Path) -> None:
    batch = _noise(3)
    lean, full = _open(familiar_onnx()), _open(familiar_onnx(), features=True)

    assert (lean.feature_count, full.feature_count) == (FEATURES, FEATURES)
    assert not lean.gives(FEATURES_NAME)
    assert without_outputs(familiar_onnx(), FEATURES_NAME) == familiar_onnx(features=False)
    features = full.run_all(batch).features
    assert features is not None
    np.testing.assert_allclose(features, familiar_features(batch), rtol=1e-5)


def test_outputs_are_left_out_together_and_apart() -> None:
    network = with_class_activation(familiar_onnx())
    outputs = ("class_activation", "features", "familiarity")

    for unwanted in ((), outputs[:1], outputs[1:2], outputs[:2], outputs):
        lean = without_outputs(network, *unwanted)

        onnx.checker.check_model(onnx.load_from_string(lean))
        assert [name in output_widths(lean) for name in outputs] == [name not in unwanted for name in outputs]
        found = onnxruntime.InferenceSession(lean, providers=["CPUExecutionProvider"])
        assert {output.name for output in found.get_outputs()} == {"probabilities", *outputs} - set(unwanted)
    assert without_outputs(tiny_onnx(), *outputs) == tiny_onnx()


def test_what_familiarity_is_computed_from_stays() -> None:
    lean = without_outputs(familiar_onnx(source="features"), FEATURES_NAME)

    onnx.checker.check_model(onnx.load_from_string(lean))
    assert FEATURES_NAME not in output_widths(lean)
    session, batch = _open(lean), _noise(3)
    np.testing.assert_allclose(session.run_all(batch).familiarity, familiarity_of(batch), atol=1e-5)  # type: ignore[arg-type]


def test_the_width_of_an_output_is_read_from_the_bytes() -> None:
    assert output_widths(familiar_onnx()) == {"probabilities": 3, "features": FEATURES, "familiarity": None}
    assert output_widths(tiny_onnx(labels=300, matrix=np.zeros((3, 300)))) == {"probabilities": 300}


def test_a_document_with_thresholds_takes_a_network_that_judges() -> None:
    with pytest.raises(ModelFileError, match="thresholds of familiarity, which takes an output 'familiarity'"):
        _open(tiny_onnx())


def test_familiarity_of_another_shape_is_refused() -> None:
    proto = onnx.load_from_string(familiar_onnx())
    proto.graph.node[-1].attribute[1].i = 1
    assert proto.graph.output[2].name == "familiarity"
    proto.graph.output[2].type.tensor_type.shape.dim.add().dim_value = 1

    with pytest.raises(
        ModelFileError, match=r"'familiarity' must be float32 of shape \(N\), it is .* of shape \(N, 1\)"
    ):
        _open(proto.SerializeToString())


def test_golden_samples_compare_familiarity_too() -> None:
    session = _open(familiar_onnx())

    def a_little_off(batch: Batch) -> Answers:
        answers = session.run_all(batch)
        assert answers.familiarity is not None
        return answers._replace(familiarity=answers.familiarity + np.float32(0.011))

    right = check_answers(session.card, session.run_all)
    wrong = [result for result in check_answers(session.card, a_little_off) if not result.passed]

    assert len(right) == 2 * (3 + 4)
    assert all(result.passed for result in right)
    assert [result.label for result in right].count(None) == 7
    assert len(wrong) == 7
    assert "golden sample 'sample 0' in a batch of 1: familiarity is 0." in str(wrong[0])
    assert worst_of([*right, *wrong]) in wrong
    assert len(check_golden(session.card, session.run)) == 7


def test_a_file_whose_familiarity_differs_here_does_not_verify(tmp_path: Path) -> None:
    golden = familiar_golden()
    samples = tuple(replace(sample, familiarity=0.1) for sample in golden.samples)
    path = tmp_path / "m.onnx"
    path.write_bytes(familiar_model_bytes(golden=replace(golden, samples=samples)))

    results = load(path, "cpu").verify()

    assert {result.label for result in results if not result.passed} == {None}


@pytest.mark.parametrize("batch_size", [1, 4], ids=["one by one", "in batches"])
def test_an_image_unlike_the_training_images_is_unknown(batch_size: int) -> None:
    model = model_from_bytes(familiar_model_bytes(), name="m.onnx")
    setting = Setting(Provider.CPU, 3, 1, batch_size)
    with open_classifier(model, Provider.CPU, setting=setting) as classifier, ThreadPoolExecutor(6) as pool:
        colors = [DARK_RED, GREY, TURQUOISE] * 4
        predictions = list(pool.map(classifier.predict_bytes, map(colored, colors)))

    assert [prediction.label for prediction in predictions] == ["red", "unknown", "unknown"] * 4
    assert [prediction.unknown_reason for prediction in predictions[:3]] == [None, "unlike", "unlike"]
    assert [prediction.best_label for prediction in predictions[:3]] == ["red", "red", "green"]
    assert predictions[1].familiarity == pytest.approx(3**-0.5, abs=1e-4)
    assert predictions[1].min_familiarity == THRESHOLD


@pytest.mark.parametrize(
    ("given", "found"),
    [
        (None, THRESHOLD),
        ("off", None),
        (" OFF ", None),
        ("95%", 0.9),
        ("90 %", 0.95),
        ("98.0%", THRESHOLD),
        (0.5, 0.5),
        ("0.5", 0.5),
        (0, 0.0),
        ("-1", -1.0),
    ],
)
def test_users_choose_a_level_a_number_or_none(given: float | str | None, found: float | None) -> None:
    assert familiarity_threshold(familiar_card(), given) == found


@pytest.mark.parametrize("given", ["", "often", "95 percent", "nan", float("inf"), True, "%", "-5%"])
def test_what_is_none_of_these_is_refused(given: float | str) -> None:
    with pytest.raises(ValueError, match="min_familiarity is the proportion of familiar images to accept, as in '95%'"):
        read_min_familiarity(given)


def test_a_level_that_the_file_does_not_have_is_refused_with_those_it_has() -> None:
    with pytest.raises(ModelFileError, match=r"no threshold of familiarity for 97% .* has those for: 90%, 95%, 98%"):
        familiarity_threshold(familiar_card(), "97%")
    without_levels = familiar_card(familiarity=replace(FAMILIARITY, levels=()))
    with pytest.raises(ModelFileError, match="those for: none"):
        familiarity_threshold(without_levels, "97%")


@pytest.mark.parametrize("given", ["95%", 0.5])
def test_a_model_without_familiarity_cannot_have_a_threshold_of_it(given: float | str, tiny_model_path: Path) -> None:
    with pytest.raises(ModelFileError, match=r"does not judge familiarity.*edgecls export --familiarity DIR"):
        load(tiny_model_path, "cpu", min_familiarity=given)
    assert familiarity_threshold(tiny_card(), "off") is None
    assert load(tiny_model_path, "cpu", min_familiarity="off").can_be_unknown is False


def test_switched_off_the_familiarity_is_still_there(familiar_model_path: Path) -> None:
    classifier = load(familiar_model_path, "cpu", min_familiarity="off")

    prediction = classifier.predict(colored(GREY))

    assert (prediction.label, classifier.can_be_unknown) == ("red", False)
    assert prediction.familiarity == pytest.approx(3**-0.5, abs=1e-4)


def test_an_unlike_image_can_be_explained(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(modelfile.describe(with_class_activation(familiar_onnx()), familiar_card()))
    with load(path, "cpu") as classifier:
        for method in ("class activation", "occlusion"):
            explanation = classifier.explain(colored(GREY), method=method)

            assert explanation.prediction.unknown_reason == "unlike"
            assert explanation.label == explanation.prediction.best_label == "red"
            assert explanation.method == method


def test_embeddings_are_the_features_in_the_order_of_the_images(familiar_model_path: Path) -> None:
    images = [*map(colored, (DARK_RED, GREY, TURQUOISE)), np.zeros((5, 5, 3), np.uint8)]
    with load(familiar_model_path, "cpu") as classifier:
        embeddings = classifier.embed(images)
        nothing = classifier.embed([])

    assert (embeddings.dtype, embeddings.shape, nothing.shape) == (np.float32, (4, FEATURES), (0, FEATURES))
    np.testing.assert_allclose(embeddings, [DARK_RED, GREY, TURQUOISE, (0, 0, 0)], atol=1e-3)


def test_with_features_every_prediction_has_them(familiar_model_path: Path) -> None:
    with load(familiar_model_path, "cpu", features=True) as classifier:
        outcomes = list(classifier.predict_many([colored(TURQUOISE), b"no image"]))
        sessions = classifier._further_sessions
        classifier.embed([colored(TURQUOISE)])

        assert sessions == {}
    prediction = outcomes[0].result
    assert isinstance(outcomes[1].result, ImageDecodeError)
    np.testing.assert_allclose(prediction.features, TURQUOISE, atol=1e-3)  # type: ignore[union-attr]


def test_embedding_says_what_is_missing(familiar_model_path: Path, tiny_model_path: Path, tmp_path: Path) -> None:
    for load_it in (lambda: load(tiny_model_path, "cpu", features=True), lambda: load(tiny_model_path).embed([])):
        with pytest.raises(ModelFileError, match="has no features; add them with 'edgecls export --familiarity DIR'"):
            load_it()
    with load(familiar_model_path, "cpu") as classifier:
        with pytest.raises(TypeError, match="put one image into a list"):
            classifier.embed(colored(GREY))  # type: ignore[arg-type]
        with pytest.raises(ImageDecodeError):
            classifier.embed([colored(GREY), b"no image"])
    with pytest.raises(ClosedError):
        classifier.embed([colored(GREY)])


@pytest.mark.parametrize(
    "replacement",
    [tiny_model_bytes(), modelfile.describe(familiar_onnx(source="features"), familiar_card())],
    ids=["another-model", "the-same-document-on-another-network"],
)
def test_a_file_that_was_replaced_gives_no_features_of_another_model(tmp_path: Path, replacement: bytes) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(familiar_model_bytes())
    with load(path, "cpu") as classifier:
        path.write_bytes(replacement)

        with pytest.raises(
            ModelFileError, match=r"cannot get the features of model .*another model has taken its place"
        ):
            classifier.embed([colored(GREY)])


def test_files_made_before_are_read_and_answer_as_before(tiny_model_path: Path, images: Path) -> None:
    document = json.loads(onnx.load(tiny_model_path).metadata_props[0].value)
    prediction = load(tiny_model_path, "cpu").predict(images / "red.png")

    assert "familiarity" not in document
    assert (prediction.label, prediction.familiarity, prediction.min_familiarity) == ("red", None, None)
    assert image.encode_png(np.zeros((1, 1, 3), np.uint8))
