"""Serving with several processes, which this one looks after."""

import multiprocessing
import tempfile
from functools import partial
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import click

from edgecls.commands.serving.settings import ServeSettings
from edgecls.errors import ServerError
from edgecls.frozen import can_start_children
from edgecls.serving.http.limits import HttpLimits
from edgecls.serving.workers.board import Board
from edgecls.serving.workers.shared_port import hold_port
from edgecls.serving.workers.supervisor import Supervisor

__all__ = ["serve_with_workers"]

STOP_MARGIN_S = 10.0  # for what a process does besides finishing its requests


def serve_with_workers(settings: ServeSettings) -> int:
    """Serve until a signal ends it, and return the exit code.

    Raises:
        ServerError: The server cannot start with these settings.
    """
    if not can_start_children():
        raise ServerError("this frozen program cannot start several processes; leave --workers at 1")
    context = multiprocessing.get_context("spawn")  # never a copy of a process in which onnxruntime has threads
    with _status_folder() as folder:
        holder, port = hold_port(settings.host, settings.port)
        board = Board(Path(folder), workers=settings.workers)
        announced: set[int] = set()

        def spawn(number: int) -> BaseProcess:
            is_first = number == 1 and not announced
            announced.add(number)
            process = context.Process(
                target=_serve,
                args=(settings, port, Path(folder), number, is_first),
                name=f"edgecls-worker-{number}",
                daemon=True,
            )
            process.start()
            return process

        supervisor = Supervisor(
            spawn,
            workers=settings.workers,
            board=board,
            tell=partial(click.echo, err=True),
            stop_s=settings.drain_delay + HttpLimits().drain_s + STOP_MARGIN_S,
        )
        return supervisor.run(
            on_ready=lambda: click.echo(f"ready: serving with {settings.workers} processes", err=True),
            on_stop=holder.close,
        )


def _status_folder() -> "tempfile.TemporaryDirectory[str]":
    try:
        return tempfile.TemporaryDirectory(prefix="edgecls-")
    except OSError as error:
        raise ServerError(
            f"several processes need a folder for what they tell each other, and there is none for temporary files "
            f"({error.strerror or error}); set TMPDIR to one that can be written, or leave --workers at 1"
        ) from error


def _serve(*arguments: Any) -> None:
    """Serve, in the new process; what that takes is loaded there only."""
    from edgecls.commands.serving.process import serve_as_worker

    serve_as_worker(*arguments)
