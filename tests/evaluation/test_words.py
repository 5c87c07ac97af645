"""What a report concludes: only what there are enough images for."""

from pathlib import Path

import numpy as np
import pytest
from small_evaluation import small_evaluation

from edgecls.evaluation.record import Evaluation
from edgecls.evaluation.report.words import findings


def _evaluation(shown: list[int], said: list[int], *, ranks: list[int] | None = None, labels: int = 6) -> Evaluation:
    """Return an evaluation in which an image of `shown` was taken for `said`; a right answer is second if not told."""
    own, answers = np.array(shown), np.array(said)
    tops = np.stack([answers, (answers + 1) % labels, (answers + 2) % labels], axis=1)
    return small_evaluation(
        labels=tuple(f"label {index}" for index in range(labels)),
        paths=tuple(Path(f"{index}.png") for index in range(len(shown))),
        label_ids=own,
        ranks=np.array(ranks) if ranks else np.where(own == answers, 0, 1),
        true_probabilities=np.full(len(shown), 0.5),
        top_ids=tops,
        top_probabilities=np.tile([0.6, 0.3, 0.1], (len(shown), 1)),
        times_ms=np.ones(len(shown)),
    )


def _said(evaluation: Evaluation) -> str:
    return " ".join(f"{entry.headline}. {entry.sentence}" for entry in findings(evaluation))


def test_no_label_is_best_or_worst_by_one_image() -> None:
    # Labels 0 and 1 have ten images each, label 2 a single one, which is wrong.
    text = _said(_evaluation([0] * 10 + [1] * 10 + [2], [0] * 10 + [1] * 8 + [0] * 2 + [0]))

    assert "Best at label 1, worst at label 0" in text
    assert "label 2" not in text
    assert "Left out: 1 label(s) with fewer than 5 images" in text


def test_where_all_labels_have_few_images_none_is_compared() -> None:
    text = _said(_evaluation([0, 1, 2, 3], [0, 1, 2, 0]))

    assert "Best at" not in text
    assert "Too few images to compare labels" in text


def test_single_mistakes_of_many_kinds_make_no_most_frequent_one() -> None:
    text = _said(_evaluation([0] * 5 + [1] * 5, [0, 0, 0, 0, 2, 1, 1, 1, 1, 3]))

    assert "Most often it takes" not in text
    assert "No two labels are confused more than once" in text


@pytest.mark.parametrize(
    ("near", "headline"),
    [
        (0, "Few of its mistakes are near misses"),
        (2, "Few of its mistakes are near misses"),
        (5, "Some of its mistakes are near misses"),
        (6, "Its second thoughts are worth hearing"),
    ],
)
def test_near_misses_are_called_what_they_are(near: int, headline: str) -> None:
    ranks = [0] * 9 + [1] * near + [4] * (11 - near)

    text = _said(_evaluation([0] * 20, [0] * 9 + [1] * 11, ranks=ranks))

    assert headline in text
    assert f"Of 11 wrong answers, {near} had the right label in second or third place" in text
    assert "no near misses" not in text
