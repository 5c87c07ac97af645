"""Reviews of datasets: what is listed, with which suggestion, and on which page."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from image_folders import write_class_folders

from edgecls import image
from edgecls.errors import DatasetError
from edgecls.labelling.review import Reason, Review, review_labels
from edgecls.labelling.sheet import Language, write_sheet


def test_a_wrong_label_is_found_with_the_right_one(review: Review, mislabelled_source: Path) -> None:
    first, second, _ = sorted(folder.name for folder in mislabelled_source.iterdir())
    found = {one.path.name: one for one in review.listed}

    assert set(found) >= {"wrong.png", "copy.png"}
    wrong = found["wrong.png"]
    assert (wrong.given, wrong.suggested, wrong.is_confident) == (second, first, True)
    assert wrong.wrong > 0.5
    assert Reason.LABEL in wrong.reasons
    assert {neighbour.label for neighbour in wrong.neighbours} == {first}


def test_look_alikes_under_two_labels_are_listed_together(review: Review, mislabelled_source: Path) -> None:
    first, _, third = sorted(folder.name for folder in mislabelled_source.iterdir())
    conflicts = {one.path.parent.name: one for one in review.listed if Reason.CONFLICT in one.reasons}

    assert set(conflicts) == {first, third}
    assert conflicts[first].suggested == third
    assert conflicts[first].wrong > 0.9 > 0.1 > conflicts[third].wrong
    assert [other.path.name for other in conflicts[third].look_alikes] == ["copy.png"]


def test_most_of_the_listed_images_are_wrong_and_are_expected_to_be(review: Review) -> None:
    assert len(review.listed) <= 5
    assert review.expected_wrong == pytest.approx(2, abs=0.7)
    assert review.expected_wrong == pytest.approx(sum(one.wrong for one in review.listed))
    assert sorted(review.ranking) == list(range(review.images))
    assert {review.paths[index].name for index in review.ranking[:2]} == {"wrong.png", "copy.png"}


def test_an_image_unlike_all_others_is_an_outlier(tmp_path: Path) -> None:
    root = write_class_folders(tmp_path / "data", per_label=12)
    board = np.kron(np.indices((8, 8)).sum(axis=0) % 2, np.ones((8, 8)))[..., np.newaxis]
    path = sorted(root.iterdir())[0] / "checkers.png"
    path.write_bytes(image.encode_png((board * [255, 255, 255]).astype(np.uint8)))

    found = review_labels(root)

    listed = {one.path.name: one.reasons for one in found.listed}
    assert Reason.OUTLIER in listed["checkers.png"]


def test_a_review_is_deterministic_and_can_be_cut_short(review: Review, mislabelled_source: Path) -> None:
    again = review_labels(mislabelled_source, most=1)

    assert again.listed == review.listed[:1]
    assert again.ranking == review.ranking


def test_nothing_but_look_alikes_is_refused(tmp_path: Path) -> None:
    root = write_class_folders(tmp_path / "data", per_label=1)
    paths = sorted(root.rglob("*.png"))
    for path in paths[1:]:
        shutil.copy(paths[0], path)

    with pytest.raises(DatasetError, match=r"all 3 usable images .* look alike"):
        review_labels(root)


def test_an_image_that_cannot_be_read_is_left_out(mislabelled: Path) -> None:
    (sorted(mislabelled.iterdir())[0] / "broken.png").write_bytes(b"no image")

    found = review_labels(mislabelled)

    assert [error.as_dict()["type"] for error in found.failures]
    assert "broken.png" in str(found.failures[0])
    assert json.loads(json.dumps(found.as_dict()))["summary"]["images"] == found.images


@pytest.mark.parametrize(
    ("language", "text"), [(Language.ENGLISH, "images are worth a look"), (Language.CHINESE, "值得检查")]
)
def test_the_sheet_shows_images_and_neighbours_and_loads_nothing(
    language: Language, text: str, review: Review, tmp_path: Path
) -> None:
    write_sheet(tmp_path / "sheet.html", review, language=language)

    page = (tmp_path / "sheet.html").read_text(encoding="utf-8")
    shown = sum(1 + len(one.neighbours) + len(one.look_alikes) for one in review.listed)
    assert text in page
    assert page.count('<img src="data:image/jpeg;base64,') == shown
    assert "http://" not in page
    assert "https://" not in page
    assert "<script" not in page
    assert str(review.listed[0].path) in page
