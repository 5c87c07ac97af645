"""Mirroring: whether a network predicts the same label for an image that is mirrored left to right."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pytest

from edgecls.evaluation.mirroring import MirrorChange, Mirroring, measure_mirroring
from edgecls.evaluation.report.words import mirroring_text

LABELS = ("turn left", "turn right", "直行")

Batch = tuple[npt.NDArray[np.uint8], npt.NDArray[np.int32]]


def _sign(label: int) -> npt.NDArray[np.uint8]:
    """Return an image that is light on the left, on the right, or on both sides."""
    pixels = np.zeros((4, 6, 3), np.uint8)
    pixels[:, : 3 if label == 0 else 6] = 200
    pixels[:, : 3 if label == 1 else 0] = 0
    return pixels


def _sees(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Tell the signs apart by where they are light, as a network would."""
    left, right = (pixels[:, :, side].mean(axis=(1, 2, 3)) for side in (slice(None, 3), slice(3, None)))
    scores = np.stack([left - right, right - left, np.minimum(left, right)], axis=1)
    return np.asarray(scores / 200, np.float32)


def _is_blind_to_sides(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    answers = _sees(pixels)
    return np.maximum(answers, answers[:, [1, 0, 2]]) - np.float32([0, 0.1, 0])


def _batches(*label_ids: int, said_to_be: dict[int, int] | None = None) -> Iterator[Batch]:
    for start in range(0, len(label_ids), 4):
        chunk = label_ids[start : start + 4]
        yield np.stack([_sign(label) for label in chunk]), np.array([(said_to_be or {}).get(i, i) for i in chunk])


def test_labels_whose_mirrored_images_are_other_labels_are_told() -> None:
    found = measure_mirroring(_sees, _batches(*[0] * 5, *[1] * 4, *[2] * 6), LABELS)

    assert (found.images, found.right, found.changed) == (15, 15, 9)
    assert [(one.label, one.mirrored, one.images, one.right) for one in found.changes] == [
        ("turn left", "turn right", 5, 5),
        ("turn right", "turn left", 4, 4),
    ]
    assert found.telling == found.changes
    assert found.changes_meaning
    assert found.fraction == pytest.approx(0.6)
    assert "9 of 15 correctly classified validation images" in mirroring_text(found)
    assert "most often turn right instead of turn left (5 of 5)" in mirroring_text(found)


def test_images_that_look_the_same_mirrored_change_nothing() -> None:
    found = measure_mirroring(_sees, _batches(*[2] * 6), LABELS)

    assert (found.changed, found.fraction, found.changes_meaning) == (0, 0, False)
    assert "all 6 correctly classified validation images keep their prediction" in mirroring_text(found)


def test_of_a_single_image_the_text_is_in_the_singular() -> None:
    found = measure_mirroring(_sees, _batches(2), LABELS)

    assert "the one correctly classified validation image keeps its prediction" in mirroring_text(found)


def test_only_right_answers_count() -> None:
    # What looks like a left turn is labelled straight on, so no answer to it is right.
    found = measure_mirroring(_sees, _batches(0, 0, 0, 2, said_to_be={0: 2}), LABELS)

    assert (found.images, found.right, found.changed) == (4, 1, 0)


def test_a_network_without_any_right_answer_tells_nothing() -> None:
    found = measure_mirroring(_is_blind_to_sides, _batches(1, 1), LABELS)

    assert (found.right, found.fraction, found.changes_meaning) == (0, 0, False)
    assert "cannot be measured" in mirroring_text(found)


@pytest.mark.parametrize(
    ("changed", "right", "expected"),
    [(1, 1, False), (3, 4, True), (3, 30, True), (3, 31, False), (9, 100, False), (30, 100, True)],
)
def test_a_few_doubtful_images_raise_no_alarm(changed: int, right: int, expected: bool) -> None:
    found = Mirroring(right, right, (MirrorChange("a", "b", changed, right),))

    assert found.changes_meaning is expected
