"""Measuring a model that this machine has not met before. The time is up when the test says so."""

import os
import sys
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from tiny_model import tiny_model_bytes

from edgecls.modelfile import ModelFile, read_model
from edgecls.runtime.execution.child import Child
from edgecls.runtime.execution.providers import Provider
from edgecls.runtime.setting import Setting
from edgecls.runtime.tuned import Choice, Goal, choices_folder, this_hardware, tuned_setting
from edgecls.runtime.tuning import first_use
from edgecls.runtime.tuning.first_use import (
    FirstUse,
    keep_for_later,
    measure_first_use,
    setting_at_first_use,
    write_findings,
)

MANY = Setting(Provider.CPU, 3, 1, 1)
FOUND = FirstUse(Choice(MANY, Setting(Provider.CPU, 1, 1, 1), "2026"), this_hardware(), 1, ())
SAYS_AND_HANGS = """
import pathlib, sys, time
print('{"choice": 1}')
print("a library says something")
print('["no finding"]')
print('{"choice": 2}')
print('{"cut off', end="", flush=True)
pathlib.Path(sys.argv[1]).touch()
time.sleep(600)
"""


@pytest.fixture
def model(tmp_path: Path, own_cache: Path) -> ModelFile:
    path = tmp_path / "colors.onnx"
    path.write_bytes(tiny_model_bytes())
    return read_model(path)


@pytest.fixture
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plan with two seconds, and never find that they are over: a busy machine may take longer."""
    without_end = partial(measure_first_use, seconds=2.0, clock=lambda: 0.0)
    monkeypatch.setattr(first_use, "measure_first_use", without_end)


def _child(source: str, *arguments: object) -> Child:
    return Child([sys.executable, "-c", source, *map(str, arguments)], dict(os.environ))


def _never() -> bool:
    return False


@pytest.mark.usefixtures("unhurried")
def test_a_model_is_measured_once_and_the_choice_kept(model: ModelFile) -> None:
    said: list[str] = []
    first = setting_at_first_use(model, Goal.THROUGHPUT, provider=Provider.CPU, workers=None, tell=said.append)

    assert first is not None
    assert first.provider is Provider.CPU
    assert said[0].startswith("measuring for up to 2 s how colors runs best on this machine")
    (chosen,) = (line for line in said if line.startswith("colors: for many images "))
    assert str(first) in chosen
    assert " images/s" in chosen
    assert "; for one image cpu, 1 image at a time" in chosen

    said.clear()
    again = setting_at_first_use(model, Goal.THROUGHPUT, provider=Provider.CPU, workers=None, tell=said.append)
    for_all = tuned_setting(model, Goal.THROUGHPUT)

    assert (again, said) == (first, [])
    assert for_all is None, "what was measured of one provider says nothing of the best of all"


@pytest.mark.parametrize("why", ["time", "stop"])
def test_when_it_is_ended_what_was_found_so_far_counts(tmp_path: Path, why: str) -> None:
    has_said = tmp_path / "has-said"

    findings, ending = first_use._findings_of(
        _child(SAYS_AND_HANGS, has_said),
        deadline_s=10.0,
        is_stopped=has_said.exists if why == "stop" else _never,
        clock=(lambda: 10.0 if has_said.exists() else 0.0) if why == "time" else lambda: 0.0,
    )

    assert findings == [{"choice": 1}, {"choice": 2}]
    assert ending == {"time": "the time was too short", "stop": "it was stopped"}[why]


def test_the_time_is_up_even_where_nothing_was_found(model: ModelFile) -> None:
    said: list[str] = []

    assert measure_first_use(model, Provider.CPU, tell=said.append, seconds=0.0) is None
    assert said[1:] == ["colors was not measured: the time was too short; it runs with the defaults"]


def test_a_process_that_dies_is_reported(monkeypatch: pytest.MonkeyPatch, model: ModelFile) -> None:
    monkeypatch.setattr(first_use, "child_calling", lambda *_, **__: _child("import sys; sys.exit(3)"))
    said: list[str] = []

    assert measure_first_use(model, Provider.CPU, tell=said.append, clock=lambda: 0.0) is None
    assert said[1:] == ["colors was not measured: exit code 3; it runs with the defaults"]


def test_a_file_that_was_replaced_meanwhile_is_not_measured_for_the_old_one(model: ModelFile) -> None:
    said: list[str] = []

    found = measure_first_use(
        replace(model, path=str(Path(model.path).parent / "gone.onnx")),
        Provider.CPU,
        tell=said.append,
        clock=lambda: 0.0,
    )
    assert found is None
    assert "gone was not measured: " in said[1]
    assert "gone.onnx" in said[1]


def test_another_network_in_its_place_is_noticed(
    model: ModelFile, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ended: list[int] = []
    monkeypatch.setattr(first_use.os, "_exit", ended.append)

    write_findings(model.path, "0" * 64, "cpu", str(time.time()))

    assert capsys.readouterr().out == '{"error": "another model has taken its place"}\n'
    assert ended == [0]


def _kept_in(folder: Path) -> bool:
    return folder.is_dir() and bool(list(folder.iterdir()))


def test_what_cannot_be_kept_is_told_with_the_reason(model: ModelFile, own_cache: Path) -> None:
    own_cache.parent.mkdir(parents=True)
    own_cache.write_text("a file")
    said: list[str] = []

    assert not keep_for_later(FOUND, model, Provider.AUTO, tell=said.append)
    (line,) = said
    assert line.startswith("the choice is for this run only: cannot keep the choice in ")


def test_figures_of_warming_up_are_not_kept(model: ModelFile) -> None:
    said: list[str] = []

    assert not keep_for_later(replace(FOUND, rounds=0), model, Provider.AUTO, tell=said.append)
    assert said == [
        "there was no time to compare, so the choice is for this run only; "
        f"'edgecls tune {model.path} --seconds 60' takes longer"
    ]
    folder = choices_folder()
    assert folder is not None
    assert not _kept_in(folder)


def test_where_there_is_no_home_the_choice_is_for_this_run(model: ModelFile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(first_use, "choices_folder", lambda: None)
    said: list[str] = []

    assert not keep_for_later(FOUND, model, Provider.AUTO, tell=said.append)
    assert "set XDG_CACHE_HOME" in said[0]


def test_a_frozen_program_that_cannot_start_processes_says_so(
    model: ModelFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(first_use, "can_start_children", _never)
    said: list[str] = []

    assert measure_first_use(model, Provider.CPU, tell=said.append) is None
    assert said == ["colors was not measured: this frozen program cannot start a process for it"]
