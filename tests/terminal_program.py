"""Running `edgecls` in a terminal of its own, and sending it a signal when it has come to a certain point."""

import contextlib
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Ended", "run_in_terminal"]


@dataclass(frozen=True)
class Ended:
    """A program that has ended: exit code, negative for the signal that killed it, and all it showed."""

    exit_code: int
    shown: str


def run_in_terminal(
    *arguments: object, signals: Sequence[tuple[str, signal.Signals]] = (), timeout_s: float = 600
) -> Ended:
    """Run a command in a terminal, so that it shows its progress, and return what became of it.

    Args:
        arguments: Of `edgecls`.
        signals: Each is sent once its pattern is found in what was shown since the signal before it.
        timeout_s: The program is killed when it takes longer.
    """
    master, slave = pty.openpty()
    program = subprocess.Popen(
        [sys.executable, "-m", "edgecls", *map(str, arguments)], stdout=slave, stderr=slave, stdin=slave
    )
    os.close(slave)
    shown = b""
    seen = 0
    pending = list(signals)
    end_s = time.monotonic() + timeout_s
    try:
        while time.monotonic() < end_s and select.select([master], [], [], end_s - time.monotonic())[0]:
            try:
                chunk = os.read(master, 1 << 16)
            except OSError:  # Linux's way to say that nobody has the terminal open any more
                break
            if not chunk:
                break
            shown += chunk
            if pending and (found := re.search(pending[0][0].encode(), shown[seen:])):
                seen += found.end()
                program.send_signal(pending.pop(0)[1])
    finally:
        os.close(master)
        with contextlib.suppress(subprocess.TimeoutExpired):
            program.wait(60)
        program.kill()
    return Ended(program.wait(), shown.decode(errors="replace"))
