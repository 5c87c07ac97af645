"""The choice for a model on a machine: kept, found again, and never in the way."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edgecls.errors import OutputError
from edgecls.runtime import tuned as choice_module
from edgecls.runtime.execution.providers import Provider
from edgecls.runtime.setting import Setting
from edgecls.runtime.tuned import Choice, Hardware, find_choice, keep_choice

MANY = Setting(Provider.CPU, 3, 2, 4)
ONE = Setting(Provider.CPU, 1, 2, 1)
CHOICE = Choice(MANY, ONE, "2026-11-21T09:00:00+00:00")
MACHINE = Hardware("A CPU", "f" * 64, 4, ("H200",), "580.65", "1.31.1", "", (Provider.CUDA, Provider.CPU))


def test_what_is_kept_is_found_again(tmp_path: Path) -> None:
    folder = tmp_path / "made" / "here"
    path = keep_choice(CHOICE, "a1", MACHINE, folder=folder)

    assert find_choice("a1", MACHINE, folder=folder) == CHOICE
    assert list(folder.iterdir()) == [path]
    assert json.loads(path.read_text())["key"]["hardware"]["processor"] == "A CPU"


def test_a_later_choice_takes_the_place_of_the_earlier_one(tmp_path: Path) -> None:
    keep_choice(CHOICE, "a1", MACHINE, folder=tmp_path)
    keep_choice(replace(CHOICE, throughput=ONE), "a1", MACHINE, folder=tmp_path)

    found = find_choice("a1", MACHINE, folder=tmp_path)
    assert found is not None
    assert found.throughput == ONE
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"processor": "Another"},
        {"features": "e" * 64},
        {"cores": 2},
        {"gpus": ()},
        {"driver": "580.66"},
        {"onnxruntime": "1.31.2"},
        {"providers": (Provider.CPU,)},
    ],
    ids=lambda change: next(iter(change)),
)
def test_on_other_hardware_nothing_is_found(tmp_path: Path, change: dict[str, Any]) -> None:
    keep_choice(CHOICE, "a1", MACHINE, folder=tmp_path)

    assert find_choice("a1", replace(MACHINE, **change), folder=tmp_path) is None


def test_for_another_network_or_by_another_format_nothing_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_choice(CHOICE, "a1", MACHINE, folder=tmp_path)

    assert find_choice("a2", MACHINE, folder=tmp_path) is None
    monkeypatch.setattr(choice_module, "FORMAT", choice_module.FORMAT + 1)
    assert find_choice("a1", MACHINE, folder=tmp_path) is None


def _damage(record: dict[str, Any], place: tuple[str, ...], value: Any) -> str:
    target = record
    for name in place[:-1]:
        target = target[name]
    target[place[-1]] = value
    return json.dumps(record)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("throughput", "workers"), 0),
        (("throughput", "workers"), 10**9),
        (("throughput", "workers"), "2"),
        (("throughput", "batch_size"), True),
        (("throughput", "provider"), "auto"),
        (("latency", "provider"), "abacus"),
        (("latency",), {}),
        (("latency",), None),
        (("key", "network_sha256"), "a2"),
        (("key",), []),
    ],
    ids=str,
)
def test_a_damaged_or_foreign_record_is_passed_over(tmp_path: Path, place: tuple[str, ...], value: Any) -> None:
    path = keep_choice(CHOICE, "a1", MACHINE, folder=tmp_path)
    path.write_text(_damage(json.loads(path.read_text()), place, value))

    assert find_choice("a1", MACHINE, folder=tmp_path) is None


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 100_000], ids=repr)
def test_a_record_that_is_no_record_is_passed_over(tmp_path: Path, text: bytes) -> None:
    keep_choice(CHOICE, "a1", MACHINE, folder=tmp_path).write_bytes(text)

    assert find_choice("a1", MACHINE, folder=tmp_path) is None


def test_a_folder_in_the_place_of_the_record_is_passed_over(tmp_path: Path) -> None:
    path = keep_choice(CHOICE, "a1", MACHINE, folder=tmp_path)
    path.unlink()
    path.mkdir()

    assert find_choice("a1", MACHINE, folder=tmp_path) is None


def test_a_place_where_nothing_can_be_kept_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(OutputError, match=r"cannot keep the choice in '.*file.*tuning'"):
        keep_choice(CHOICE, "a1", MACHINE, folder=tmp_path / "file" / "tuning")
