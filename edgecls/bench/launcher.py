"""A small program that runs another one and reports its time and memory.

It stands between edgecls and what is measured, because Linux counts what a process held when it started a program as
that program's own peak, and a process with open models holds more than a fresh one ever does.
"""

import json
import os
import subprocess
import sys
import threading
import time

__all__ = ["launch", "write_launch"]

TIMEOUT_S = 600.0


def launch(command: list[str]) -> dict[str, object]:
    """Run a command without output, its errors going where this program's go.

    Returns:
        "exit_code"; "elapsed_s", from its start to its end; "peak_bytes", the most memory that it had resident, None
        where the system does not tell.
    """
    start_s = time.perf_counter()
    with subprocess.Popen(  # noqa: S603  whoever starts this program says what to run
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
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
    return {
        "exit_code": process.returncode,
        "elapsed_s": time.perf_counter() - start_s,
        "peak_bytes": peak_bytes,
    }


def _wait(process: "subprocess.Popen[bytes]") -> int | None:
    if sys.platform == "win32":
        process.wait()
        return None
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def write_launch(*command: str) -> None:
    """Run a command and write what `launch` returns to standard output, as JSON."""
    sys.stdout.write(json.dumps(launch(list(command))))


if __name__ == "__main__":
    write_launch(*sys.argv[1:])
