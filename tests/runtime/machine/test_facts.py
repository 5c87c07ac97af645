"""Facts of the machine, and the revision of the folder one is in."""

import json
import subprocess
from pathlib import Path

import pytest

from edgecls.runtime.machine import facts as machine
from edgecls.runtime.machine.cores import usable_cores
from edgecls.runtime.machine.facts import git_revision, machine_facts


def _git(folder: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with `file` in it, at the tag v1."""
    _git(tmp_path, "init")
    (tmp_path / "file").write_text("one")
    _git(tmp_path, "add", "file")
    _git(tmp_path, "commit", "-m", "first")
    _git(tmp_path, "tag", "-a", "v1", "-m", "v1")
    return tmp_path


def test_the_facts_are_there_and_fit_into_json(tmp_path: Path) -> None:
    facts = json.loads(json.dumps(machine_facts(tmp_path)))

    assert set(facts) == {"processor", "usable_cores", "system", "python", "packages", "revision", "time"}
    assert facts["usable_cores"] == usable_cores()
    assert {"edgecls", "numpy", "click"} <= set(facts["packages"])
    assert any(name.startswith("onnxruntime") for name in facts["packages"])


def test_the_revision_is_that_of_the_folder(repository: Path) -> None:
    inner = repository / "inner"
    inner.mkdir()

    assert git_revision(inner) == "v1"
    (repository / "file").write_text("two")
    assert git_revision(inner) == "v1-dirty"
    assert git_revision(inner, besides=["other"]) == "v1-dirty"
    assert git_revision(inner, besides=["file"]) == "v1"


def test_files_that_git_does_not_know_change_no_revision(repository: Path) -> None:
    (repository / "new").write_text("two")

    assert git_revision(repository) == "v1"


def test_a_repository_without_a_commit_has_no_revision(tmp_path: Path) -> None:
    _git(tmp_path, "init")

    assert git_revision(tmp_path) is None


def test_a_folder_in_no_repository_has_no_revision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))

    assert git_revision(tmp_path) is None


@pytest.mark.parametrize("fault", [FileNotFoundError(), subprocess.TimeoutExpired("git", 1)], ids=["absent", "slow"])
def test_without_git_there_is_no_revision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: Exception) -> None:
    def fail(*_: object, **__: object) -> None:
        raise fault

    monkeypatch.setattr(machine.subprocess, "run", fail)

    assert git_revision(tmp_path) is None
