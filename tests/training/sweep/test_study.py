"""Searches with Optuna; trials are played, with made-up accuracies, and not trained."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from edgecls.errors import TrainingError
from edgecls.evaluation.history import EpochReport
from edgecls.image_spec import ImageSpec
from edgecls.training.config import TrainConfig
from edgecls.training.sweep.record import SweepRecord, SweepTrial
from edgecls.training.sweep.search_space import Choices, Domain, Interval, SearchSpace
from edgecls.training.sweep.space import Settings
from edgecls.training.sweep.study import JOURNAL_NAME, SearchedTrials
from edgecls.training.sweep.trials import TakenTrial

if "EDGECLS_REQUIRE_SEARCH" not in os.environ:
    pytest.importorskip("optuna")

EPOCHS = 9
RATES = Interval(1e-5, 1e-1, is_log=True)


def _space(**domains: Domain) -> SearchSpace:
    base = TrainConfig(ImageSpec(32, 32), arch="simple_cnn", epochs=EPOCHS, seed=4)
    return SearchSpace(base, domains or {"learning_rate": RATES}, {"simple_cnn": (32, 32)})


def _opened(folder: Path, space: SearchSpace, count: int) -> tuple[SearchedTrials, SweepRecord]:
    """Return a search as a process has it that starts or goes on with it."""
    trials = SearchedTrials(space, count)
    record = SweepRecord(folder, trials.facts, resume=True)
    with record.locked():
        trials.open(record, folder)
    return trials, record


def _take(trials: SearchedTrials, record: SweepRecord) -> TakenTrial | None:
    with record.locked():
        return trials.take(record)


def _report(epoch: int, accuracy: float) -> EpochReport:
    return EpochReport(epoch, EPOCHS, "all layers", 0.1, 0.9, 1 - accuracy, accuracy, 0.001, 0.7, is_best=True)


def _end(trials: SearchedTrials, record: SweepRecord, taken: TakenTrial, trial: SweepTrial) -> None:
    record.add(trial)
    with record.locked():
        trials.note(trial)
    os.close(taken.claim)


def _good_near_a_hundredth(settings: Settings, epoch: int) -> float:
    return (1 - min(1.0, abs(settings.learning_rate - 0.01) * 50)) * (0.5 + epoch / EPOCHS / 2)


def _play(
    trials: SearchedTrials,
    record: SweepRecord,
    accuracy: Callable[[Settings, int], float] = _good_near_a_hundredth,
    *,
    at_most: int = 1000,
) -> list[SweepTrial]:
    """Play trials until there are no more, or so many, and return them."""
    played: list[SweepTrial] = []
    while len(played) < at_most and (taken := _take(trials, record)) is not None:
        history: list[EpochReport] = []
        is_poor = False
        while not is_poor and len(history) < EPOCHS:
            history.append(_report(len(history) + 1, accuracy(taken.settings, len(history) + 1)))
            is_poor = trials.is_poor(taken.number, history)
        trial = SweepTrial(taken.number, taken.settings.as_facts(), tuple(history), pruned=is_poor)
        _end(trials, record, taken, trial)
        played.append(trial)
    return played


def test_a_search_ends_poor_trials_early_and_closes_in_on_the_best_settings(tmp_path: Path) -> None:
    trials, record = _opened(tmp_path, _space(), 40)

    played = _play(trials, record)

    assert [trial.number for trial in played] == list(range(1, 41))
    pruned = [trial for trial in played if trial.pruned]
    assert len(pruned) >= 10
    assert {len(trial.history) for trial in pruned} <= {1, 3}  # the rungs of Hyperband for nine epochs
    assert all(len(trial.history) == EPOCHS for trial in played if not trial.pruned)
    assert record.best is not None
    assert not record.best.pruned
    assert record.best.settings["learning_rate"] == pytest.approx(0.01, rel=0.3)


def test_the_same_seed_gives_the_same_search_also_when_it_is_interrupted(tmp_path: Path) -> None:
    whole = _play(*_opened(tmp_path / "whole", _space(), 15))

    first = _play(*_opened(tmp_path / "parts", _space(), 15), at_most=6)
    rest = _play(*_opened(tmp_path / "parts", _space(), 15))

    assert [*first, *rest] == whole
    assert len({trial.settings["learning_rate"] for trial in whole}) == 15


def test_a_trial_whose_process_died_is_taken_again_and_not_counted_twice(tmp_path: Path) -> None:
    dead, record = _opened(tmp_path, _space(), 4)
    lost = _take(dead, record)
    assert lost is not None
    dead.is_poor(lost.number, [_report(1, 0.5)])
    os.close(lost.claim)  # which the system does when a process dies

    trials, record = _opened(tmp_path, _space(), 4)
    again = _take(trials, record)

    assert again is not None
    assert (again.number, again.settings) == (lost.number, lost.settings)
    os.close(again.claim)
    assert [trial.number for trial in _play(trials, record)] == [1, 2, 3, 4]
    assert _take(trials, record) is None


def test_two_processes_never_work_on_the_same_trial(tmp_path: Path) -> None:
    one, record_of_one = _opened(tmp_path, _space(), 3)
    other, record_of_other = _opened(tmp_path, _space(), 3)

    first, second, third = _take(one, record_of_one), _take(other, record_of_other), _take(one, record_of_one)

    assert first is not None
    assert second is not None
    assert third is not None
    assert (first.number, second.number, third.number) == (1, 2, 3)
    assert len({first.settings, second.settings, third.settings}) == 3
    assert _take(other, record_of_other) is None  # all are being worked on
    os.close(second.claim)
    freed = _take(one, record_of_one)
    assert freed is not None
    assert freed.number == 2
    for taken in (first, third, freed):
        os.close(taken.claim)


def test_a_process_that_died_between_record_and_optuna_is_made_up_for(tmp_path: Path) -> None:
    dead, record = _opened(tmp_path, _space(), 2)
    taken = _take(dead, record)
    assert taken is not None
    record.add(SweepTrial(1, taken.settings.as_facts(), (_report(1, 0.5),)))
    os.close(taken.claim)

    trials, record = _opened(tmp_path, _space(), 2)

    assert [trial.number for trial in _play(trials, record)] == [2]


def test_a_line_of_the_journal_that_a_kill_cut_short_is_dropped(tmp_path: Path) -> None:
    _play(*_opened(tmp_path, _space(), 4), at_most=2)
    journal = tmp_path / JOURNAL_NAME
    journal.write_bytes(journal.read_bytes() + b'{"op_code":4,"worker')

    trials, record = _opened(tmp_path, _space(), 4)

    assert [trial.number for trial in _play(trials, record)] == [3, 4]
    assert _opened(tmp_path, _space(), 4)[1].best is not None


def test_a_damaged_journal_is_an_error(tmp_path: Path) -> None:
    _play(*_opened(tmp_path, _space(), 4), at_most=2)
    journal = tmp_path / JOURNAL_NAME
    journal.write_bytes(b"no JSON\n" + journal.read_bytes())

    with pytest.raises(TrainingError, match=r"optuna\.log' is damaged .*; delete the sweep's folder"):
        _opened(tmp_path, _space(), 4)


def test_a_journal_without_its_record_is_an_error(tmp_path: Path) -> None:
    _, record = _opened(tmp_path, _space(), 4)
    _play(*_opened(tmp_path, _space(), 4), at_most=2)
    record.path.unlink()

    with pytest.raises(TrainingError, match="has other trials than"):
        _opened(tmp_path, _space(), 4)


def test_every_combination_is_tried_once_and_then_the_search_is_over(tmp_path: Path) -> None:
    space = _space(
        batch_size=Choices((8, 16, 32)), learning_rate=Choices((0.01, 0.001)), hidden_units=Interval(0, 1, True)
    )

    trials, record = _opened(tmp_path, space, 100)
    played = _play(trials, record)

    assert trials.total == len(played) == 12
    assert len({tuple(trial.settings.items()) for trial in played}) == 12


def test_settings_that_fail_are_avoided_even_if_their_neighbours_are_the_best(tmp_path: Path) -> None:
    trials, record = _opened(tmp_path, _space(dropout=Interval(0.0, 0.9)), 45)
    failed = []
    while (taken := _take(trials, record)) is not None:
        facts = taken.settings.as_facts()
        failed.append(facts["dropout"] > 0.4)
        history = () if failed[-1] else (_report(1, 0.4 + facts["dropout"]),)
        _end(trials, record, taken, SweepTrial(taken.number, facts, history, "NaN" if failed[-1] else ""))

    # If Optuna were told that they failed, it would learn nothing from them, and all of these would fail.
    assert sum(failed[-15:]) < 10


def test_a_search_may_go_on_with_more_trials(tmp_path: Path) -> None:
    _play(*_opened(tmp_path, _space(), 3))

    assert [trial.number for trial in _play(*_opened(tmp_path, _space(), 5))] == [4, 5]


def test_another_search_is_not_continued(tmp_path: Path) -> None:
    _opened(tmp_path, _space(), 3)

    with pytest.raises(TrainingError, match="was started with another search"):
        _opened(tmp_path, _space(dropout=Interval(0.0, 0.5)), 3)


def test_no_trial_ends_before_an_epoch_in_which_all_layers_are_trained(tmp_path: Path) -> None:
    domains: dict[str, Domain] = {"learning_rate": RATES, "weights": Choices(("none", "imagenet"))}

    played = _play(*_opened(tmp_path, _space(**domains), 30))

    pruned = {len(trial.history) for trial in played if trial.pruned}
    assert min(pruned) == 3  # new layers alone have the first two of nine epochs


def test_searches_of_one_epoch_end_nothing_early(tmp_path: Path) -> None:
    base = TrainConfig(ImageSpec(32, 32), arch="simple_cnn", epochs=1)
    space = SearchSpace(base, {"learning_rate": RATES}, {"simple_cnn": (32, 32)})
    trials, record = _opened(tmp_path, space, 8)

    while (taken := _take(trials, record)) is not None:
        history = [_report(1, 1 / taken.number)]
        assert not trials.is_poor(taken.number, history)
        _end(trials, record, taken, SweepTrial(taken.number, taken.settings.as_facts(), tuple(history)))

    assert len(record.trials) == 8
