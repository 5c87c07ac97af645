"""What a report concludes: only what there are enough images for."""

from pathlib import Path

import numpy as np
import pytest
from small_evaluation import small_evaluation

from edgecls.evaluation.record import Evaluation
from edgecls.evaluation.report.words import conclusions


def _evaluation(
    true: list[int], predicted: list[int], *, ranks: list[int] | None = None, labels: int = 6
) -> Evaluation:
    """Return an evaluation of these true and predicted labels; in a mistake the true label is second, or as `ranks`."""
    own, answers = np.array(true), np.array(predicted)
    tops = np.stack([answers, (answers + 1) % labels, (answers + 2) % labels], axis=1)
    return small_evaluation(
        labels=tuple(f"label {index}" for index in range(labels)),
        paths=tuple(Path(f"{index}.png") for index in range(len(true))),
        label_ids=own,
        ranks=np.array(ranks) if ranks else np.where(own == answers, 0, 1),
        true_probabilities=np.full(len(true), 0.5),
        top_ids=tops,
        top_probabilities=np.tile([0.6, 0.3, 0.1], (len(true), 1)),
        times_ms=np.ones(len(true)),
    )


def _text(evaluation: Evaluation) -> str:
    return " ".join(f"{entry.headline}. {entry.sentence}" for entry in conclusions(evaluation))


def test_no_label_is_best_or_worst_by_one_image() -> None:
    # Labels 0 and 1 have ten images each, label 2 a single one, which is wrong.
    text = _text(_evaluation([0] * 10 + [1] * 10 + [2], [0] * 10 + [1] * 8 + [0] * 2 + [0]))

    assert "Best on label 1, worst on label 0" in text
    assert "label 2" not in text
    assert "Left out: 1 label(s) with fewer than 5 images" in text


def test_where_all_labels_have_few_images_none_is_compared() -> None:
    text = _text(_evaluation([0, 1, 2, 3], [0, 1, 2, 0]))

    assert "Best on" not in text
    assert "Too few images to compare labels" in text


def test_single_mistakes_of_many_kinds_make_no_most_frequent_one() -> None:
    text = _text(_evaluation([0] * 5 + [1] * 5, [0, 0, 0, 0, 2, 1, 1, 1, 1, 3]))

    assert "Most frequent mistake" not in text
    assert "No two labels are confused more than once" in text


@pytest.mark.parametrize(
    ("near", "headline"),
    [(0, "0 of 11 mistakes are near misses"), (5, "5 of 11 mistakes are near misses")],
)
def test_near_misses_are_counted(near: int, headline: str) -> None:
    ranks = [0] * 9 + [1] * near + [4] * (11 - near)

    text = _text(_evaluation([0] * 20, [0] * 9 + [1] * 11, ranks=ranks))

    assert headline in text
    assert f"In {near} of 11 wrong predictions, the true label is second or third" in text
