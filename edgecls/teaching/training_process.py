"""Quick training in a process of its own, at low priority: started, watched, ended."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgecls.errors import EdgeclsError, TrainingError
from edgecls.folder_lock import try_lock_folder
from edgecls.frozen import can_start_children, is_frozen
from edgecls.json_text import parse_json
from edgecls.teaching.bounds import TeachingConflictError

__all__ = ["TrainingProcess", "TrainingProgress"]

NICENESS = 10  # a tenth of the time where others want it too
END_S = 5.0  # for a process that was asked to end
MAX_NAME = 60  # characters: a file name has 255 bytes at most, and this one gets a prefix
TOLD_BYTES = 2000  # of the messages of a training that failed without saying why
_MODEL, _RUN, _LIST, _LOG = "model.onnx", "run", "images.csv", "log.txt"


@dataclass(frozen=True)
class TrainingProgress:
    """How far a training is.

    Attributes:
        state: "idle", "running", "finished", "cancelled" or "failed".
        step: What it is doing, as `edgecls train --progress json` calls it.
        done: How much of that is done.
        total: How much of that there is; 0 if it cannot be said.
        message: For people: what it is doing, or why it failed.
        elapsed_s: Since it was started, in seconds.
    """

    state: str = "idle"
    step: str = ""
    done: int = 0
    total: int = 0
    message: str = ""
    elapsed_s: float = 0.0


class TrainingProcess:
    """At most one training at a time in a folder, of this process and of all others.

    A training ends with the process that started it: its output has no reader any more then. Until it has, it keeps the
    folder locked.

    Args:
        folder: Where trainings write; made if need be, and emptied.
        name: What the models are called inside their files, which are all called alike.
        finish: Called in a thread with the folder of a training that succeeded and with its results; what it leaves in
            the folder is removed.
    """

    def __init__(self, folder: Path, name: str, finish: Callable[[Path, dict[str, Any]], None]) -> None:
        self._folder = folder
        self._model = folder / "named" / f"{name[:MAX_NAME]}.onnx"
        self._finish = finish
        self._changing = threading.Lock()
        self._progress = TrainingProgress()
        self._started_s = self._cpu_before_s = 0.0
        self._process: subprocess.Popen[bytes] | None = None
        self._thread: threading.Thread | None = None
        self._is_cancelled = False
        folder.mkdir(parents=True, exist_ok=True)
        if (lock := try_lock_folder(folder)) is not None:
            self._clear()
            os.close(lock)

    @property
    def progress(self) -> TrainingProgress:
        """How far it is."""
        progress = self._progress
        if progress.state != "running":
            return progress
        return TrainingProgress(
            **{**vars(progress), "elapsed_s": round(time.monotonic() - self._started_s, 1)},
        )

    def start(self, listed: str) -> None:
        """Start a training.

        Args:
            listed: The dataset as CSV, with the columns path (absolute) and label.

        Raises:
            TeachingConflictError: One is running.
            TrainingError: It cannot be started.
            OSError: Nothing can be written into the folder.
        """
        if not can_start_children():
            raise TrainingError("this frozen program cannot start a training; run edgecls train on the folder instead")
        with self._changing:
            if self._progress.state == "running":
                raise TeachingConflictError("a training is running; wait for it, or cancel it")
            lock = try_lock_folder(self._folder)
            if lock is None:
                raise TeachingConflictError("a training of an earlier program is just ending; try again in a moment")
            try:
                self._clear()
                self._model.parent.mkdir()
                (self._folder / _LIST).write_text(listed, encoding="utf-8")
                process = self._spawn(lock)
            except BaseException:
                os.close(lock)
                raise
            self._is_cancelled = False
            self._process = process
            self._started_s, self._cpu_before_s = time.monotonic(), _cpu_of_children_s()
            self._progress = TrainingProgress(state="running", step="starting")
            self._thread = threading.Thread(
                target=self._watch, args=(process, lock), name="edgecls-training", daemon=True
            )
            self._thread.start()

    def cancel(self) -> None:
        """End the training that is running, if there is one, and return when it has ended."""
        with self._changing:
            process, thread = self._process, self._thread
            if process is None or thread is None:
                return
            self._is_cancelled = True
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
        thread.join(END_S)
        if thread.is_alive():
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            thread.join()

    def wait(self) -> TrainingProgress:
        """Return how it went, once no training is running."""
        if self._thread is not None:
            self._thread.join()
        return self.progress

    def _spawn(self, lock: int) -> subprocess.Popen[bytes]:
        program = [sys.executable] if is_frozen() else [sys.executable, "-P", "-m", "edgecls"]
        arguments = ["train", str(self._folder / _LIST), "--quick", "--progress", "json"]
        arguments += ["-o", str(self._model), "--run-dir", str(self._folder / _RUN)]
        options: dict[str, Any] = {}
        if sys.platform == "win32":
            options["creationflags"] = subprocess.BELOW_NORMAL_PRIORITY_CLASS
        else:
            # The child holds the lock too, for as long as it lives. Ctrl-C in a terminal is the server's to handle. A
            # session of its own would have a share of the processor of its own, whatever its priority (autogroups).
            options |= {"pass_fds": (lock,), "process_group": 0}
        with open(self._folder / _LOG, "wb") as log:
            try:
                process = subprocess.Popen(  # noqa: S603  # our own program
                    [*program, *arguments],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    env={**os.environ, "PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8"},
                    **options,
                )
            except OSError as error:
                raise TrainingError(f"cannot start the training: {error.strerror}") from error
        if sys.platform != "win32":
            with contextlib.suppress(ProcessLookupError):
                os.setpriority(os.PRIO_PROCESS, process.pid, NICENESS)
        return process

    def _watch(self, process: subprocess.Popen[bytes], lock: int) -> None:
        last: dict[str, Any] = {}
        outcome = TrainingProgress("failed", message="the training could not be watched")
        try:
            if process.stdout is not None:
                with process.stdout as lines:
                    for line in lines:
                        last = _parsed(line) or last
                        self._advance(last)
            outcome = self._outcome(process.wait(), last)
        finally:
            with self._changing:
                self._process = None
                self._clear()
                os.close(lock)
                self._progress = outcome

    def _advance(self, line: Mapping[str, Any]) -> None:
        if line.get("step") not in ("finished", "failed", "remark", None):
            self._progress = TrainingProgress(
                "running", str(line["step"]), int(line.get("done", 0)), int(line.get("total", 0)), str(line["message"])
            )

    def _outcome(self, code: int, last: Mapping[str, Any]) -> TrainingProgress:
        elapsed_s = round(time.monotonic() - self._started_s, 1)
        cpu_s = round(_cpu_of_children_s() - self._cpu_before_s, 2)
        if last.get("step") == "finished" and code == 0:
            try:
                self._model.rename(self._folder / _MODEL)
                self._finish(self._folder, {**last["result"], "duration_s": elapsed_s, "cpu_s": cpu_s})
            except (EdgeclsError, OSError, KeyError, TypeError, ValueError) as error:
                return TrainingProgress("failed", message=f"the model was not kept: {error}", elapsed_s=elapsed_s)
            return TrainingProgress("finished", elapsed_s=elapsed_s)
        if self._is_cancelled:
            return TrainingProgress("cancelled", elapsed_s=elapsed_s)
        message = str(last.get("message")) if last.get("step") == "failed" else self._told(code)
        return TrainingProgress("failed", message=message, elapsed_s=elapsed_s)

    def _told(self, code: int) -> str:
        """Return what a process wrote that ended without a last line."""
        if code < 0 and -code in set(signal.Signals):
            return f"the training was ended by {signal.Signals(-code).name}; there may be too little memory"
        with contextlib.suppress(OSError):
            text = (self._folder / _LOG).read_bytes()[-TOLD_BYTES:].decode("utf-8", "replace").strip()
            if text:
                return text.removeprefix("Error: ")
        return f"the training ended with exit code {code}"

    def _clear(self) -> None:
        for path in self._folder.iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            elif path.name != ".lock":
                with contextlib.suppress(
                    OSError
                ):  # on Windows, what a virus scanner looks into; written over next time
                    path.unlink(missing_ok=True)


def _cpu_of_children_s() -> float:
    """Return the CPU time of all processes that were started here and have ended."""
    times = os.times()
    return times.children_user + times.children_system


def _parsed(line: bytes) -> dict[str, Any] | None:
    try:
        found = parse_json(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) and "step" in found and "message" in found else None
