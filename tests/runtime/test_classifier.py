"""The classifier: the public Python interface."""

import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from echo_server import eventually
from tiny_model import tiny_answer

import edgecls
from edgecls import image
from edgecls.errors import ImageDecodeError, ImageReadError, ImageTooLargeError, InputShapeError, ProviderError
from edgecls.image_limits import ImageLimits
from edgecls.modelfile import ModelFile
from edgecls.runtime.answers import Answers, Batch
from edgecls.runtime.execution.providers import Provider
from edgecls.runtime.opening import open_classifier
from edgecls.runtime.session import Session
from edgecls.runtime.setting import Setting


def test_an_image_file_gives_a_prediction(tiny_model_path: Path, images: Path) -> None:
    prediction = edgecls.load(tiny_model_path).predict(images / "green.png")

    pixels = np.full((1, 8, 8, 3), (5, 240, 30), np.uint8)
    assert prediction.label == "green"
    assert prediction.labels == ("red", "green", "blue")
    np.testing.assert_allclose(prediction.probabilities, tiny_answer(pixels)[0], atol=1e-6)
    assert prediction.image == str(images / "green.png")
    assert prediction.time_ms > 0


def test_a_path_may_be_text(tiny_model_path: Path, images: Path) -> None:
    classifier = edgecls.load(str(tiny_model_path), "cpu")

    assert classifier.predict(str(images / "red.png")).label == "red"
    assert classifier.provider == "cpu"


def test_bytes_keep_the_name_they_are_given(tiny_classifier: edgecls.Classifier, images: Path) -> None:
    prediction = tiny_classifier.predict_bytes((images / "blue.png").read_bytes(), name="upload 7")

    assert (prediction.image, prediction.label) == ("upload 7", "blue")


def test_single_images_at_the_models_size_join_the_batches_of_other_threads(
    tiny_model: ModelFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels = np.random.default_rng(4).integers(0, 256, (5, 8, 8, 3), dtype=np.uint8)
    entered, gate, run, sizes = threading.Event(), threading.Event(), Session.run_all, []

    def held(session: Session, batch: Batch) -> Answers:
        sizes.append(len(batch))
        entered.set()
        gate.wait(120)
        return run(session, batch)

    monkeypatch.setattr(Session, "run_all", held)
    gate.set()
    setting = Setting(Provider.CPU, 5, 1, 4)
    with open_classifier(tiny_model, Provider.CPU, setting=setting) as classifier, ThreadPoolExecutor(5) as pool:
        sizes.clear()
        gate.clear()
        entered.clear()
        first = pool.submit(classifier.probabilities, pixels[:1])
        assert entered.wait(120)
        others = [pool.submit(classifier.probabilities, pixels[index : index + 1]) for index in range(1, 5)]
        batcher = classifier._batcher
        assert batcher is not None
        assert eventually(lambda: batcher.queued == 4)
        gate.set()
        rows = [future.result() for future in (first, *others)]

        np.testing.assert_allclose(np.concatenate(rows), tiny_answer(pixels), atol=1e-5)
        assert sizes == [1, 4]
        for wrong in (pixels[:1, :4], pixels[:1].astype(np.float32)):
            with pytest.raises(InputShapeError):
                classifier.probabilities(wrong)  # type: ignore[arg-type]


def test_arrays_at_the_models_size_run_as_a_batch(tiny_classifier: edgecls.Classifier) -> None:
    batch = np.random.default_rng(0).integers(0, 256, (5, 8, 8, 3), dtype=np.uint8)

    np.testing.assert_allclose(tiny_classifier.probabilities(batch), tiny_answer(batch), atol=1e-6)


def test_a_prediction_is_what_the_parts_give_one_by_one(tiny_classifier: edgecls.Classifier, images: Path) -> None:
    data = (images / "red.png").read_bytes()
    pixels = image.fit(image.decode(data), tiny_classifier.card.image)

    by_hand = tiny_classifier.probabilities(pixels[np.newaxis])[0]

    assert tiny_classifier.predict_bytes(data).probabilities == tuple(by_hand.tolist())


def test_it_may_be_shared_between_threads(tiny_classifier: edgecls.Classifier) -> None:
    rng = np.random.default_rng(1)
    encoded = [image.encode_png(rng.integers(0, 256, (20, 30, 3), dtype=np.uint8)) for _ in range(60)]
    alone = [tiny_classifier.predict_bytes(data).probabilities for data in encoded]

    with ThreadPoolExecutor(8) as pool:
        together = [prediction.probabilities for prediction in pool.map(tiny_classifier.predict_bytes, encoded)]

    assert together == alone


def test_faults_name_the_image(tiny_classifier: edgecls.Classifier, tmp_path: Path) -> None:
    (tmp_path / "notes.jpg").write_text("these are notes")

    with pytest.raises(ImageReadError, match=r"gone\.jpg"):
        tiny_classifier.predict(tmp_path / "gone.jpg")
    with pytest.raises(ImageDecodeError, match=r"notes\.jpg"):
        tiny_classifier.predict(tmp_path / "notes.jpg")


def test_limits_hold_for_every_image(tiny_model_path: Path, images: Path) -> None:
    classifier = edgecls.load(tiny_model_path, limits=ImageLimits(max_pixels=100))

    with pytest.raises(ImageTooLargeError, match="16x12"):
        classifier.predict(images / "red.png")


def test_golden_samples_pass(tiny_classifier: edgecls.Classifier) -> None:
    assert all(result.passed for result in tiny_classifier.verify())


def test_an_unknown_provider_is_refused_with_the_known_ones(tiny_model_path: Path) -> None:
    with pytest.raises(ProviderError, match=r"unknown provider 'gpu'; choose one of auto, tensorrt, cuda, .*cpu"):
        edgecls.load(tiny_model_path, "gpu")


@pytest.mark.parametrize(("setting", "expected"), [(None, "1"), ("0", "0")], ids=["off-by-default", "users-choice"])
def test_telemetry_is_off_before_onnxruntime_is_imported_unless_the_user_wants_it(
    tiny_model_path: Path, setting: str | None, expected: str
) -> None:
    environment = {key: value for key, value in os.environ.items() if key != "ORT_DISABLE_TELEMETRY"}
    if setting is not None:
        environment["ORT_DISABLE_TELEMETRY"] = setting
    script = (
        "import os, sys, builtins\n"
        "seen = []\n"
        "original = builtins.__import__\n"
        "def watched(name, *rest, **more):\n"
        "    if name == 'onnxruntime.capi' or name.startswith('onnxruntime.capi.'):\n"
        "        seen.append(os.environ.get('ORT_DISABLE_TELEMETRY'))\n"
        "    return original(name, *rest, **more)\n"
        "builtins.__import__ = watched\n"
        "import edgecls\n"
        f"edgecls.load({str(tiny_model_path)!r})\n"
        "print(seen[0])\n"
    )
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == expected
