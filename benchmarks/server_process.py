"""A server under test: started, awaited, measured and stopped."""

import contextlib
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["ServerProcess", "free_port", "serving"]

START_TIMEOUT_S = 120


@dataclass(frozen=True)
class ServerProcess:
    """A server that answers.

    Attributes:
        url: Where images are posted to.
        start_s: Seconds from the start of the process to the first answer to an image.
        process: Its first process; there may be more below it.
    """

    url: str
    start_s: float
    process: "subprocess.Popen[bytes]"

    def pss_mb(self) -> float:
        """Return the memory of all its processes in MB (10^6 bytes), what they share counted once."""
        return sum(map(_pss, self.processes())) / 1e6

    def cpu_s(self) -> float:
        """Return the CPU time that all its processes have used, in seconds."""
        ticks = 0
        for pid in self.processes():
            with contextlib.suppress(OSError):
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def processes(self) -> list[int]:
        """Return the process and all below it; workers often live in a session of their own."""
        children: dict[int, list[int]] = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                with contextlib.suppress(OSError, IndexError, ValueError):
                    parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                    children.setdefault(parent, []).append(int(entry.name))
        found, todo = [], [self.process.pid]
        while todo:
            pid = todo.pop()
            found.append(pid)
            todo += children.get(pid, [])
        return found


def _pss(pid: int) -> int:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def serving(
    command: Sequence[str | Path],
    url: str,
    body: bytes,
    content_type: str,
    *,
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> Iterator[ServerProcess]:
    """Run a server until the block ends; the block begins with its first answer to an image.

    Raises:
        RuntimeError: It ended, or gave no answer in time; with the end of its output.
    """
    start = time.perf_counter()
    process = subprocess.Popen(
        [*map(str, command)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=cwd,
        env={**os.environ, **(environment or {})},
        start_new_session=True,
    )
    server = ServerProcess(url, 0.0, process)
    try:
        while not _answers(url, body, content_type):
            if process.poll() is not None or time.perf_counter() - start > START_TIMEOUT_S:
                process.kill()
                output = process.stdout.read().decode(errors="replace") if process.stdout else ""
                raise RuntimeError(f"{command} gave no answer: {output[-800:]}")
            time.sleep(0.01)
        yield ServerProcess(url, time.perf_counter() - start, process)
    finally:
        everything = server.processes()
        for number in (signal.SIGTERM, signal.SIGKILL):
            for pid in everything:
                with contextlib.suppress(OSError):
                    os.kill(pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=10)
                time.sleep(0.5)
        if process.stdout:
            process.stdout.close()


def _answers(url: str, body: bytes, content_type: str) -> bool:
    request = urllib.request.Request(url, data=body, headers={"Content-Type": content_type})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return bool(200 <= answer.status < 300)
    except (urllib.error.URLError, OSError):
        return False
