"""Foreign images: what thresholds accept of them, and how well a score tells them from familiar ones."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from color_folders import write_color_folders, write_image
from familiar_model import FAMILIARITY, GREY, TURQUOISE, familiar_model_bytes

from edgecls.dataset.formats.read import read_dataset
from edgecls.errors import DatasetError
from edgecls.evaluation.evaluate import evaluate
from edgecls.evaluation.foreign import ForeignImages, Judge, classify_foreign, foreign_to_dict
from edgecls.evaluation.record import Evaluation
from edgecls.model_card import FamiliarityLevel
from edgecls.runtime.classifier import Classifier
from edgecls.runtime.opening import load

REDDISH = (250, 90, 60)  # so like red that it counts as known


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_color_folders(tmp_path / "data")


@pytest.fixture
def foreign(tmp_path: Path) -> Path:
    folder = tmp_path / "foreign"
    for name, color in (("a/grey", GREY), ("a/turquoise", TURQUOISE), ("b/reddish", REDDISH), ("white", (255,) * 3)):
        write_image(folder / f"{name}.png", color)  # type: ignore[arg-type]
    return folder


def _evaluated(classifier: Classifier, data: Path) -> Evaluation:
    return evaluate(classifier, read_dataset(data).whole, workers=2)


def _found(classifier: Classifier, data: Path, foreign: Path) -> ForeignImages:
    return classify_foreign(classifier, foreign, _evaluated(classifier, data), workers=2)


def test_the_auroc_counts_pairs_and_half_of_ties() -> None:
    rng = np.random.default_rng(0)
    familiar, foreign = rng.integers(3, 12, 40).astype(float), rng.integers(0, 9, 30).astype(float)
    pairs = np.subtract.outer(familiar, foreign)

    assert Judge(familiar, foreign).auroc == pytest.approx((pairs > 0).mean() + (pairs == 0).mean() / 2)
    assert Judge(np.array([2.0]), np.array([1.0])).auroc == 1
    assert Judge(np.array([1.0, 1.0]), np.array([1.0])).auroc == 0.5


@pytest.mark.parametrize("proportion", [0.01, 0.5, 0.9, 0.95, 1.0])
def test_a_threshold_accepts_at_least_the_proportion_and_is_the_largest_that_does(proportion: float) -> None:
    values = np.random.default_rng(1).normal(size=40)
    judge = Judge(values, values)

    threshold = judge.threshold_for(proportion)

    assert judge.accepted(threshold)[0] >= proportion
    assert judge.accepted(np.nextafter(threshold, np.inf))[0] < proportion


def test_every_level_of_the_file_is_measured_beside_the_probability(
    familiar_model_path: Path, data: Path, foreign: Path
) -> None:
    classifier = load(familiar_model_path, "cpu")

    found = _found(classifier, data, foreign)

    known = [path.stem for path, is_known in zip(found.paths, found.is_known, strict=True) if is_known]
    assert (found.images, known) == (4, ["reddish"])
    assert found.accepted_labels == [("red", 1)]
    assert [(level.level, level.threshold) for level in found.levels] == [(0.9, 0.95), (0.95, 0.9), (0.98, 0.8)]
    assert [level.familiar for level in found.levels] == [1, 1, 1]
    assert [level.foreign for level in found.levels] == [0, 0.25, 0.25]
    assert [found.paths[index].stem for index in found.most_familiar(2)] == ["reddish", "turquoise"]
    least = _evaluated(classifier, data).confidences.min()
    assert {level.probability_threshold for level in found.levels} == {least}
    assert found.familiarity is not None
    assert found.familiarity.auroc == 1


def test_a_level_that_accepts_nothing_has_no_probability_beside_it(tmp_path: Path, data: Path, foreign: Path) -> None:
    model = tmp_path / "m.onnx"
    strict = replace(FAMILIARITY, levels=(FamiliarityLevel(0.5, 2.0),))
    model.write_bytes(familiar_model_bytes(familiarity=strict))

    (level,) = _found(load(model, "cpu"), data, foreign).levels

    assert (level.familiar, level.foreign, level.probability_threshold, level.probability_foreign) == (0, 0, None, 0)


def test_without_familiarity_the_probability_is_measured_alone(
    tiny_classifier: Classifier, data: Path, foreign: Path
) -> None:
    found = _found(tiny_classifier, data, foreign)

    document = foreign_to_dict(found)
    assert (document["auroc"]["familiarity"], document["accepted"]) == (None, 4)
    assert [level["level"] for level in document["levels"]] == [0.9, 0.95, 0.98, 0.99]
    assert {level["threshold"] for level in document["levels"]} == {None}
    assert document["auroc"]["probability"] == found.judge.auroc == 1


def test_faulty_images_are_listed_and_a_folder_without_any_is_refused(
    familiar_model_path: Path, data: Path, foreign: Path, tmp_path: Path
) -> None:
    classifier = load(familiar_model_path, "cpu")
    (foreign / "notes.png").write_text("notes")
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "notes.png").write_text("notes")

    found = _found(classifier, data, foreign)

    assert (found.images, list(found.failures)) == (4, [str(foreign / "notes.png")])
    with pytest.raises(DatasetError, match=r"there are no images in .*empty"):
        _found(classifier, data, tmp_path / "empty")
    with pytest.raises(DatasetError, match="none of the 1 foreign images could be classified"):
        _found(classifier, data, tmp_path / "broken")


def test_unknown_answers_are_counted_by_reason(familiar_model_path: Path, data: Path) -> None:
    write_image(data / "red" / "grey.png", GREY)
    write_image(data / "blue" / "turquoise.png", TURQUOISE)
    classifier = load(familiar_model_path, "cpu", unknown_threshold=0.9997)

    facts = _evaluated(classifier, data).unknown

    assert facts is not None
    assert (facts.min_familiarity, facts.threshold) == (0.8, 0.9997)
    assert facts.unlike == 2
    assert (facts.rejected, facts.answered) == (8, 3)  # the four green and two blue ones are less sure than that
    assert _evaluated(load(familiar_model_path, "cpu", min_familiarity="off"), data).unknown is None
