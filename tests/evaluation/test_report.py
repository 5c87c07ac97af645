"""The report: one file, everything escaped, every section that there is something to say in."""

import dataclasses
import os
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from color_folders import PURE, write_color_folders, write_image
from small_evaluation import small_evaluation
from tiny_model import TINY_SPEC, tiny_card, tiny_golden

from edgecls.dataset.formats.read import read_dataset
from edgecls.errors import ImageReadError, OutputError
from edgecls.evaluation.calibration import calibrate
from edgecls.evaluation.evaluate import evaluate
from edgecls.evaluation.history import EpochReport
from edgecls.evaluation.mirroring import MirrorChange, Mirroring
from edgecls.evaluation.record import Evaluation
from edgecls.evaluation.report import write_report
from edgecls.image_spec import Fit
from edgecls.model_card import DatasetFacts, ModelCard
from edgecls.runtime.classifier import Classifier

VOID = {"meta", "img"}


class Page(HTMLParser):
    """What a browser makes of a page, as far as the tests ask."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.sections: list[str] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))
        self.close()
        assert self._open == []
        self.text = " ".join(self.text.split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {key: value or "" for key, value in attrs}
        self.tags.append((tag, attributes))
        if tag == "section":
            self.sections.append(attributes["id"])
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self._open:
            self.text += data + " "

    def images(self) -> list[dict[str, str]]:
        return [attributes for tag, attributes in self.tags if tag == "img"]


@pytest.fixture
def found(tiny_classifier: Classifier, tmp_path: Path) -> Evaluation:
    return evaluate(tiny_classifier, read_dataset(write_color_folders(tmp_path / "data")).train, workers=2)


def _page(path: Path, found: Evaluation, card: ModelCard, **more: object) -> Page:
    write_report(path, found, card=card, **more)  # type: ignore[arg-type]
    return Page(path)


def test_a_report_has_the_figures_in_words(found: Evaluation, tmp_path: Path) -> None:
    page = _page(tmp_path / "r.html", found, tiny_card(), data_name="my data", split="test", model_bytes=1_234_567)

    assert page.sections == ["overview", "labels", "confusion", "mistakes", "examples", "calibration", "data", "model"]
    assert "8 of 9 images are classified correctly." in page.text
    assert "Always predicting “ red ” would classify 4 correctly." in page.text
    assert "88.9 %" in page.text
    assert "Most frequent mistake: red predicted as green. This happens to 1 of 4 images of red" in page.text
    assert "predicted green" in page.text
    assert "3 in truth green.png" in page.text
    assert "my data" in page.text
    assert "1.2 MB" in page.text


def test_it_is_one_file_that_loads_nothing_and_runs_nothing(found: Evaluation, tmp_path: Path) -> None:
    page = _page(tmp_path / "r.html", found, tiny_card())

    assert {tag for tag, _ in page.tags} & {"script", "link", "iframe", "object", "form", "base"} == set()
    assert all(attributes["src"].startswith("data:image/") for attributes in page.images())
    assert all(attributes["href"].startswith("#") for tag, attributes in page.tags if tag == "a")
    policies = [attributes["content"] for _, attributes in page.tags if attributes.get("http-equiv")]
    assert policies == ["default-src 'none'; img-src data:; style-src 'unsafe-inline'"]
    css = Path(tmp_path / "r.html").read_text(encoding="utf-8").partition("<style>")[2].partition("</style>")[0]
    assert "url(" not in css
    assert "@import" not in css
    assert len(page.images()) == 2 + 1 + 9  # two plots, one mistake, nine examples
    assert all(attributes["alt"] for attributes in page.images())


def test_everything_from_outside_is_escaped(tmp_path: Path) -> None:
    evil = "</style></title><script>alert('$x')</script>"
    labels = ("<img src=x onerror=alert(1)>", '"&quot;', "$title ${style}", "<b>none</b>")
    name = '"><svg onload=alert(1)>.png'
    paths = tuple(write_image(tmp_path / str(index) / name, PURE["red"]) for index in range(6))
    found = small_evaluation(labels=labels, paths=paths, failures={evil: ImageReadError(evil)}, provider=evil)
    sample = dataclasses.replace(tiny_golden().samples[0], probabilities=(0.25,) * 4)
    card = tiny_card(
        name="<script>x</script>",
        labels=labels,
        architecture=evil,
        training={evil: evil},
        versions={evil: evil},
        created=evil,
        dataset=DatasetFacts("ab" * 32, 4, 2, dict.fromkeys(labels, 1)),
        golden=dataclasses.replace(tiny_golden(), samples=(sample,)),
    )

    page = _page(tmp_path / "r.html", found, card, data_name=evil, split=evil)

    assert {tag for tag, _ in page.tags} & {"script", "svg", "b"} <= {"b"}
    assert [tag for tag, _ in page.tags].count("b") == 2  # the counts of two confusions
    assert not any(key.startswith("on") for _, attributes in page.tags for key in attributes)
    assert all(attributes["src"].startswith("data:") for attributes in page.images())
    for text in (evil, *labels, name):
        assert text in page.text


def test_training_and_calibration_are_shown_where_they_are_known(found: Evaluation, tmp_path: Path) -> None:
    history = [
        EpochReport(
            *(epoch, 5, "head" if epoch < 3 else "all layers", 1 / epoch, 0.5, 1.2 / epoch, 0.6, 1e-3, 30.0), epoch == 4
        )
        for epoch in range(1, 6)
    ]
    calibration = calibrate(np.log(np.clip(np.random.default_rng(0).dirichlet([1] * 3, 40), 1e-6, 1)), [0, 1] * 20)

    page = _page(
        tmp_path / "r.html", found, tiny_card(), history=history, calibration=calibration,
        settings={"learning rate": 0.5},
    )  # fmt: skip

    assert "training" in page.sections
    assert "5 epochs in 2 minutes. The weights are those of epoch 4, marked by the dot." in page.text
    assert f"A temperature of {calibration.temperature:.3f} was fitted on 40 validation images" in page.text
    assert f"from {100 * calibration.error_before:.1f}" in page.text
    assert "learning rate 0.5" in page.text


def test_a_report_of_a_faultless_model_has_no_mistakes(tiny_classifier: Classifier, tmp_path: Path) -> None:
    write_color_folders(tmp_path / "data")
    (tmp_path / "data" / "red" / "3 in truth green.png").unlink()
    found = evaluate(tiny_classifier, read_dataset(tmp_path / "data").train, workers=1)

    page = _page(tmp_path / "r.html", found, tiny_card())

    assert "mistakes" not in page.sections
    assert "No mistakes." in page.text


def test_many_labels_have_their_most_confused_block_and_a_matrix_to_zoom_into(tmp_path: Path) -> None:
    count = 53
    label_ids = np.repeat(np.arange(count), 3)
    answers = np.where(np.arange(len(label_ids)) % 9 == 0, (label_ids + 1) % count, label_ids)
    labels = tuple(f"限速 {index}" for index in range(count))
    found = small_evaluation(
        labels=labels,
        paths=tuple(Path(f"{index}.png") for index in range(len(label_ids))),
        label_ids=label_ids,
        ranks=np.where(answers == label_ids, 0, 1),
        true_probabilities=np.full(len(label_ids), 0.5),
        top_ids=np.stack([answers, (answers + 1) % count, (answers + 2) % count], axis=1),
        top_probabilities=np.tile([0.6, 0.3, 0.1], (len(label_ids), 1)),
        times_ms=np.ones(len(label_ids)),
    )
    sample = dataclasses.replace(tiny_golden().samples[0], probabilities=(1 / count,) * count)
    card = tiny_card(labels=labels, golden=dataclasses.replace(tiny_golden(), samples=(sample,)))

    page = _page(tmp_path / "r.html", found, card)

    alternatives = [attributes["alt"] for attributes in page.images()]
    assert "Confusion matrix of the most frequently confused labels" in alternatives
    assert "Confusion matrix: a row for each true label, a column for each predicted label, all labels" in alternatives
    assert "All 53 labels, confused labels next to each other" in page.text
    assert "Labels with fewer than 5 images come last" in page.text


@pytest.mark.parametrize(
    ("settings", "advice"),
    [
        ({"augmentation_flip": True}, "another meaning: train with --no-augment-flip."),
        ({"augmentation_flip": False}, "another meaning. No image was mirrored in training."),
        ({"augment": False}, "another meaning. No image was mirrored in training."),
    ],
    ids=["mirrored", "not-mirrored", "not-augmented"],
)
def test_what_mirroring_does_is_told_where_it_was_measured(
    found: Evaluation, tmp_path: Path, settings: dict[str, object], advice: str
) -> None:
    history = [EpochReport(1, 1, "all layers", 1.0, 0.5, 1.2, 0.6, 1e-3, 30.0, is_best=True)]
    mirroring = Mirroring(20, 16, (MirrorChange("<left>", "right", 4, 5),))

    page = _page(tmp_path / "r.html", found, tiny_card(), history=history, mirroring=mirroring, settings=settings)

    assert "4 of 16 correctly classified validation images (25.0" in page.text
    assert "most often right instead of <left> (4 of 5)" in page.text
    assert advice in page.text


def test_what_the_threshold_does_is_told(tmp_path: Path, found: Evaluation) -> None:
    strict = dataclasses.replace(found, unknown_threshold=0.9997)

    page = _page(tmp_path / "r.html", strict, tiny_card(unknown_threshold=0.9997))

    facts = strict.unknown
    assert facts is not None
    rejected = facts.rejected_right + facts.rejected_wrong
    assert rejected > 0
    assert f"Here that happens for {rejected} of 9 images" in page.text


@pytest.mark.parametrize("fit", list(Fit))
def test_images_that_are_gone_leave_a_gap(found: Evaluation, tmp_path: Path, fit: Fit) -> None:
    found.paths[0].unlink()

    page = _page(tmp_path / "r.html", found, tiny_card(image=dataclasses.replace(TINY_SPEC, fit=fit)))

    assert page.text.count("no longer readable") == 1
    assert sum(attributes["src"].startswith("data:image/jpeg") for attributes in page.images()) == 9


def test_file_names_need_not_be_unicode(found: Evaluation, tmp_path: Path) -> None:
    odd = Path(os.fsdecode(bytes(found.paths[0].parent) + b"/caf\xe9.png"))
    found.paths[0].rename(odd)

    page = _page(tmp_path / "r.html", dataclasses.replace(found, paths=(odd, *found.paths[1:])), tiny_card())

    assert "caf?.png" in page.text


def test_many_labels_are_folded_away(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    count, labels = 400, tuple(f"label {index:03d}" for index in range(150))
    image = write_image(tmp_path / "0.png", PURE["red"])
    probabilities = np.sort(rng.dirichlet([0.1] * 3, count), axis=1)[:, ::-1]
    found = small_evaluation(
        labels=labels,
        paths=(image,) * count,
        label_ids=rng.integers(0, 150, count),
        ranks=rng.integers(0, 3, count),
        true_probabilities=probabilities[:, 1],
        top_ids=rng.integers(0, 150, (count, 3)),
        top_probabilities=probabilities,
        times_ms=np.ones(count),
    )

    page = _page(tmp_path / "r.html", found, tiny_card())

    assert "120 more labels" in page.text
    assert len(page.images()) == 3 + 12 + 12  # the matrix in two: its most confused block, and whole
    assert (tmp_path / "r.html").stat().st_size < 2_000_000


def test_a_report_that_cannot_be_written_is_named(found: Evaluation, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="no folder"):
        write_report(tmp_path / "no folder" / "r.html", found, card=tiny_card())
