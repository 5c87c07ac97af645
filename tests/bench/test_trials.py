"""One measurement of a setting, and the figures of several."""

from dataclasses import dataclass

import pytest

from edgecls.bench.trials import LEAST_ROUNDS, figures_of, is_too_noisy, take_paced
from edgecls.measuring.trials import ImageTime, Trial
from edgecls.modelfile import ModelFile
from edgecls.runtime.classifier import Classifier
from edgecls.runtime.execution.providers import Provider
from edgecls.runtime.opening import open_classifier
from edgecls.runtime.prediction import Prediction
from edgecls.runtime.setting import Setting
from edgecls.runtime.tuning.in_memory import classify_in_memory
from edgecls.runtime.tuning.timed_images import camera_like_jpegs

IMAGES = camera_like_jpegs(2)


@dataclass
class ScriptedClock:
    """A clock that runs only while somebody sleeps or works, and a classifier whose answers take as long as it is told.

    It wakes sleepers a little late, as systems do.
    """

    answers_s: list[float]
    now_s: float = 100.0
    late_s: float = 0.0

    def __call__(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds + self.late_s

    def predict_bytes(self, data: bytes) -> Prediction:
        took_s = self.answers_s.pop(0)
        self.now_s += took_s
        return Prediction("image", ("a", "b"), (0.5, 0.5), 1000 * took_s, decode_ms=1.0)


def _paced(clock: ScriptedClock) -> tuple[ImageTime, ...]:
    count = len(clock.answers_s)
    trial = take_paced(clock, [b"x"], count, pace_s=0.1, clock=clock, sleep=clock.sleep)  # type: ignore[arg-type]
    return trial.times


def test_the_stages_of_an_image_add_up_to_its_time(tiny_classifier: Classifier) -> None:
    trial = classify_in_memory(tiny_classifier, IMAGES, 5)

    assert len(trial.times) == 5
    assert trial.images_per_s == pytest.approx(5 / trial.elapsed_s)
    for one in trial.times:
        assert one.decode_ms > 0
        assert one.inference_ms > 0
        assert one.queue_ms == 0
        assert one.latency_ms == one.decode_ms + one.queue_ms + one.inference_ms


def test_in_batches_images_queue(tiny_model: ModelFile) -> None:
    classifier = open_classifier(tiny_model, Provider.CPU, setting=Setting(Provider.CPU, 8, 1, 4))

    trial = classify_in_memory(classifier, IMAGES, 64)

    assert all(one.queue_ms >= 0 and one.inference_ms > 0 for one in trial.times)


def test_an_image_that_comes_to_an_idle_machine_does_not_queue() -> None:
    times = _paced(ScriptedClock([0.02, 0.02, 0.02]))

    assert [one.latency_ms for one in times] == pytest.approx([20, 20, 20])
    assert [one.queue_ms for one in times] == [0, 0, 0]


def test_an_image_that_comes_while_the_last_one_is_worked_on_waits_for_it() -> None:
    times = _paced(ScriptedClock([0.25, 0.02, 0.02, 0.02]))

    assert [one.queue_ms for one in times] == pytest.approx([0, 150, 70, 0])
    assert [one.latency_ms for one in times] == pytest.approx([250, 170, 90, 20])


def test_waking_up_late_is_not_the_model_s_fault() -> None:
    assert [one.queue_ms for one in _paced(ScriptedClock([0.02, 0.02], late_s=0.05))] == [0, 0]


def test_the_first_image_of_a_paced_trial_finds_an_idle_machine_too() -> None:
    clock = ScriptedClock([0.02])
    _paced(clock)

    assert clock.now_s == pytest.approx(100.12)


def _trial(*latencies_ms: float) -> Trial:
    return Trial(tuple(ImageTime(1.0, 2.0, latency - 3.0) for latency in latencies_ms), sum(latencies_ms) / 1000)


def test_medians_are_taken_over_rounds_and_percentiles_over_all_images() -> None:
    figures = figures_of([_trial(10, 10, 10), _trial(12, 12, 100), _trial(11, 11, 11)])

    assert figures.images == 9
    assert figures.latency_ms == (10, 12, 11)
    assert figures.latency.value == 11
    assert figures.images_per_s == pytest.approx((100, 3000 / 124, 3000 / 33))
    assert 12 < figures.p95_ms < figures.p99_ms < 100


def test_stages_are_means_so_that_they_add_up() -> None:
    figures = figures_of([_trial(10, 20), _trial(10, 20)])

    assert figures.stages == ImageTime(1.0, 2.0, 12.0)
    assert figures.stages.latency_ms == 15


@pytest.mark.parametrize(
    ("rounds", "noisy"),
    [
        ([10.0] * LEAST_ROUNDS, False),
        ([10.0, 10.1, 9.9, 10.0, 10.2, 9.8], False),
        ([10.0] * (LEAST_ROUNDS - 1), True),
        ([10.0, 20.0, 9.0, 18.0, 10.0, 19.0], True),
        ([], True),
    ],
    ids=["steady", "nearly steady", "few rounds", "jumping", "none"],
)
def test_few_rounds_and_rounds_that_jump_are_too_noisy(rounds: list[float], noisy: bool) -> None:
    assert is_too_noisy(rounds) is noisy
