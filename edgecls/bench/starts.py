"""How long a program takes from its start to the answer, and how much memory: in processes of their own."""

import os
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from edgecls.runtime.providers import Provider, SkippedProvider

__all__ = ["Start", "start_once"]

TIMEOUT_S = 600.0


@dataclass(frozen=True)
class Start:
    """One run of `edgecls run` for one picture, from nothing.

    Attributes:
        elapsed_s: From starting the process to its end, in seconds.
        peak_bytes: The most memory that it had resident; None where the system does not tell.
    """

    elapsed_s: float
    peak_bytes: int | None


def start_once(model_path: str, provider: Provider, picture: Path) -> Start | SkippedProvider:
    """Run `edgecls run` for one picture in a new process, in the usual way, not as tuned.

    Args:
        model_path: The model file.
        provider: What to run on, by name.
        picture: The picture file.

    Returns:
        What it took, or how it failed.
    """
    command = [sys.executable, "-m", "edgecls", "run", str(picture), "--no-tuned"]
    command += ["--model", model_path, "--provider", provider.value]
    with tempfile.TemporaryFile() as errors:
        start_s = time.perf_counter()
        with subprocess.Popen(  # noqa: S603  this interpreter with this package
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors
        ) as process:
            alarm = threading.Timer(TIMEOUT_S, process.kill)
            alarm.start()
            try:
                peak_bytes = _wait(process)
            except BaseException:
                process.kill()
                raise
            finally:
                alarm.cancel()
        elapsed_s = time.perf_counter() - start_s
        if process.returncode:
            errors.seek(0)
            last = errors.read().decode(errors="replace").strip().splitlines()[-1:]
            how = ": ".join([f"exit code {process.returncode}", *last])
            reason = f"the start of 'edgecls run' with {model_path!r} not measured: it failed ({how})"
            return SkippedProvider(provider, reason, "try it by hand")
    return Start(elapsed_s, peak_bytes)


def _wait(process: "subprocess.Popen[bytes]") -> int | None:
    """Wait for a process, and return its peak resident memory in bytes if the system tells."""
    if not hasattr(os, "wait4"):
        process.wait()
        return None
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
