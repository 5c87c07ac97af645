"""What training says of the time that is left."""

from edgecls.commands.train_options import TimeLeft
from edgecls.evaluation.history import EpochReport


class _Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def _report(epoch: int, epochs: int, duration_s: float) -> EpochReport:
    return EpochReport(epoch, epochs, "all layers", 1, 0.5, 1, 0.5, 1e-3, duration_s, is_best=True)


def _epoch(left: TimeLeft, clock: _Clock, *, step_s: float, steps: int = 10) -> list[str]:
    shown = []
    for done in range(1, steps + 1):
        clock.now_s += step_s
        shown.append(left.after_step(done, steps))
    return shown


def test_time_is_told_for_the_epoch_and_for_the_run() -> None:
    clock = _Clock()
    left = TimeLeft(3, clock=clock)
    clock.now_s = 60  # to build the network

    shown = _epoch(left, clock, step_s=2)

    assert shown[0] == ""  # nothing to go by
    assert shown[1] == "16 s left, 56 s in all"
    assert shown[-1] == "0 s left, 40 s in all"
    clock.now_s += 5  # validation
    assert left.after_epoch(_report(1, 3, 85)) == "50 s left"
    assert _epoch(left, clock, step_s=2)[4] == "15 s left, 40 s in all"
    clock.now_s += 5
    assert left.after_epoch(_report(2, 3, 25)) == "25 s left"
    _epoch(left, clock, step_s=2)
    assert left.after_epoch(_report(3, 3, 25)) == ""


def test_a_run_that_goes_on_has_fewer_epochs_left() -> None:
    clock = _Clock()
    left = TimeLeft(4, clock=clock)

    assert left.after_epoch(_report(3, 4, 120)) == "2:00 min left"
    assert _epoch(left, clock, step_s=30)[1] == "4:00 min left, 4:00 min in all"


def test_slower_steps_count_from_the_epoch_in_which_they_come() -> None:
    clock = _Clock()
    left = TimeLeft(2, clock=clock)
    _epoch(left, clock, step_s=1)
    left.after_epoch(_report(1, 2, 10))

    assert _epoch(left, clock, step_s=10)[2] == "1:10 min left, 1:10 min in all"


def test_epochs_of_one_step_are_told_by_how_long_they_took() -> None:
    clock = _Clock()
    left = TimeLeft(3, clock=clock)

    assert _epoch(left, clock, step_s=4, steps=1) == [""]
    assert left.after_epoch(_report(1, 3, 4)) == "8 s left"
    assert _epoch(left, clock, step_s=4, steps=1) == [""]
