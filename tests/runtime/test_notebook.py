"""How classifiers and predictions present themselves, as text and in notebooks."""

import base64
import gc
import pickle
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

import edgecls
from edgecls import image
from edgecls.runtime.prediction import Outcome, Prediction

RED = np.full((30, 60, 3), (250, 10, 20), np.uint8)


def _thumbnail(html: str) -> "np.ndarray | None":
    found = re.search('src="data:image/jpeg;base64,([^"]+)"', html)
    return None if found is None else image.decode(base64.b64decode(found[1]))


def test_a_classifier_says_what_it_is(tiny_model_path: Path) -> None:
    classifier = edgecls.load(tiny_model_path, "cpu")

    assert classifier.labels == ("red", "green", "blue")
    assert repr(classifier) == "<Classifier 'colors': 3 labels (red, green, blue), 8x8 rgb, float32, on cpu>"
    classifier.close()
    assert repr(classifier).endswith("float32, closed>")


def test_without_a_path_the_bundled_model_is_opened() -> None:
    with edgecls.load() as classifier:
        assert classifier.labels == ("daisy", "dandelion", "roses", "sunflowers", "tulips")


def test_the_text_of_a_prediction_is_short() -> None:
    few = Prediction("a.png", ("x", "y"), (0.25, 0.75), 1.0)
    labels = tuple(f"label {number}" for number in range(1000))
    many = Prediction("a.png", labels, (0.001,) * 1000, 1.0, unknown_threshold=0.5)

    assert repr(few) == "<Prediction 'a.png': y 0.7500, x 0.2500>"
    assert (
        repr(many) == "<Prediction 'a.png': unknown (undecided): label 0 0.0010, label 1 0.0010, label 2 0.0010, ...>"
    )
    assert len(repr(Outcome("a.png", many))) < 200


def test_the_number_of_labels_must_not_be_negative() -> None:
    with pytest.raises(ValueError, match="must not be negative, got -1"):
        Prediction("a.png", ("x", "y"), (0.25, 0.75), 1.0).top(-1)


def test_a_notebook_shows_image_and_bars(tiny_classifier: edgecls.Classifier, tmp_path: Path) -> None:
    path = tmp_path / "red.png"
    path.write_bytes(image.encode_png(RED))

    for taken, shape in ((path, (30, 60, 3)), (path.read_bytes(), (8, 8, 3)), (RED, (8, 8, 3))):
        html = tiny_classifier.predict(taken)._repr_html_()

        shown = _thumbnail(html)
        assert shown is not None
        assert shown.shape == shape
        np.testing.assert_allclose(shown.mean((0, 1)), (250, 10, 20), atol=4)
        assert html.count("<tr>") == 3
        assert "width:160px" in html


def test_the_image_that_is_shown_is_the_one_that_was_classified(tiny_classifier: edgecls.Classifier) -> None:
    frame = np.full((8, 8, 3), (250, 10, 20), np.uint8)
    prediction = tiny_classifier.predict(frame)
    frame[:] = 0

    shown = _thumbnail(prediction._repr_html_())

    assert shown is not None
    assert shown.mean() > 80


def test_keeping_predictions_does_not_keep_images(tiny_classifier: edgecls.Classifier) -> None:
    predictions = [tiny_classifier.predict(RED) for _ in range(40)]
    gc.collect()

    shown = [_thumbnail(prediction._repr_html_()) is not None for prediction in predictions]

    assert shown == [False] * 24 + [True] * 16


def test_a_file_that_is_gone_is_not_shown(tiny_classifier: edgecls.Classifier, images: Path) -> None:
    prediction = tiny_classifier.predict(images / "red.png")
    (images / "red.png").unlink()

    assert _thumbnail(prediction._repr_html_()) is None


def test_bytes_that_are_called_like_a_file_do_not_show_that_file(
    tiny_classifier: edgecls.Classifier, images: Path
) -> None:
    data = (images / "red.png").read_bytes()

    assert _thumbnail(tiny_classifier.predict_bytes(data, name=str(images / "blue.png"))._repr_html_()) is None


def test_every_text_is_escaped() -> None:
    evil = "<script>alert(1)</script>\udcff\"'&"
    prediction = Prediction(evil, (evil, "b"), (0.75, 0.25), 1.0)
    tags: list[str] = []

    class Tags(HTMLParser):
        def handle_starttag(self, tag: str, attrs: object) -> None:
            tags.append(tag)

    for html in (
        prediction._repr_html_(),
        Outcome(evil, prediction)._repr_html_(),
        Outcome(evil, edgecls.ImageError(evil))._repr_html_(),
    ):
        Tags().feed(html)
        html.encode()
    assert set(tags) == {"div", "b", "table", "tr", "td"}


def test_predictions_are_pickled_without_their_image(tiny_classifier: edgecls.Classifier) -> None:
    prediction = tiny_classifier.predict(RED)

    copy = pickle.loads(pickle.dumps(prediction))

    assert copy == prediction
    assert copy.label == "red"
    assert _thumbnail(copy._repr_html_()) is None
