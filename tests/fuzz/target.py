"""What a target of fuzzing is, and what it must never do."""

import contextlib
import os
import random
import shutil
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from edgecls.errors import EdgeclsError
from fuzz.damage import mutated

__all__ = ["Fault", "Target", "Watch", "check", "fault_of"]

PACKAGE = f"{os.sep}edgecls{os.sep}"
TARGETS = os.path.join("fuzz", "targets", "")
LONGEST_MESSAGE = 20_000  # characters of an error: nobody reads more, and a log should not be flooded


class Fault(AssertionError):  # noqa: N818  # the word that fuzzing has for it
    """A target did what it must not do. No code of edgecls catches it."""


def check(condition: object, what: str) -> None:
    """Say that a target broke its promise, unless a condition holds.

    Raises:
        Fault: It does not.
    """
    if not condition:
        raise Fault(what)


@dataclass(frozen=True)
class Target:
    """A part of edgecls that reads what somebody else wrote.

    Attributes:
        name: What it is called on the command line.
        read: Reads an input. It gets an empty folder of its own, checks what it has read, and raises anything that is
            not in `refusals` if that is wrong.
        seeds: Returns valid inputs, and some that are almost.
        refusals: What it may raise, with a message for the user.
        mutate: Returns a damaged copy of an input; by default as bytes, and by its structure where that can be seen.
        words: What hostile inputs of this kind have in them.
        limit_s: Seconds of CPU time that one input may take.
        needs: Modules without which there is nothing to fuzz.
        is_slow: Whether it is left to `make fuzz`, as loading what it needs takes many seconds.
    """

    name: str
    read: Callable[[bytes, Path], object]
    seeds: Callable[[], Sequence[bytes]]
    refusals: tuple[type[Exception], ...] = (EdgeclsError,)
    mutate: Callable[[bytes, random.Random, Sequence[bytes]], bytes] = mutated
    words: tuple[bytes, ...] = ()
    limit_s: float = 5.0
    needs: tuple[str, ...] = ()
    is_slow: bool = False


@dataclass
class Watch:
    """Gives targets an empty folder, and sees to it that they write nowhere else and start no program.

    Attributes:
        root: Everything below it may be written. The folder of a target is inside.
    """

    root: Path
    _is_on: bool = field(default=False, init=False)
    _violation: str = field(default="", init=False)
    _is_closed: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        self.root = Path(os.path.realpath(self.root))
        self.folder = self.root / "in" / "it"
        (self.root / "tmp").mkdir()
        sys.addaudithook(self._audit)

    def feed(self, target: Target, data: bytes) -> None:
        """Have a target read an input.

        Raises:
            BaseException: What it raised that it may not, or a Fault for what it did.
        """
        try:
            self.read(target, data)
        except RecursionError as recursion:  # its traceback has a thousand lines
            raise Fault(f"RecursionError in {_innermost(recursion)}") from None
        except target.refusals as refusal:
            _check_message(refusal)

    def read(self, target: Target, data: bytes) -> None:
        """Have a target read an input, and let its refusals through.

        Raises:
            BaseException: What it raised, or a Fault for what it did.
        """
        shutil.rmtree(self.root / "in", ignore_errors=True)
        self.folder.mkdir(parents=True)
        self._violation = ""
        try:
            with _own_temporary_folder(self.root / "tmp"), _bounded_cpu(target.limit_s):
                self._is_on = True
                try:
                    target.read(data, self.folder)
                finally:
                    self._is_on = False
        finally:
            check(not self._violation, self._violation)
        left = sorted(os.listdir(self.root / "in"))
        check(left == ["it"], f"it wrote next to its folder: {left}")

    def close(self) -> None:
        """Stop watching; Python has no way to take away what listens to its events."""
        self._is_closed = True

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self._is_on or self._is_closed:
            return
        if event in _NEVER:
            self._refuse(f"it did {event}: {str(arguments)[:200]}")
        if event == "open":
            path, mode, flags = arguments
            if isinstance(path, int) or not (flags & _WRITES or (isinstance(mode, str) and set(mode) & set("wax+"))):
                return
            paths = [path]
        elif event in _CHANGES:
            paths = [argument for argument in arguments[: _CHANGES[event]] if isinstance(argument, str | bytes)]
        else:
            return
        handle = arguments[-1] if event in _WITH_HANDLE else -1  # of the folder that a path starts at
        for path in paths:
            text = os.path.join("" if handle in (-1, None) else f"/proc/self/fd/{handle}", os.fsdecode(path))
            folder = os.path.realpath(os.path.dirname(text) or ".")
            if folder != str(self.root) and not folder.startswith(f"{self.root}{os.sep}") and text != os.devnull:
                self._refuse(f"it wrote outside its folder: {event} {text!r}")

    def _refuse(self, what: str) -> None:
        self._violation = self._violation or what
        raise Fault(what)  # before it is done


_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_CHANGES = {
    **dict.fromkeys(("os.mkdir", "os.remove", "os.rmdir", "os.chmod", "os.chown", "os.truncate", "os.utime"), 1),
    **dict.fromkeys(("os.rename", "os.link", "os.symlink", "shutil.move", "shutil.copyfile"), 2),
    "shutil.rmtree": 1,
}
"""Events of Python that change files, and how many of their arguments are paths."""

_WITH_HANDLE = ("os.mkdir", "os.remove", "os.rmdir", "os.rename", "os.link", "os.symlink", "os.chmod", "os.utime")

_NEVER = frozenset(
    [
        *("os.system", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.startfile", "subprocess.Popen"),
        *("socket.connect", "socket.sendto", "socket.bind", "ctypes.dlopen", "pty.spawn"),
    ]
)


@contextlib.contextmanager
def _own_temporary_folder(folder: Path) -> Iterator[None]:
    """Have temporary files made in a folder, and no compiled modules written."""
    before = tempfile.tempdir, sys.dont_write_bytecode
    tempfile.tempdir, sys.dont_write_bytecode = str(folder), True
    try:
        yield
    finally:
        tempfile.tempdir, sys.dont_write_bytecode = before


@contextlib.contextmanager
def _bounded_cpu(seconds: float) -> Iterator[None]:
    """End what takes more CPU time; that of another program on the machine does not count."""
    if not hasattr(signal, "setitimer"):  # Windows
        yield
        return

    def too_long(number: int, frame: FrameType | None) -> None:
        raise Fault(f"it took more than {seconds:g} s in {_place(frame)}")

    before = signal.signal(signal.SIGPROF, too_long)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def _check_message(error: BaseException) -> None:
    """Check that the message of an error can be shown: on a terminal, in a log and in an answer of a server."""
    message = str(error)
    check(message.strip(), f"{type(error).__name__} without a message")
    check(len(message) <= LONGEST_MESSAGE, f"{type(error).__name__} with a message of {len(message)} characters")
    try:
        message.encode()
    except UnicodeEncodeError as reason:
        raise Fault(f"{type(error).__name__} with a message that is no text: {reason}") from error


def fault_of(error: BaseException) -> str:
    """Return what tells one fault from another: the kind of error, and where in edgecls it came from."""
    where = _innermost(error)
    if not isinstance(error, Fault):
        return f"{type(error).__name__} in {where}"
    checks = [one for one in traceback.walk_tb(error.__traceback__) if TARGETS in one[0].f_code.co_filename]
    promise = f"{checks[-1][0].f_code.co_qualname}, line {checks[-1][1]}" if checks else where
    return f"a broken promise of {promise}: {str(error).partition(chr(10))[0][:20]}"


def _innermost(error: BaseException) -> str:
    """Return the function of edgecls that is nearest to where an error was raised."""
    found = "no code of edgecls"
    for frame, _ in traceback.walk_tb(error.__traceback__):
        if PACKAGE in frame.f_code.co_filename:
            found = _name(frame)
    return found


def _place(frame: FrameType | None) -> str:
    while frame is not None and PACKAGE not in frame.f_code.co_filename:
        frame = frame.f_back
    return "a library" if frame is None else _name(frame)


def _name(frame: FrameType) -> str:
    file = frame.f_code.co_filename.rpartition(PACKAGE)[2]
    return f"{file}:{frame.f_code.co_qualname}"
