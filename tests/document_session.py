"""The shell and the Python in which a page's blocks run: one of each for a page, as a reader would have them."""

import contextlib
import json
import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

_UNTIL_CTRL_C = re.compile(
    r"\bedgecls (?:demo|gui|serve)\b|--watch\b|\bcamera:\d|\brtsp://|\bwaitress\b|\bgunicorn\b|\bhttp\.server\b"
)
_ENDS = re.compile(r"--help\b|--version\b|--no-serve\b|--dataset-only\b")
_LISTENING = re.compile(r"\bedgecls demo\b|\bserve\b|\bwaitress\b|\bgunicorn\b|\bhttp\.server\b|\bnginx\b|\bcaddy\b")
_READY = {"edgecls serve": "ready: ", "edgecls demo": "The server runs until"}
_READY_TIMEOUT_S = 180
_END_TIMEOUT_S = 10
_POLL_S = 0.05


class SessionError(Exception):
    """A session ended, or a command took longer than it may: nothing more can run in it."""


class ServerError(Exception):
    """What runs until Ctrl-C does not listen, or does not end by Ctrl-C."""


@dataclass(frozen=True)
class Done:
    """What a command did: exit code, None while it runs; and what it printed."""

    code: int | None
    stdout: str
    stderr: str


@dataclass
class _Terminal:
    """A program that runs until Ctrl-C, as in a terminal of its own."""

    command: str
    process_group: int
    number: int


@dataclass
class Shell:
    """A bash that keeps its folder, variables and background jobs.

    What runs until Ctrl-C, such as a server, runs beside the commands that follow it. The next one on the same port
    first ends it, by the signal of Ctrl-C.

    Attributes:
        folder: Where it starts.
        environment: Its variables.
        logs: Another folder, for what the commands print.
        limit_s: The longest that a command may take.
    """

    folder: Path
    environment: dict[str, str]
    logs: Path
    limit_s: float
    _terminals: list[_Terminal] = field(default_factory=list)
    _number: int = 0

    def __post_init__(self) -> None:
        self._codes, codes = os.pipe()
        commands, sent = os.pipe()
        self._input = os.fdopen(sent, "w")
        self._process = subprocess.Popen(
            ["bash", "--noprofile", "--norc", "-s"],
            stdin=commands,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=self.folder,
            env=self.environment,
            pass_fds=[codes],
            start_new_session=True,
            preexec_fn=_heed_ctrl_c,
        )
        self._fd = codes
        os.close(codes)
        os.close(commands)
        self._buffer = ""
        self._send("set -m; shopt -s expand_aliases")

    def is_complete(self, command: str) -> bool:
        """Return whether bash would run these lines, or wait for more."""
        if command.endswith("\\"):
            return False
        done = subprocess.run(["bash", "-n"], input=command + "\n", capture_output=True, text=True, check=False)
        return not done.stderr

    def add_options(self, added: Sequence[Sequence[str]]) -> None:
        """Give commands of edgecls further options from now on: of each, its name and the options; none any longer."""
        cases = [f'{_quoted(name)}) set -- "$@" {" ".join(map(_quoted, options))};;' for name, *options in added]
        self._send(f'edgecls() {{ case "$1" in {" ".join(cases)} esac; command edgecls "$@"; }}')

    def run(self, command: str) -> Done:
        """Run a command, and return what it did.

        Raises:
            SessionError: It takes too long, or ends the shell.
            ServerError: It is a server that does not listen, or the one before it does not end by Ctrl-C.
        """
        if _UNTIL_CTRL_C.search(command) and not _ENDS.search(command) and not command.rstrip().endswith("&"):
            return self._start(command)
        already = _listening_ports()
        number = self._write(command)
        self._send(f'{self._evaluation(number)}; echo "$? $!" >&{self._fd}')
        code, job = self._answer(command)
        if command.rstrip().endswith("&") and _LISTENING.search(command):
            self._await_listening(command, number, int(job), already)
            return Done(None, *self._printed(number))
        return Done(int(code), *self._printed(number))

    def _start(self, command: str) -> Done:
        """Start what runs until Ctrl-C, and wait until it listens or prints."""
        for terminal in [each for each in self._terminals if _port(each.command) == _port(command)]:
            self._interrupt(terminal)
        already = _listening_ports()
        number = self._write(command)
        self._send(f'{self._evaluation(number)} & echo "0 $!" >&{self._fd}')
        group = int(self._answer(command)[1])
        self._await_listening(command, number, group, already)
        self._terminals.append(_Terminal(command, group, number))
        return Done(None, *self._printed(number))

    def _await_listening(self, command: str, number: int, process: int, already: set[int]) -> None:
        serves = bool(_LISTENING.search(command))
        until = time.monotonic() + _READY_TIMEOUT_S
        while time.monotonic() < until:
            stdout, stderr = self._printed(number)
            said = next((line for name, line in _READY.items() if name in command), None)
            if said is not None:
                ready = any(line.startswith(said) for line in (stdout + stderr).splitlines())
            else:
                ready = bool(_listening_ports() - already) if serves else bool(stdout or stderr)
            if ready:
                return
            if not _is_running(process):
                if not serves:
                    return
                raise ServerError(f"it ended before it listened:\n{stdout}{stderr}")
            time.sleep(_POLL_S)
        raise ServerError(f"it did nothing for {_READY_TIMEOUT_S} s:\n" + "".join(self._printed(number)))

    def _interrupt(self, terminal: _Terminal) -> None:
        """Press Ctrl-C, and wait for the end."""
        self._terminals.remove(terminal)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(terminal.process_group, signal.SIGINT)
        self._send(f'wait {terminal.process_group}; echo "$? 0" >&{self._fd}')
        try:
            code = int(self._answer(terminal.command)[0])
        except SessionError as error:
            raise SessionError(f"Ctrl-C does not end {terminal.command}: {error}") from error
        if code not in (0, 130):
            printed = "".join(self._printed(terminal.number))
            raise ServerError(f"after Ctrl-C, the exit code of {terminal.command} is {code}:\n{printed}")

    def close(self) -> None:
        """End what runs until Ctrl-C as a reader does, then the shell with whatever it has started.

        Raises:
            ServerError: A program does not end by Ctrl-C.
        """
        try:
            for terminal in list(self._terminals):
                self._interrupt(terminal)
        finally:
            _end_session(self._process.pid)
            self._process.wait()
            os.close(self._codes)
            with contextlib.suppress(BrokenPipeError):
                self._input.close()

    def _write(self, command: str) -> int:
        self._number += 1
        self._path(self._number).write_text(command)
        return self._number

    def _evaluation(self, number: int) -> str:
        """Return what runs a command that was written, with its streams in files."""
        script, out, err = (_quoted(str(path)) for path in (self._path(number), *self._outputs(number)))
        return f'{{ eval "$(<{script})"; }} </dev/null >{out} 2>{err}'

    def _path(self, number: int) -> Path:
        return self.logs / f"{number}.sh"

    def _outputs(self, number: int) -> tuple[Path, Path]:
        return self.logs / f"{number}.out", self.logs / f"{number}.err"

    def _printed(self, number: int) -> tuple[str, str]:
        out, err = (
            path.read_bytes().decode("utf-8", "replace") if path.exists() else "" for path in self._outputs(number)
        )
        return out, err

    def _send(self, line: str) -> None:
        try:
            self._input.write(line + "\n")
            self._input.flush()
        except BrokenPipeError as error:
            raise SessionError("the shell has ended") from error

    def _answer(self, command: str) -> list[str]:
        until = time.monotonic() + self.limit_s
        while "\n" not in self._buffer:
            if not select.select([self._codes], [], [], max(0.0, until - time.monotonic()))[0]:
                raise SessionError(f"it took longer than {self.limit_s:g} s")
            read = os.read(self._codes, 4096).decode()
            if not read:
                raise SessionError(f"it ended the shell: {command}")
            self._buffer += read
        line, _, self._buffer = self._buffer.partition("\n")
        code, _, job = line.partition(" ")
        return [code, job or "0"]


def _heed_ctrl_c() -> None:
    """Undo what a shell does to what it starts with &: such programs, and all that they start, ignore Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _quoted(word: str) -> str:
    return "'" + word.replace("'", "'\\''") + "'"


def _port(command: str) -> str:
    found = re.search(r"--port[ =](\d+)", command)
    return found[1] if found else "8000"


def _is_running(process: int) -> bool:
    """Return whether a process runs; one that has ended and was not waited for yet does not."""
    return _status(process)[0] != "Z"


def _end_session(session: int) -> None:
    """Kill a session's leader and what it has started, background jobs included, and wait until they have ended."""
    until = time.monotonic() + _END_TIMEOUT_S
    while time.monotonic() < until:
        processes = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdecimal()]
        running = [each for each in processes if _status(each)[3] == str(session) and _is_running(each)]
        if not running:
            return
        for process in running:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        time.sleep(_POLL_S)


def _status(process: int) -> list[str]:
    """Return what proc(5) lists behind a process's name: state, parent, process group, session, ..."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ["Z", "", "", ""]


def _listening_ports() -> set[int]:
    """Return the TCP ports on which anything in this network namespace listens."""
    found = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with contextlib.suppress(OSError):
            for line in Path(table).read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == "0A":
                    found.add(int(fields[1].rpartition(":")[2], 16))
    return found


_PYTHON = """
import contextlib, io, json, sys, traceback, types
commands, answers = open(int(sys.argv[1])), open(int(sys.argv[2]), "w")
module = types.ModuleType("__main__")
sys.modules["__main__"] = module
sys.path.insert(0, "")
for line in commands:
    asked = json.loads(line)
    failed = None
    with open(asked["out"], "w") as out, contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        try:
            exec(compile("\\n" * asked["line"] + asked["code"], asked["page"], "exec"), module.__dict__)
        except BaseException:
            failed = traceback.format_exc()
    answers.write(json.dumps(failed) + "\\n")
    answers.flush()
"""


class Python:
    """An interpreter that keeps its variables from block to block.

    Args:
        folder: Where it runs.
        environment: Its variables.
        logs: Another folder, for what the blocks print.
        limit_s: The longest that a block may take.
    """

    def __init__(self, folder: Path, environment: dict[str, str], logs: Path, limit_s: float) -> None:
        asked, self._ask = os.pipe()
        self._answers, answer = os.pipe()
        self._limit_s = limit_s
        self._log = logs / "python.out"
        self._process = subprocess.Popen(
            [sys.executable, "-c", _PYTHON, str(asked), str(answer)],
            stdin=subprocess.DEVNULL,
            cwd=folder,
            env=environment,
            pass_fds=[asked, answer],
            start_new_session=True,
            preexec_fn=_heed_ctrl_c,
        )
        os.close(asked)
        os.close(answer)

    def run(self, page: str, line: int, code: str) -> Done:
        """Run a block; the exit code is 1 after an exception, whose traceback is in standard error.

        Raises:
            SessionError: It takes too long, or ends the interpreter.
        """
        out = self._log
        asked = {"out": str(out), "page": page, "line": line, "code": code}
        os.write(self._ask, (json.dumps(asked) + "\n").encode())
        answer = b""
        until = time.monotonic() + self._limit_s
        while not answer.endswith(b"\n"):
            if not select.select([self._answers], [], [], max(0.0, until - time.monotonic()))[0]:
                self._process.kill()
                raise SessionError(f"it took longer than {self._limit_s:g} s")
            read = os.read(self._answers, 65536)
            if not read:
                raise SessionError("it ended the interpreter")
            answer += read
        failed = json.loads(answer)
        return Done(0 if failed is None else 1, out.read_text(), failed or "")

    def close(self) -> None:
        """End the interpreter and what it has started."""
        os.close(self._ask)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(10)
        _end_session(self._process.pid)
        self._process.wait()
        os.close(self._answers)


@contextlib.contextmanager
def sessions(
    folder: Path, environment: dict[str, str], logs: Path, *, limit_s: float
) -> Iterator[tuple[Shell, Python]]:
    """Give a shell and a Python in a folder, and end both with everything that they have started."""
    shell, python = Shell(folder, environment, logs, limit_s), Python(folder, environment, logs, limit_s)
    try:
        yield shell, python
    finally:
        try:
            python.close()
        finally:
            shell.close()
