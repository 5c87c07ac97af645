"""Predictions as records and as JSON."""

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
        "probability": 0.625,
        "top": [{"label": "b", "probability": 0.625}, {"label": "a", "probability": 0.25}],
        "time_ms": 1.235,
    }


UNSURE = Prediction("img.png", ("a", "b", "c"), (0.25, 0.625, 0.125), time_ms=1.0, unknown_threshold=0.7)


def test_below_the_threshold_the_answer_is_unknown_and_the_candidates_stay() -> None:
    assert not UNSURE.is_known
    assert (UNSURE.label, UNSURE.best_label, UNSURE.probability) == ("unknown", "b", 0.625)
    assert UNSURE.top(1) == (LabelScore("b", 0.625),)
    assert UNSURE.described == "unknown (b?)"
    assert UNSURE.as_dict(top=1) == {
        "image": "img.png",
        "label": "unknown",
        "known": False,
        "probability": 0.625,
        "top": [{"label": "b", "probability": 0.625}],
        "time_ms": 1.0,
    }


@pytest.mark.parametrize("threshold", [None, 0.5, 0.625], ids=["none", "below", "exactly"])
def test_from_the_threshold_on_the_answer_is_the_label(threshold: float | None) -> None:
    sure = Prediction("img.png", ("a", "b", "c"), (0.25, 0.625, 0.125), time_ms=1.0, unknown_threshold=threshold)

    assert sure.is_known
    assert sure.label == sure.described == "b"
