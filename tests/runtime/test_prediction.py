"""Predictions as records and as JSON."""

import pickle
from dataclasses import replace

import numpy as np
import pytest

from edgecls.runtime.prediction import LabelScore, Prediction

PREDICTION = Prediction("img.png", ("a", "b", "c"), (0.25, 0.6249999, 0.1250001), time_ms=1.23456)


def test_the_most_probable_label_comes_first() -> None:
    assert (PREDICTION.label, PREDICTION.probability) == ("b", 0.6249999)
    assert PREDICTION.top(2) == (LabelScore("b", 0.6249999), LabelScore("a", 0.25))


def test_of_equal_labels_the_first_is_taken() -> None:
    even = Prediction("x", ("a", "b"), (0.5, 0.5), 0.0)

    assert even.label == "a"
    assert [score.label for score in even.top(2)] == ["a", "b"]


@pytest.mark.parametrize("count", [3, 100])
def test_there_are_no_more_labels_than_the_model_has(count: int) -> None:
    assert [score.label for score in PREDICTION.top(count)] == ["b", "a", "c"]


def test_the_json_form_is_rounded() -> None:
    assert PREDICTION.as_dict(top=2) == {
        "image": "img.png",
        "label": "b",
        "known": True,
        "reason": None,
        "probability": 0.625,
        "familiarity": None,
        "top": [{"label": "b", "probability": 0.625}, {"label": "a", "probability": 0.25}],
        "time_ms": 1.235,
    }


UNSURE = Prediction("img.png", ("a", "b", "c"), (0.25, 0.625, 0.125), time_ms=1.0, unknown_threshold=0.7)


def test_below_the_threshold_the_answer_is_unknown_and_the_candidates_stay() -> None:
    assert not UNSURE.is_known
    assert (UNSURE.label, UNSURE.best_label, UNSURE.probability) == ("unknown", "b", 0.625)
    assert UNSURE.top(1) == (LabelScore("b", 0.625),)
    assert UNSURE.described == "unknown: undecided between b and a"
    assert UNSURE.as_dict(top=1) == {
        "image": "img.png",
        "label": "unknown",
        "known": False,
        "reason": "undecided",
        "probability": 0.625,
        "familiarity": None,
        "top": [{"label": "b", "probability": 0.625}],
        "time_ms": 1.0,
    }


@pytest.mark.parametrize("threshold", [None, 0.5, 0.625], ids=["none", "below", "exactly"])
def test_from_the_threshold_on_the_answer_is_the_label(threshold: float | None) -> None:
    sure = Prediction("img.png", ("a", "b", "c"), (0.25, 0.625, 0.125), time_ms=1.0, unknown_threshold=threshold)

    assert sure.is_known
    assert sure.label == sure.described == "b"


def _judged(familiarity: float | None, minimum: float | None, *, threshold: float | None = 0.7) -> Prediction:
    return Prediction(
        "img.png", ("a", "b"), (0.4, 0.6), 1.0, threshold, familiarity=familiarity, min_familiarity=minimum
    )


@pytest.mark.parametrize(
    ("prediction", "reason", "described"),
    [
        (_judged(0.5, 0.6), "unlike", "unknown: unlike the training images (b?)"),
        (_judged(0.5, 0.6, threshold=None), "unlike", "unknown: unlike the training images (b?)"),
        (_judged(float("nan"), 0.6), "unlike", "unknown: unlike the training images (b?)"),
        (_judged(0.6, 0.6), "undecided", "unknown: undecided between b and a"),
        (_judged(0.5, None), "undecided", "unknown: undecided between b and a"),
        (_judged(None, 0.6), "undecided", "unknown: undecided between b and a"),
        (_judged(0.6, 0.6, threshold=0.6), None, "b"),
        (_judged(None, None, threshold=None), None, "b"),
    ],
)
def test_what_is_unlike_the_training_images_is_unknown_for_that_reason_first(
    prediction: Prediction, reason: str | None, described: str
) -> None:
    assert (prediction.unknown_reason, prediction.described) == (reason, described)
    assert prediction.is_known == (reason is None)
    assert prediction.label == ("b" if reason is None else "unknown")
    assert (prediction.best_label, prediction.as_dict()["reason"]) == ("b", reason)


def test_the_embedding_is_in_the_json_form_only_on_request() -> None:
    features = np.array([0.25, 1 / 3], np.float32)
    prediction = Prediction("img.png", ("a", "b"), (0.4, 0.6), 1.0, features=features)

    assert "embedding" not in prediction.as_dict()
    assert prediction.as_dict(embedding=True)["embedding"] == [0.25, 0.333333]
    assert "embedding" not in _judged(None, None).as_dict(embedding=True)
    assert prediction == replace(prediction, features=None)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(prediction)).features, features)
