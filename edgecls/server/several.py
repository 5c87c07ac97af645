"""Serving with several worker processes, which this one supervises."""

import contextlib
import dataclasses
import multiprocessing
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from edgecls.errors import ServerError
from edgecls.folder_lock import try_lock_folder
from edgecls.frozen import can_start_children
from edgecls.runtime.execution.gpu import gpu_environment
from edgecls.server.http.limits import HttpLimits
from edgecls.server.settings import ServeSettings
from edgecls.server.workers.board import Board
from edgecls.server.workers.shared_port import hold_port
from edgecls.server.workers.supervisor import Supervisor

__all__ = ["serve_with_workers"]

FOLDER_PREFIX = "edgecls-workers-"
STOP_MARGIN_S = 10.0  # for what a process does in addition to finishing its requests


def serve_with_workers(settings: ServeSettings, tell: Callable[[str], None]) -> int:
    """Serve until a signal ends it, and return the exit code.

    Args:
        settings: Of the server.
        tell: Takes a line for the operator; it is pickled for the workers.

    Raises:
        ServerError: The server cannot start with these settings.
        ProviderError: It has not all of the GPUs.
    """
    if not can_start_children():
        raise ServerError("this frozen program cannot start several processes; leave --workers at 1")
    environments = [gpu_environment(number) for number in settings.gpus] or [{}]
    context = multiprocessing.get_context("spawn")  # never a copy of a process in which onnxruntime has threads
    holder, port = hold_port(settings.host, settings.port)
    with contextlib.ExitStack() as held, _board_folder() as folder:
        if settings.grpc_port is not None:
            grpc_holder, grpc_at = hold_port(settings.host, settings.grpc_port)
            held.callback(grpc_holder.close)
            settings = dataclasses.replace(settings, grpc_port=grpc_at.address[1])
        board = Board(folder, workers=settings.workers)
        announced: set[int] = set()

        def spawn(number: int) -> BaseProcess:
            is_first = number == 1 and not announced
            announced.add(number)
            process = context.Process(
                target=_serve,
                args=(settings, tell, port, folder, number, is_first),
                name=f"edgecls-worker-{number}",
                daemon=True,
            )
            with _environment(environments[(number - 1) % len(environments)]):
                process.start()
            return process

        supervisor = Supervisor(
            spawn,
            workers=settings.workers,
            board=board,
            tell=tell,
            stop_s=settings.drain_delay + HttpLimits().drain_s + STOP_MARGIN_S,
        )
        return supervisor.run(
            on_ready=lambda: tell(f"ready: serving with {settings.workers} processes"),
            on_stop=holder.close,
        )


@contextlib.contextmanager
def _environment(changes: dict[str, str]) -> Iterator[None]:
    """Have processes that start in this block find these variables changed."""
    before = {name: os.environ.get(name) for name in changes}
    os.environ.update(changes)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextlib.contextmanager
def _board_folder() -> Iterator[Path]:
    """Make a temporary folder, and remove it at the end; and those of servers that were killed.

    A server locks its folder as long as it lives, so what can be locked belongs to none.

    Raises:
        ServerError: None can be made.
    """
    try:
        for left in Path(tempfile.gettempdir()).glob(f"{FOLDER_PREFIX}*"):
            _remove_if_left(left)
        made = None
        while made is None:
            made = _made_and_locked()
    except OSError as error:
        raise ServerError(
            f"several processes need a temporary folder, which cannot be made: {error.strerror or error}; "
            "set TMPDIR to a folder that can be written, or leave --workers at 1"
        ) from error
    folder, lock = made
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def _made_and_locked() -> tuple[Path, int] | None:
    """Return a new folder and its lock; None if somebody who starts at this moment took it for one that was left."""
    folder = Path(tempfile.mkdtemp(prefix=FOLDER_PREFIX))
    try:
        lock = try_lock_folder(folder)
    except FileNotFoundError:
        return None
    if lock is not None and folder.exists():
        return folder, lock
    if lock is not None:
        os.close(lock)
    return None


def _remove_if_left(folder: Path) -> None:
    """Remove a folder of this user that no server has; leave any other."""
    with contextlib.suppress(OSError):
        if folder.is_symlink() or (hasattr(os, "getuid") and folder.stat().st_uid != os.getuid()):
            return
        lock = try_lock_folder(folder)
        if lock is not None:
            shutil.rmtree(folder, ignore_errors=True)
            os.close(lock)


def _serve(*arguments: Any) -> None:
    """Serve, in the new process; what that takes is loaded there only."""
    from edgecls.server.process import serve_as_worker

    serve_as_worker(*arguments)
