"""Edgecls inside a frozen program, as PyInstaller makes them: there is no Python to start, only the program itself."""

import importlib
import sys

__all__ = ["answer_as_child", "can_start_children", "child_command", "is_frozen"]

_FLAG = "--edgecls-child"
_PROGRAMS = {
    "check-provider": ("edgecls.runtime.doctor.provider_check", "write_check"),
    "try-plugin": ("edgecls.runtime.execution.plugins", "write_trial"),
    "launch": ("edgecls.bench.launcher", "write_launch"),
    "measure": ("edgecls.runtime.tuning.first_use", "write_findings"),
}
"""What a child may be asked to do: a function that takes the rest of the command line as its arguments."""

_answering = False


def is_frozen() -> bool:
    """Return whether this is a frozen program, whose `sys.executable` is itself."""
    return bool(getattr(sys, "frozen", False))


def can_start_children() -> bool:
    """Return whether a process can be started that runs a part of edgecls: by Python, or by a frozen edgecls itself.

    Another frozen program, which has edgecls inside, would start once more as a whole instead.
    """
    return not is_frozen() or _answering


def child_command(program: str, *arguments: str) -> list[str]:
    """Return the command that runs one of the programs above in a process of a frozen edgecls."""
    return [sys.executable, _FLAG, program, *arguments]


def answer_as_child() -> None:
    """If this process of a frozen edgecls was started to do a part of its work, do that and end."""
    global _answering
    import multiprocessing

    multiprocessing.freeze_support()  # does not return in a worker of the server
    _answering = True
    if sys.argv[1:2] == [_FLAG] and sys.argv[2:3] and sys.argv[2] in _PROGRAMS:
        module, function = _PROGRAMS[sys.argv[2]]
        getattr(importlib.import_module(module), function)(*sys.argv[3:])
        sys.exit(0)
