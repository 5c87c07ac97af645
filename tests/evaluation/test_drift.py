"""Whether images still look like the held-out ones."""

from collections.abc import Sequence

import numpy as np
import pytest

from edgecls.evaluation.drift import CHANCE, LABEL, MIN_SEEN, Drift, Tally, compare
from edgecls.reference import VALUES, Reference, reference_of
from edgecls.runtime.appearance import Appearance
from edgecls.runtime.prediction import Prediction

LABELS = ("a", "b", "c")
MIX = (0.5, 0.3, 0.2)


def _predictions(count: int, seed: int, *, darker: float = 0.0, mix: Sequence[float] = MIX) -> list[Prediction]:
    chance = np.random.default_rng(seed)
    found = []
    for label in chance.choice(3, count, p=mix).tolist():
        probability = float(1 - 0.6 * chance.beta(0.5, 3))
        row = [(1 - probability) / 2] * 3
        row[label] = probability
        look = Appearance(
            float(chance.normal(120 - darker, 25)),
            float(chance.gamma(9, 6)),
            float(chance.gamma(5, 0.2)),
            float(chance.choice([0.75, 1.5])),
        )
        familiarity = float(chance.normal(0.8, 0.05))
        found.append(Prediction("", LABELS, tuple(row), 1.0, familiarity=familiarity, appearance=look))
    return found


def _reference(count: int, seed: int) -> Reference:
    predictions = _predictions(count, seed)
    values: dict[str, list[float]] = {
        "probability": [one.probability for one in predictions],
        "familiarity": [one.familiarity or 0 for one in predictions],
    }
    for name in ("brightness", "contrast", "sharpness", "side_ratio"):
        values[name] = [getattr(one.appearance, name) for one in predictions]
    reference = reference_of(values, [one.best_index for one in predictions], labels=3)
    assert reference is not None
    return reference


def _drift(reference: Reference, predictions: list[Prediction]) -> Drift:
    tally = Tally(reference)
    for prediction in predictions:
        tally.add(prediction)
    return tally.drift(LABELS)


def test_images_of_the_same_kind_are_like_the_held_out_ones() -> None:
    reference = _reference(200, 0)
    alarms = [_drift(reference, _predictions(count, count)).changed for count in (30, 100, 300, 1000)]

    assert alarms == [()] * 4


def test_chance_seldom_calls_a_window_changed_however_often_it_looks() -> None:
    chance = np.random.default_rng(7)
    windows = 120
    alarms = 0
    for _ in range(windows):
        held_out = chance.normal(scale=1000, size=150)
        reference = reference_of(dict.fromkeys(VALUES, held_out.tolist()), [0, 1] * 75, labels=2)
        assert reference is not None
        seen = np.searchsorted(reference.histograms["brightness"].edges, chance.normal(scale=1000, size=1000))
        sides = chance.integers(0, 2, 1000)
        looks = [
            compare(
                reference,
                {
                    **{name: np.bincount(seen[:count], minlength=10).tolist() for name in VALUES},
                    LABEL: np.bincount(sides[:count], minlength=3).tolist(),
                },
                1.0,
                ("a", "b"),
            )
            for count in (30, 40, 60, 90, 130, 200, 300, 450, 700, 1000)
        ]
        alarms += any(look.changed for look in looks)

    assert alarms <= 2


@pytest.mark.parametrize(
    ("change", "what", "direction"),
    [({"darker": 40.0}, "brightness", "lower"), ({"mix": (0.1, 0.1, 0.8)}, LABEL, "more c")],
)
def test_a_change_is_noticed_and_named(change: dict[str, float], what: str, direction: str) -> None:
    drift = _drift(_reference(200, 0), _predictions(150, 1, **change))  # type: ignore[arg-type]

    assert [(one.what, one.change) for one in drift.changed] == [(what, direction)]
    assert drift.as_dict()["like"] is False
    assert drift.as_dict()["changed"] == [what]


def test_more_images_lower_the_noise_down_to_that_of_the_held_out_ones() -> None:
    reference = _reference(100, 0)
    noises = [
        {one.what: one.noise for one in _drift(reference, _predictions(count, 3)).comparisons}["side_ratio"]
        for count in (40, 100, 1000)
    ]

    assert noises[0] > noises[1] > noises[2]
    assert noises[2] > noises[1] / 2  # 100 held-out images remain


def test_of_few_images_nothing_is_said() -> None:
    drift = _drift(_reference(200, 0), _predictions(MIN_SEEN - 1, 1, darker=100))

    assert not drift.is_enough
    assert drift.comparisons == ()
    assert drift.as_dict()["like"] is None
    assert _drift(_reference(200, 0), []).expected_accuracy is None


def test_what_is_not_known_of_an_image_is_left_out() -> None:
    reference = _reference(200, 0)
    tally = Tally(reference)
    for prediction in _predictions(60, 2):
        tally.add(Prediction("", LABELS, prediction.probabilities, 1.0, familiarity=float("nan")))
    drift = tally.drift(LABELS)

    assert [one.what for one in drift.comparisons] == ["probability", LABEL]
    assert tally.images == 60


def test_the_expected_accuracy_is_the_mean_probability_of_the_best_label() -> None:
    predictions = _predictions(80, 5)
    drift = _drift(_reference(200, 0), predictions)

    assert drift.expected_accuracy == pytest.approx(np.mean([one.probability for one in predictions]))


def test_every_distance_is_a_jensen_shannon_distance() -> None:
    reference = _reference(200, 0)
    apart = _drift(reference, _predictions(200, 1, darker=1000))
    brightness = next(one for one in apart.comparisons if one.what == "brightness")

    # All of them are in the lowest bin, which has a tenth of the held-out ones.
    mean = (1 + 0.1) / 2
    expected = np.sqrt((np.log2(1 / mean) + 0.1 * np.log2(0.1 / mean) + 0.9 * np.log2(2)) / 2)
    assert brightness.distance == pytest.approx(expected, abs=1e-6)
    assert 0 < CHANCE < 0.001
