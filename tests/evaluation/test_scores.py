"""Gathering what an evaluation keeps of each image."""

from pathlib import Path

import numpy as np
import pytest

from edgecls.errors import DatasetError, ImageReadError
from edgecls.evaluation.record import Evaluation, Uri
from edgecls.evaluation.scores import Score, Scores, score_of
from edgecls.runtime.prediction import Prediction

LABELS = ("cat", "dog", "owl", "fox")
IDS = [0, 1, 1, 3]
PATHS = [Path(f"{index}.png") for index in range(4)]


def _score(rank: int, time_ms: float) -> Score:
    return Score(rank, 0.25, (2, 1, 0), (0.5, 0.3, 0.1), time_ms, familiarity=None)


def _evaluation(scores: Scores) -> Evaluation:
    return scores.evaluation(
        PATHS.__getitem__, unknown_threshold=None, provider="cpu", workers=1, duration_s=1.0, min_familiarity=None
    )


def test_a_score_has_what_metrics_need_of_a_prediction() -> None:
    prediction = Prediction("x", LABELS, (0.2, 0.3, 0.3, 0.2), 7.5, familiarity=0.75)

    score = score_of(prediction, 2)

    assert score == Score(1, 0.3, (1, 2, 0), (0.3, 0.3, 0.2), 7.5, 0.75)  # of equals the first comes first


def test_scores_come_in_any_order_and_stand_in_that_of_the_images() -> None:
    scores = Scores(LABELS, IDS)
    scores.put(3, _score(2, 33.0))
    scores.put(2, ImageReadError("gone"))
    scores.put(0, _score(0, 30.0))
    scores.put(1, ImageReadError("torn"))

    found = _evaluation(scores)

    assert found.paths == (PATHS[0], PATHS[3])
    assert (found.label_ids.tolist(), found.ranks.tolist(), found.times_ms.tolist()) == ([0, 3], [0, 2], [30.0, 33.0])
    assert {name: str(error) for name, error in found.failures.items()} == {"1.png": "torn", "2.png": "gone"}
    assert list(found.failures) == ["1.png", "2.png"]
    assert found.familiarities is None


def test_images_of_which_none_has_a_score_are_an_error() -> None:
    scores = Scores(LABELS, IDS)
    scores.put(2, ImageReadError("it is gone"))

    with pytest.raises(DatasetError, match="none of the 4 images could be classified; the first fault: it is gone"):
        _evaluation(scores)


def test_familiarity_is_kept_where_there_is_one() -> None:
    scores = Scores(LABELS, IDS[:1])
    scores.put(0, Score(0, 1.0, (0, 1, 2), (1.0, 0.0, 0.0), 1.0, familiarity=0.5))

    familiarities = _evaluation(scores).familiarities

    assert familiarities is not None
    assert np.array_equal(familiarities, [0.5])


def test_a_uri_has_a_name_like_a_path() -> None:
    assert Uri("s3://photos/a b/rose.jpg").name == "rose.jpg"
