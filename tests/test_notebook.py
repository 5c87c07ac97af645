"""What is shown in notebooks: HTML of results, progress, and what commands print there."""

import os
import re
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

import edgecls
from edgecls import image
from edgecls.client.client import RemoteOutcome, RemotePrediction
from edgecls.dataset.formats.labelled_images import Dataset, LabelledImages
from edgecls.evaluation.evaluate import evaluate
from edgecls.notebook import Progress, in_notebook, with_progress
from edgecls.runtime.prediction import LabelScore

EVIL = "<script>alert(1)</script>\udcff\"'&"
HARMLESS = {"div", "b", "table", "tr", "td", "img", "a"}


def _tags(html: str) -> set[str]:
    tags: set[str] = set()

    class Tags(HTMLParser):
        def handle_starttag(self, tag: str, attrs: object) -> None:
            tags.add(tag)

    Tags().feed(html)
    html.encode()
    return tags


def test_a_classifier_shows_its_card_and_what_it_runs_on(tiny_classifier: edgecls.Classifier) -> None:
    html = tiny_classifier._repr_html_()

    assert _tags(html) <= HARMLESS
    for text in ("colors", "red, green, blue", "8x8 rgb", "on cpu"):
        assert text in html


def test_an_explanation_is_an_image_with_the_heat(tiny_classifier: edgecls.Classifier) -> None:
    pixels = np.full((30, 60, 3), (250, 10, 20), np.uint8)
    html = tiny_classifier.explain(pixels, label="green", name=EVIL, method="occlusion")._repr_html_()

    found = re.search('src="data:image/png;base64,([^"]+)"', html)
    assert found is not None
    import base64

    assert image.decode(base64.b64decode(found[1])).shape == (160, 320, 3)
    assert _tags(html) <= HARMLESS
    assert "<b>green</b>" in html
    assert "the answer is red" in html


def test_a_dataset_shows_the_images_of_each_label() -> None:
    paths = (Path("a.png"), Path("b.png"), Path("c.png"))
    images = LabelledImages(("x", EVIL), paths, (0, 0, 1))
    html = Dataset(images, test=images)._repr_html_()

    assert repr(images) == "<LabelledImages: 3 images, 2 labels>"
    assert repr(Dataset(images, test=images)) == "<Dataset: 3 train, 3 test; 2 labels>"
    assert _tags(html) <= HARMLESS
    assert html.count("3 images") == 2
    assert html.count("width:160px") == 2
    assert html.count("width:80px") == 2


def test_an_evaluation_shows_accuracy_recall_and_confusions(tiny_classifier: edgecls.Classifier, images: Path) -> None:
    paths = (images / "red.png", images / "green.png", images / "blue.png", images / "gone.png")
    evaluation = evaluate(tiny_classifier, LabelledImages(("blue", "green", "red"), paths, (2, 1, 2, 0)), workers=1)
    html = evaluation._repr_html_()

    assert repr(evaluation) == "<Evaluation: accuracy 0.6667 (0.2077 to 0.9385) on 3 images>"
    assert _tags(html) <= HARMLESS
    for text in ("accuracy 0.6667 on 3 images", "red as blue: 1", "0.5000 of 2", "1.0000 of 1", "left out", "1 images"):
        assert text in html


def test_a_servers_answers_are_shown_and_escaped() -> None:
    scores = (LabelScore(EVIL, 0.75), LabelScore("b", 0.25))
    answer = RemotePrediction(EVIL, "unknown", False, 0.75, scores, 1.0, 0.1, "unlike")

    assert repr(answer).startswith("<RemotePrediction ")
    assert "unknown: unlike the training images" in answer._repr_html_()
    for html in (
        answer._repr_html_(),
        RemoteOutcome(EVIL, answer)._repr_html_(),
        RemoteOutcome(EVIL, edgecls.ImageError(EVIL))._repr_html_(),
    ):
        assert _tags(html) <= HARMLESS
    assert "error" in RemoteOutcome(EVIL, edgecls.ImageError(EVIL))._repr_html_()


def test_a_server_shows_a_link_while_it_runs(tiny_model_path: Path) -> None:
    server = edgecls.serve(tiny_model_path)
    assert server._repr_html_() == "<div>the server is not running</div>"

    with server as url, server.client() as client:
        assert f'href="{url}"' in server._repr_html_()
        assert client.ready()


def test_outside_a_notebook_progress_shows_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    assert not in_notebook()
    with Progress() as progress:
        progress.show("working", 1, 2)

    assert list(with_progress("ab", "letters", 2)) == ["a", "b"]
    assert capfd.readouterr() == ("", "")


def test_a_model_is_evaluated_by_its_file_or_loaded(
    tiny_model_path: Path, tiny_classifier: edgecls.Classifier, images: Path
) -> None:
    for name in ("red", "green", "blue"):
        (images / name).mkdir()
        (images / f"{name}.png").rename(images / name / "1.png")

    for model in (tiny_model_path, str(tiny_model_path), tiny_classifier):
        assert edgecls.evaluate(model, images).accuracy == 1
    assert tiny_classifier.predict(images / "red" / "1.png").label == "red"  # it is still open
    with pytest.raises(ValueError, match="no split 'tests'; choose one of auto, test"):
        edgecls.evaluate(tiny_model_path, images, split="tests")
    with pytest.raises(ValueError, match="threads must be at least 1, got 0"):
        edgecls.evaluate(tiny_model_path, images, threads=0)


def test_a_misspelt_setting_of_training_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="sede"):
        edgecls.train_quick(tmp_path, tmp_path / "m.onnx", sede=1)


CELLS = (
    """
import asyncio, edgecls
await asyncio.sleep(0)
assert asyncio.get_running_loop().is_running()
with edgecls.load(MODEL) as classifier:
    outcomes = list(classifier.predict_many(IMAGES, progress=True))
""",
    """
server = edgecls.serve(MODEL)
with server, server.client() as client:
    print(client.predict(IMAGES[0]).label)
try:
    with server:
        1 / 0
except ZeroDivisionError:
    print(server)
""",
    """
!{PYTHON} -m edgecls run {" ".join(IMAGES)} --model {MODEL} --format json --top 1
""",
    "outcomes[0]",
    "classifier",
)


def test_in_a_notebook_progress_is_one_bar_and_the_server_runs_beside_its_event_loop(
    tiny_model_path: Path, images: Path, tmp_path: Path
) -> None:
    if "EDGECLS_REQUIRE_NOTEBOOK" not in os.environ:
        pytest.importorskip("nbclient", reason='needs pip install "edgecls[dev]"')
        pytest.importorskip("ipykernel", reason='needs pip install "edgecls[dev]"')
    import nbformat
    from executed_notebook import executed

    names = [str(images / f"{name}.png") for name in ("red", "green", "blue")]
    given = f"MODEL, IMAGES, PYTHON = {str(tiny_model_path)!r}, {names!r}, {sys.executable!r}"
    cells = [nbformat.v4.new_code_cell(source) for source in (given, *CELLS)]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "made.ipynb")

    _, many, served, command, outcome, classifier = executed(tmp_path / "made.ipynb", tmp_path).cells

    assert [output.data["text/plain"] for output in many.outputs] == ["images classified 3/3"]
    assert "width:160px" in many.outputs[0].data["text/html"]
    assert served.outputs[0].text == "red\n<LocalServer, not running>\n"
    printed = "".join(output.text for output in command.outputs)
    assert '"label": "red"' in printed
    assert "\x1b" not in printed
    assert "\r" not in printed.replace("\r\n", "\n")
    assert "<b>red</b>" in outcome.outputs[0].data["text/html"]
    assert "closed" in classifier.outputs[0].data["text/html"]
