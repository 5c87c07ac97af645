"""Using native libraries in a process of its own: those that do not fit together may end it, or never return."""

import json
import os
import signal
import subprocess
import sys
from typing import Any, NamedTuple

from edgecls.errors import ProviderError
from edgecls.frozen import can_start_children, child_command, is_frozen

__all__ = ["Child", "child_calling", "facts_from_child", "how_it_ended"]

_PROGRAM = "import sys; from {module} import {function}; {function}(*sys.argv[1:])"


class Child(NamedTuple):
    """How to start a process that calls a function of edgecls."""

    command: list[str]
    environment: dict[str, str]


def child_calling(module: str, function: str, *arguments: str, program: str) -> Child:
    """Return how to start a process that calls a function; `can_start_children` says whether it can be started.

    Args:
        module: Of the function.
        function: Its name.
        arguments: What it is called with.
        program: What a frozen edgecls knows it by (`edgecls.frozen`).
    """
    # Modules come from where they come from here, and never from the folder that the user happens to be in.
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    if is_frozen():
        return Child(child_command(program, *arguments), environment)
    source = _PROGRAM.format(module=module, function=function)
    return Child([sys.executable, "-P", "-c", source, *arguments], environment)


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
    command, environment = child_calling(*calling, *arguments, program=program)
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
        said = done.stderr.decode(errors="replace")
        raise ProviderError(f"trying it killed the process ({how_it_ended(done.returncode, said)})")
    facts: dict[str, Any] = json.loads(lines[-1])
    return facts


def how_it_ended(return_code: int, said: str = "") -> str:
    """Return the signal that ended a process, or else its exit code with the last line of what it said."""
    if return_code < 0:
        return signal.Signals(-return_code).name
    return ": ".join([f"exit code {return_code}", *said.strip().splitlines()[-1:]])
