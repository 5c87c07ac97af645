"""On which systems the wheels of onnxruntime and OpenCV cannot be installed, and that the doctor says so."""

import platform
import re
from pathlib import Path

import pytest

from edgecls.bundled_model import BUNDLED_MODEL
from edgecls.runtime.doctor import diagnosis
from edgecls.runtime.machine.wheel_floors import System, missing_floor, this_system


@pytest.mark.parametrize(
    "system",
    [
        System("linux", "x86_64", "glibc", (2, 28)),
        System("linux", "aarch64", "glibc", (2, 41)),
        System("linux", "x86_64", "glibc"),
        System("linux", "x86_64"),
        System("darwin", "arm64", version=(14, 0)),
        System("darwin", "arm64"),
        System("win32", "AMD64"),
    ],
)
def test_systems_with_wheels_lack_nothing(system: System) -> None:
    assert missing_floor(system) is None


@pytest.mark.parametrize(
    ("system", "reason", "remedy"),
    [
        (System("linux", "x86_64", "musl", (1, 2)), "musl instead of glibc (as Alpine does)", "python:3.13-slim"),
        (System("linux", "aarch64", "glibc", (2, 17)), "glibc is 2.17; .*need 2.28", "Debian 10"),
        (System("linux", "x86_64", "glibc", (2, 27)), "glibc is 2.27; .*older ones 2.27", "Ubuntu 20.04"),
        (System("darwin", "x86_64", version=(15, 1)), "onnxruntime 1.23.2 is the last one", "onnxruntime==1.23.2"),
        (System("darwin", "arm64", version=(13, 6)), "macOS is 13.6; .*need 14.0", "update macOS"),
        (System("win32", "ARM64"), "no wheel of OpenCV for Windows on ARM", "x86-64 build of Python"),
    ],
)
def test_systems_without_wheels_are_named_with_a_way_out(system: System, reason: str, remedy: str) -> None:
    found = missing_floor(system)

    assert found is not None
    assert re.search(reason.replace("(", r"\(").replace(")", r"\)"), found[0])
    assert any(remedy in step for step in found[1])


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="needs a system with glibc")
def test_glibc_is_recognised_with_its_version() -> None:
    system = this_system()

    assert (system.name, system.libc) == ("linux", "glibc")
    assert system.libc_version >= (2, 17)


@pytest.mark.parametrize(("told", "version"), [(("", ""), ()), (("musl", "1.2.5"), (1, 2))])
@pytest.mark.skipif(platform.system() != "Linux", reason="needs Linux")
def test_musl_is_recognised_whether_python_knows_it_or_not(
    told: tuple[str, str], version: tuple[int, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "ld-musl-x86_64.so.1").touch()
    monkeypatch.setattr(platform, "libc_ver", lambda: told)

    system = this_system(root=tmp_path)

    assert (system.libc, system.libc_version) == ("musl", version)


def test_the_doctor_says_it_first_and_calls_it_wrong_only_where_it_is_in_the_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(diagnosis, "this_system", lambda: System("linux", "x86_64", "musl"))
    monkeypatch.setattr(diagnosis, "_try_providers", lambda *_: ())
    monkeypatch.setattr(diagnosis, "check_plugins", lambda **_: ())

    works = diagnosis.diagnose(str(BUNDLED_MODEL))
    monkeypatch.setattr(diagnosis, "_check_onnxruntime", lambda faults, gpus: None)
    does_not = diagnosis.diagnose(str(BUNDLED_MODEL))

    assert "musl" in works.remarks[0].what
    assert not any("musl" in fault.what for fault in works.faults)
    assert "musl" in does_not.faults[0].what
