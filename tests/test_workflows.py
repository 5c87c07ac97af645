"""The workflows of GitHub: each has the least permissions, pinned actions, and commands that exist."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

REPOSITORY = Path(__file__).parent.parent
WORKFLOWS = sorted((REPOSITORY / ".github" / "workflows").glob("*.yml"))


def _workflow(path: Path) -> dict[Any, Any]:
    loaded: dict[Any, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return loaded


def _steps(path: Path) -> list[dict[str, Any]]:
    return [step for job in _workflow(path)["jobs"].values() for step in job["steps"]]


def _make_targets() -> set[str]:
    return set(re.findall(r"^([a-z0-9-]+):", (REPOSITORY / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))


def test_there_are_workflows_for_changes_nights_and_releases() -> None:
    assert [path.stem for path in WORKFLOWS] == ["ci", "nightly", "release"]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_nothing_may_be_written_but_by_jobs_that_say_why(path: Path) -> None:
    workflow = _workflow(path)
    text = path.read_text(encoding="utf-8")

    assert workflow["permissions"] in ({}, {"contents": "read"})
    for name, job in workflow["jobs"].items():
        granted = {scope: level for scope, level in job.get("permissions", {}).items() if level != "read"}
        assert not granted or path.stem == "release", name
        assert set(granted.values()) <= {"write"}
        assert job["timeout-minutes"] <= 90, name
    assert "secrets." not in text
    assert "pull_request_target" not in text


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_actions_are_pinned_by_commit_with_their_version(path: Path) -> None:
    uses = re.findall(r"uses: (\S+)(.*)", path.read_text(encoding="utf-8"))

    assert uses
    for action, comment in uses:
        assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", action), action
        assert re.fullmatch(r" # v\d+\.\d+\.\d+", comment), action
    for step in _steps(path):
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_every_command_exists(path: Path) -> None:
    commands = [part for step in _steps(path) if "run" in step for part in step["run"].split(" && ")]

    assert commands
    for command in commands:
        program, *arguments = shlex.split(command.partition(" > ")[0])
        if program == "make":
            assert arguments[0] in _make_targets(), command
            assert all(
                re.fullmatch(r"(PYTHON|TEST_EXTRAS|SECONDS|ARGS)=\S+", argument) for argument in arguments[1:]
            ), command
        elif program == "python" and arguments[0] == "-m":
            assert arguments[1] in {"pip", "ruff", "mypy", "pytest", "edgecls"}, command
        elif program == "python":
            script = REPOSITORY / arguments[0]
            known = re.findall(r'add_argument\(\s*"(--[a-z-]+)"', script.read_text(encoding="utf-8"))
            assert {argument for argument in arguments if argument.startswith("--")} <= {*known}, command
        else:
            assert program in {"sudo", "gh"}, command
        for file in re.findall(r"(?:-r|--notes-file) (\S+\.txt)", command):
            assert (REPOSITORY / file).exists(), command


def test_the_running_side_is_tested_on_three_systems_with_every_python_that_is_promised() -> None:
    matrix = _workflow(REPOSITORY / ".github/workflows/ci.yml")["jobs"]["running-side"]["strategy"]["matrix"]
    setup = (REPOSITORY / "setup.cfg").read_text(encoding="utf-8")

    assert [name.split("-")[0] for name in matrix["system"]] == ["ubuntu", "windows", "macos"]
    assert matrix["python"] == re.findall(r"Programming Language :: Python :: (3\.\d+)", setup)


def test_what_is_uploaded_is_what_is_downloaded() -> None:
    steps = _steps(REPOSITORY / ".github/workflows/release.yml")
    given = {step["with"]["name"] for step in steps if "upload-artifact" in step.get("uses", "")}
    taken = {step["with"]["name"] for step in steps if "download-artifact" in step.get("uses", "") and "with" in step}

    assert given == {"dist", "sbom", "notes"}
    assert taken <= given


def test_dependabot_looks_after_actions_and_locked_packages() -> None:
    updates = yaml.safe_load((REPOSITORY / ".github/dependabot.yml").read_text(encoding="utf-8"))["updates"]

    assert {(update["package-ecosystem"], update["directory"]) for update in updates} == {
        ("github-actions", "/"),
        ("pip", "/requirements"),
    }
    assert all((REPOSITORY / update["directory"].strip("/")).is_dir() for update in updates)
