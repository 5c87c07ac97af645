"""Run every block of a page in order, and say what is not as the page says.

    python tests/document_page.py docs/how-to/running.md

A page runs in a network of its own, where that is allowed: ports are free, and nothing reaches the internet.
"""

import argparse
import configparser
import contextlib
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from document_blocks import Block, Command, PageError, Skip, blocks_of, commands_of
from document_outputs import difference
from document_session import Done, Python, ServerError, SessionError, Shell, sessions
from document_setups import REPOSITORY, SETUPS

LIMIT_S = 600  # for a command
_FAILURE_LINES = 60
_ALONE = ("unshare", "-rnpf", "--kill-child", "--mount-proc", "sh", "-c", 'ip link set lo up && exec "$@"', "sh")
_PIP = re.compile(r"^(?:\S*/)?(?:python3? -m )?pip3? install\b")
_PROGRAM = """#!{python}
import sys
from edgecls.cli import main
if __name__ == "__main__":
    sys.exit(main())
"""


@dataclass
class Outcome:
    """What came of a page.

    Attributes:
        blocks: Number of blocks that ran.
        commands: Number of commands that ran.
        skipped: Number of blocks or commands that did not, by reason.
        failures: One text for each that is not as the page says.
        seconds: How long it took.
        cpu_seconds: Processor time of its commands and setups.
    """

    blocks: int = 0
    commands: int = 0
    skipped: dict[str, int] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    seconds: float = 0.0
    cpu_seconds: float = 0.0


class BlockError(Exception):
    """A block does not do what the page says; the message begins with the line."""


def run_apart(page: Path, folder: Path) -> Outcome:
    """Run a page in a process and, where that is allowed, in a network of its own; elsewhere one page after another.

    Raises:
        RuntimeError: The process ended without an outcome.
    """
    apart = subprocess.run([*_ALONE, "true"], check=False, capture_output=True).returncode == 0
    command = [sys.executable, __file__, str(page), "--folder", str(folder), "--json"]
    with contextlib.nullcontext() if apart else _one_at_a_time():
        done = subprocess.run(
            [*(_ALONE if apart else ()), *command],
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    if not done.stdout.strip():
        raise RuntimeError(f"{page} gave no outcome (exit code {done.returncode}):\n{done.stderr}")
    return Outcome(**json.loads(done.stdout.splitlines()[-1]))


@contextlib.contextmanager
def _one_at_a_time() -> Iterator[None]:
    import fcntl

    with (Path(tempfile.gettempdir()) / f"edgecls-pages-{os.getuid()}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def run_page(page: Path, folder: Path, *, limit_s: float = LIMIT_S, keep_going: bool = True) -> Outcome:
    """Run every block of a page in a folder, and return what came of it.

    Args:
        page: A Markdown file.
        folder: Where its commands run; empty.
        limit_s: The longest that a command may take.
        keep_going: Whether blocks after one that failed run too.
    """
    outcome, started = Outcome(), time.monotonic()
    try:
        blocks = blocks_of(page)
    except PageError as error:
        return Outcome(failures=[str(error)])
    for skip in (skip for block in blocks for skip in block.skips if not skip.texts):
        _count(outcome, skip)
    with tempfile.TemporaryDirectory(prefix="home-", ignore_cleanup_errors=True) as temporary:
        home, logs = Path(temporary, "home"), Path(temporary, "logs")
        logs.mkdir()
        try:
            with sessions(folder, _environment(home), logs, limit_s=limit_s) as (shell, python):
                _run_blocks(page, folder, blocks, shell, python, outcome, keep_going=keep_going)
        except (SessionError, ServerError) as error:
            outcome.failures.append(_shortened(f"{page.name}: at the end: {error}"))
    outcome.seconds = time.monotonic() - started
    used = os.times()
    outcome.cpu_seconds = used.user + used.system + used.children_user + used.children_system
    return outcome


def _environment(home: Path) -> dict[str, str]:
    """Return the variables of a reader's shell: edgecls of this checkout, and nothing of the tests."""
    programs = home / ".local" / "bin"
    programs.mkdir(parents=True)
    (home / ".curlrc").write_text("fail\nsilent\nshow-error\n")  # or refusals would go unnoticed
    (programs / "edgecls").write_text(_PROGRAM.format(python=sys.executable))
    (programs / "edgecls").chmod(0o755)
    kept = {name: value for name, value in os.environ.items() if not re.match(r"EDGECLS_|PYTEST|XDG_|COV_", name)}
    return {
        **kept,
        "PATH": f"{programs}:{Path(sys.executable).parent}:{kept['PATH']}:/usr/sbin",
        "VIRTUAL_ENV": str(Path(sys.executable).parent.parent),
        "HOME": str(home),
        "LC_ALL": "C.UTF-8",
        "COLUMNS": "120",
        "EDGECLS_OFFLINE": "1",
        "CUDA_VISIBLE_DEVICES": "-1",
        "QT_QPA_PLATFORM": "offscreen",
        "PYTHONPATH": str(REPOSITORY),
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
        "GIT_CONFIG_GLOBAL": os.devnull,
    }


def _run_blocks(
    page: Path, folder: Path, blocks: list[Block], shell: Shell, python: Python, outcome: Outcome, *, keep_going: bool
) -> None:
    before: Done | None = None
    for block in blocks:
        try:
            for name, *arguments in block.setups:
                if name not in SETUPS:
                    raise BlockError(f"{block.line}: no setup is called {name}; there are {', '.join(SETUPS)}")
                SETUPS[name](folder, *arguments)
            if block.file is not None:
                (folder / block.file).parent.mkdir(parents=True, exist_ok=True)
                (folder / block.file).write_text(block.text + "\n", encoding="utf-8")
            elif block.is_output:
                _compare(block, Command(block.line, "the block above", block.text.splitlines()), before)
            elif block.runs:
                before = _run_block(page, block, shell, python, outcome)
                outcome.blocks += 1
        except (BlockError, PageError, SessionError) as error:
            text = str(error)
            outcome.failures.append(_shortened(text if text.startswith(page.name) else f"{page.name}:{text}"))
            if isinstance(error, SessionError) or not keep_going:
                return


def _shortened(failure: str) -> str:
    """Leave out what is in the middle of a long text, such as a traceback."""
    lines = failure.splitlines()
    cut = len(lines) - _FAILURE_LINES
    return (
        failure
        if cut <= 0
        else "\n".join([*lines[: _FAILURE_LINES // 2], f"({cut} lines)", *lines[-_FAILURE_LINES // 2 :]])
    )


def _run_block(page: Path, block: Block, shell: Shell, python: Python, outcome: Outcome) -> Done | None:
    if block.language == "python":
        try:
            done = python.run(page.name, block.line, block.text)
        except SessionError as error:
            raise SessionError(f"{block.line}: the Python block does not end: {error}") from error
        if done.code:
            raise BlockError(f"{block.line}: the Python block fails:\n{done.stdout}{done.stderr}")
        return done
    shell.add_options(block.added)
    done = None
    printed = ["", ""]
    commands = [Command(block.line, text) for text in block.before]
    commands += commands_of(page.name, block, is_complete=shell.is_complete)
    run = [command for command in commands if not _is_skipped(command, block, outcome)]
    for command in run:
        expected = block.exit_codes_of(command.text, is_last=command is run[-1])
        try:
            done = _run_command(command, shell)
        except SessionError as error:
            raise SessionError(f"{command.line}: {command.text}\n{error}") from error
        except ServerError as error:
            raise BlockError(f"{command.line}: {command.text}\n{error}") from error
        printed = [printed[0] + done.stdout, printed[1] + done.stderr]
        if done.code is not None and done.code not in expected:
            what = f"the exit code is {done.code}, not {' or '.join(map(str, sorted(expected)))}: {command.text}"
            raise BlockError(f"{command.line}: {what}\n{done.stdout}{done.stderr}")
        if command.shown is not None:
            _compare(block, command, done)
        outcome.commands += 1
    return Done(None if done is None else done.code, *printed)


def _run_command(command: Command, shell: Shell) -> Done:
    """Run a command; what it would install from the internet is only checked."""
    if not _PIP.match(command.text):
        return shell.run(command.text)
    for word in shlex.split(command.text, comments=True):
        named = re.fullmatch(r"(?:edgecls|\.|\S*\.whl)\[([\w,-]+)\]\S*", word)
        unknown = set(named[1].split(",")) - _extras() if named else set()
        if unknown:
            return Done(1, "", f"edgecls has no extra {', '.join(sorted(unknown))}\n")
    return Done(0, "", "")


def _extras() -> set[str]:
    settings = configparser.ConfigParser()
    settings.read(REPOSITORY / "setup.cfg", encoding="utf-8")
    return set(settings["options.extras_require"])


def _is_skipped(command: Command, block: Block, outcome: Outcome) -> bool:
    for skip in block.skips:
        if skip.covers(command.text):
            _count(outcome, skip)
            return True
    return False


def _count(outcome: Outcome, skip: Skip) -> None:
    outcome.skipped[skip.reason] = outcome.skipped.get(skip.reason, 0) + 1


def _compare(block: Block, command: Command, done: Done | None) -> None:
    if done is None:
        raise BlockError(f"{block.line}: nothing ran above what was printed")
    found = difference(command.shown or [], done.stdout, done.stderr, tolerance=block.tolerance)
    if found is not None:
        raise BlockError(f"{command.line}: something else is printed by: {command.text}\n{found}")


def _main() -> int:
    parser = argparse.ArgumentParser(description="Run every block of a page of the documents.")
    parser.add_argument("page", type=Path)
    parser.add_argument("--folder", type=Path, help="where its commands run; a new one by default")
    parser.add_argument(
        "--json", action="store_true", help="print the outcome as JSON, and do not go into a network of one's own"
    )
    options = parser.parse_args()
    folder = options.folder or Path(tempfile.mkdtemp(prefix="page-"))
    if options.json:
        sys.stdout.write(json.dumps(run_page(options.page.resolve(), folder).__dict__) + "\n")
        return 0
    outcome = run_apart(options.page.resolve(), folder)
    sys.stdout.writelines(f"{failure}\n\n" for failure in outcome.failures)
    time_used = f"{outcome.seconds:.1f} s, {outcome.cpu_seconds:.1f} s of CPU"
    ran = f"{outcome.blocks} blocks and {outcome.commands} commands ran in {time_used}"
    sys.stdout.write(f"{ran}; skipped: {outcome.skipped}\n")
    return bool(outcome.failures)


if __name__ == "__main__":
    sys.exit(_main())
