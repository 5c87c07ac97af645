"""The figures that follow from an evaluation, worked out on paper."""

import json
import math

import numpy as np
import pytest
from small_evaluation import small_evaluation

from edgecls.errors import ImageReadError
from edgecls.evaluation.record import Confusion, UnknownFacts, evaluation_to_dict

FOUND = small_evaluation()


def test_accuracy_counts_the_best_label_and_top_k_those_after_it() -> None:
    assert [FOUND.top_accuracy(count) for count in (1, 2, 3)] == [4 / 6, 1.0, 1.0]
    assert FOUND.accuracy == 4 / 6
    low, high = FOUND.accuracy_interval
    assert low < FOUND.accuracy < high


def test_the_baseline_always_says_the_most_frequent_label() -> None:
    assert FOUND.baseline == ("cat", 2 / 6)


def test_the_loss_is_of_the_right_labels() -> None:
    logs = [math.log(value) for value in (0.9, 0.55, 0.2, 0.8, 0.63, 0.4)]

    assert FOUND.loss == pytest.approx(-sum(logs) / 6)


def test_the_worst_mistakes_are_the_surest_ones() -> None:
    assert FOUND.worst_mistakes(10) == [2, 5]
    assert FOUND.worst_mistakes(1) == [2]


def test_confusions_are_counted_without_right_answers() -> None:
    assert FOUND.confusions(5) == [Confusion("dog", "cat", 1), Confusion("猫头鹰", "cat", 1)]


def test_labels_without_images_have_no_figures_and_do_not_count() -> None:
    assert (FOUND.per_label[3].precision, FOUND.per_label[3].recall, FOUND.per_label[3].f1) == (None, None, None)
    assert FOUND.macro.recall == pytest.approx((1 + 0.5 + 0.5) / 3)


def test_the_threshold_turns_unsure_answers_away() -> None:
    assert FOUND.unknown is None
    assert small_evaluation(unknown_threshold=0.63).unknown == UnknownFacts(
        threshold=0.63, answered=4, answered_right=3, rejected_right=1, rejected_wrong=1
    )


def test_the_json_form_is_json_and_has_every_figure() -> None:
    fault = ImageReadError("cannot read 'x.png': gone")
    document = evaluation_to_dict(small_evaluation(unknown_threshold=0.63, failures={"x.png": fault}), top=2)

    assert json.loads(json.dumps(document, allow_nan=False)) == document
    assert document["images"] == 6
    assert document["top_accuracy"] == {"1": 4 / 6, "2": 1.0}
    assert document["labels"][3] == {
        "label": "<b>none</b>",
        "support": 0,
        "predicted": 0,
        "precision": None,
        "recall": None,
        "f1": None,
    }
    assert np.trace(document["confusion_matrix"]) == 4
    assert document["worst_mistakes"][0] == {
        "image": "folder/2.png",
        "true_label": "dog",
        "predicted_label": "cat",
        "probability": 0.7,
    }
    assert document["time_ms"]["median"] == 3.5
    assert document["unknown"]["rejected_wrong"] == 1
    assert document["failures"] == [{"image": "x.png", "error": fault.as_dict()}]
