"""What CI installs is locked with hashes, fits setup.cfg, and comes from nowhere but the usual index."""

import configparser
import re
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

REPOSITORY = Path(__file__).parent.parent
FOLDER = REPOSITORY / "requirements"
LOCKED = [FOLDER / "runtime.txt", FOLDER / "test.txt"]


def _locked(path: Path) -> list[Requirement]:
    lines = path.read_text(encoding="utf-8").replace("\\\n", " ").splitlines()
    return [Requirement(line.partition(" --hash")[0].strip()) for line in lines if line and line[0] != "#"]


def _wanted(*extras: str) -> list[Requirement]:
    settings = configparser.ConfigParser()
    settings.read(REPOSITORY / "setup.cfg", encoding="utf-8")
    texts = [settings["options"]["install_requires"], *(settings["options.extras_require"][name] for name in extras)]
    lines = [line for text in texts for line in text.split("\n")]
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


def _extras() -> list[str]:
    found = re.search(r'^EXTRAS = "(.+)"$', (FOLDER / "lock.py").read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert found is not None
    return found[1].split(",")


@pytest.mark.parametrize("path", LOCKED, ids=lambda path: path.stem)
def test_every_package_has_one_version_and_hashes_and_no_address(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    blocks = re.split(r"^(?=[A-Za-z])", text, flags=re.MULTILINE)[1:]

    assert len(blocks) > 30
    for block in blocks:
        assert re.match(r"[A-Za-z0-9._-]+(\[[a-z,]+\])?==\S+( ;.+?)? \\\n", block), block[:80]
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", block), block[:80]
    assert not re.findall(r"://|--(?:extra-)?index-url|--find-links|--trusted-host|@ ", text)


@pytest.mark.parametrize(("path", "extras"), [(LOCKED[0], ["cpu"]), (LOCKED[1], None)], ids=["runtime", "test"])
def test_locked_versions_are_those_that_setup_cfg_allows(path: Path, extras: list[str] | None) -> None:
    locked: dict[str, list[Requirement]] = {}
    for requirement in _locked(path):
        locked.setdefault(canonicalize_name(requirement.name), []).append(requirement)

    for wanted in _wanted(*(_extras() if extras is None else extras)):
        assert canonicalize_name(wanted.name) in locked, f"{wanted}: refresh with make lock"
        for found in locked[canonicalize_name(wanted.name)]:
            (version,) = (specifier.version for specifier in found.specifier)
            assert wanted.specifier.contains(version), f"{wanted}, locked is {found}: refresh with make lock"


def test_what_the_tests_of_the_running_side_need_is_locked() -> None:
    names = {canonicalize_name(requirement.name) for requirement in _locked(LOCKED[0])}
    lines = (FOLDER / "runtime.in").read_text(encoding="utf-8").splitlines()

    assert {canonicalize_name(line) for line in lines if not line.startswith("#")} <= names


def test_licences_of_all_that_is_installed_on_linux_are_listed() -> None:
    rows = re.findall(r"^\| (\S+) \| (.+) \|$", (FOLDER / "licences.md").read_text(encoding="utf-8"), re.MULTILINE)
    listed = {canonicalize_name(name): licence for name, licence in rows if name != "package"}
    here = {"python_version": "3.11", "python_full_version": "3.11.7", "sys_platform": "linux", "os_name": "posix"}
    here |= {"platform_system": "Linux", "platform_machine": "x86_64", "platform_python_implementation": "CPython"}

    needed = {
        canonicalize_name(requirement.name)
        for requirement in _locked(LOCKED[1])
        if requirement.marker is None or requirement.marker.evaluate(here)
    }
    assert needed <= listed.keys()
    assert all(listed.values())
