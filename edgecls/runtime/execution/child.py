"""Trying native libraries in a process of its own: those that do not fit together may end it, or never return."""

import json
import os
import signal
import subprocess
import sys
from typing import Any

from edgecls.errors import ProviderError
from edgecls.frozen import can_start_children, child_command, is_frozen

__all__ = ["facts_from_child"]

_PROGRAM = "import sys; from {module} import {function}; {function}(*sys.argv[1:])"


def facts_from_child(program: str, *arguments: str, calling: tuple[str, str], timeout_s: float) -> dict[str, Any]:
    """Have a function called in another process, and return what it writes: JSON in the last line of its output.

    Args:
        program: What a frozen edgecls knows the function by (`edgecls.frozen`).
        arguments: What it is called with.
        calling: Its module and its name.
        timeout_s: Seconds after which the process is ended.

    Raises:
        ProviderError: It wrote nothing; the message is the reason and no more.
    """
    if not can_start_children():
        raise ProviderError("not tried: that takes a process of its own, which this frozen program cannot start")
    # Modules come from where they come from here, and never from the folder that the user happens to be in.
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    module, function = calling
    command = [sys.executable, "-P", "-c", _PROGRAM.format(module=module, function=function), *arguments]
    if is_frozen():
        command = child_command(program, *arguments)
    try:
        done = subprocess.run(  # noqa: S603  this interpreter with a program of our own
            command, env=environment, capture_output=True, stdin=subprocess.DEVNULL, timeout=timeout_s, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise ProviderError(f"it was not ready after {timeout_s:.0f} s") from error
    except OSError as error:
        raise ProviderError(f"not tried: no process can be started for it ({error.strerror or error})") from error
    lines = done.stdout.decode(errors="replace").splitlines()
    if done.returncode or not lines:
        raise ProviderError(f"trying it killed the process ({_how_it_ended(done)})")
    facts: dict[str, Any] = json.loads(lines[-1])
    return facts


def _how_it_ended(done: "subprocess.CompletedProcess[bytes]") -> str:
    if done.returncode < 0:
        return signal.Signals(-done.returncode).name
    last = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
    return ": ".join([f"exit code {done.returncode}", *last])
