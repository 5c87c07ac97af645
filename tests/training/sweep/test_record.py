from pathlib import Path

import pytest

from edgecls.errors import OutputError, TrainingError
from edgecls.evaluation.history import EpochReport
from edgecls.training.sweep.record import SweepRecord, SweepTrial

FACTS = {"data": "花", "epochs": 3}


def _trial(number: int, accuracy: float, loss: float = 0.5) -> SweepTrial:
    history = (_report(1, 0.2, 2.0), _report(2, accuracy, loss))
    return SweepTrial(number, {"arch": "simple_cnn"}, history, duration_s=1.5)


def _report(epoch: int, accuracy: float, loss: float) -> EpochReport:
    return EpochReport(epoch, 2, "all layers", 0.1, 0.9, loss, accuracy, 0.001, 0.7, is_best=True)


def test_a_record_is_read_again_as_it_was_written(tmp_path: Path) -> None:
    record = SweepRecord(tmp_path / "花.sweep", FACTS, resume=False)
    trials = (_trial(1, 0.5), SweepTrial(2, {"arch": "vgg16"}, error="too small"), _trial(3, 0.6))
    for trial in trials:
        record.add(trial)

    again = SweepRecord(tmp_path / "花.sweep", FACTS, resume=True)

    assert again.trials == record.trials == trials
    assert again.has(3)
    assert not again.has(4)


def test_the_best_trial_has_the_highest_accuracy_then_the_lowest_loss(tmp_path: Path) -> None:
    record = SweepRecord(tmp_path, FACTS, resume=False)
    assert record.best is None
    for trial in (_trial(1, 0.5), _trial(2, 0.7, 0.9), _trial(3, 0.7, 0.4), SweepTrial(4, {}, error="failed")):
        record.add(trial)

    assert record.best == _trial(3, 0.7, 0.4)


def test_a_line_that_a_kill_cut_short_is_dropped(tmp_path: Path) -> None:
    record = SweepRecord(tmp_path, FACTS, resume=False)
    record.add(_trial(1, 0.5))
    record.add(_trial(2, 0.6))
    record.path.write_bytes(record.path.read_bytes()[:-10])

    again = SweepRecord(tmp_path, FACTS, resume=True)
    again.add(_trial(2, 0.8))

    assert SweepRecord(tmp_path, FACTS, resume=True).trials == (_trial(1, 0.5), _trial(2, 0.8))


def test_a_sweep_is_not_overwritten(tmp_path: Path) -> None:
    SweepRecord(tmp_path, FACTS, resume=False)

    with pytest.raises(
        TrainingError, match=r"there is already a sweep in .*; continue it with --resume, or delete the folder"
    ):
        SweepRecord(tmp_path, FACTS, resume=False)


def test_another_sweep_is_not_continued(tmp_path: Path) -> None:
    SweepRecord(tmp_path, FACTS, resume=False)

    with pytest.raises(TrainingError, match="started with another epochs; repeat it with the same options"):
        SweepRecord(tmp_path, {**FACTS, "epochs": 4}, resume=True)


def test_a_damaged_record_is_not_continued(tmp_path: Path) -> None:
    record = SweepRecord(tmp_path, FACTS, resume=False)
    record.path.write_text(record.path.read_text(encoding="utf-8") + "{}\n", encoding="utf-8")

    with pytest.raises(TrainingError, match=r"is damaged .*; delete it to start again"):
        SweepRecord(tmp_path, FACTS, resume=True)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(OutputError, match="cannot keep the record"):
        SweepRecord(tmp_path / "file" / "sweep", FACTS, resume=False)
