"""Wheels that bring the same package, as pip leaves them beside each other."""

from pathlib import Path

import pytest
from runtime_wheels import install

from edgecls.runtime.machine.wheels import Wheel, commands_for, find_conflicts, wheels_of


def test_two_wheels_of_onnxruntime_are_a_conflict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, "Onnxruntime_GPU", "1.31.1")
    install(tmp_path, "onnxruntime", "1.30.0")
    monkeypatch.syspath_prepend(tmp_path)

    (conflict,) = (conflict for conflict in find_conflicts() if conflict.package == "onnxruntime")

    assert conflict.wheels == wheels_of("onnxruntime")
    assert conflict.wheels == (Wheel("onnxruntime", "1.30.0"), Wheel("onnxruntime-gpu", "1.31.1"))
    assert str(conflict).startswith("onnxruntime 1.30.0 and onnxruntime-gpu 1.31.1 ")
    assert str(conflict).endswith("overwrote each other's files, as each brings 'onnxruntime'")


def test_a_wheel_in_an_earlier_folder_hides_the_later_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path / "system", "onnxruntime", "1.30.0")
    install(tmp_path / "target", "onnxruntime-gpu", "1.31.1")
    monkeypatch.syspath_prepend(tmp_path / "system")
    monkeypatch.syspath_prepend(tmp_path / "target")

    assert wheels_of("onnxruntime") == (Wheel("onnxruntime-gpu", "1.31.1"),)
    assert not [conflict for conflict in find_conflicts() if conflict.package == "onnxruntime"]


def test_packages_that_only_sound_alike_are_no_conflict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = find_conflicts()
    install(tmp_path, "onnxruntime-extensions", "0.14.0")
    monkeypatch.syspath_prepend(tmp_path)

    assert find_conflicts() == before


@pytest.mark.parametrize(
    ("kept", "commands"),
    [
        ("onnxruntime-gpu", ("pip uninstall -y onnxruntime onnxruntime-gpu", 'pip install "edgecls[gpu]"')),
        ("onnxruntime", ("pip uninstall -y onnxruntime onnxruntime-gpu", 'pip install "edgecls[cpu]"')),
        (
            "onnxruntime-openvino",
            ("pip uninstall -y onnxruntime onnxruntime-gpu", "pip install onnxruntime-openvino"),
        ),
    ],
)
def test_all_wheels_go_before_one_comes(kept: str, commands: tuple[str, ...]) -> None:
    installed = (Wheel("onnxruntime", "1.31.1"), Wheel("onnxruntime-gpu", "1.31.1"))

    assert commands_for(kept, installed=installed) == commands


def test_nothing_installed_needs_no_uninstalling() -> None:
    assert commands_for("onnxruntime") == ('pip install "edgecls[cpu]"',)
