"""What HTTP servers do with clients that stall, come in crowds, leave, or speak ambiguously, and when they stop.

One small application (front_app.py: 0.3 s of work in one of two threads) runs behind edgecls' own front and behind
each peer, which is installed into a virtual environment of its own (benchmarks/.peers). All traffic is on 127.0.0.1.

    python benchmarks/peers/fronts.py [--servers edgecls,uvicorn,...]
"""

import argparse
import concurrent.futures
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from environments import environment_with
from front_app import THREADS
from measure import machine_facts, write_results
from server_process import free_port

HERE = Path(__file__).parent
STALLED = 50  # clients that send a part of a body and then nothing
CROWD = 40  # requests at once
LEAVING = 20  # clients that leave without waiting
PATIENCE_S = 5.0  # for an answer that should come at once
LONG_S = 20.0

COMMANDS: dict[str, list[str]] = {
    "edgecls": ["python", "front_app.py", "{port}"],
    "uvicorn": ["uvicorn", "--port", "{port}", "front_app:asgi"],
    "uvicorn-limited": ["uvicorn", "--port", "{port}", "--limit-concurrency", "10", "front_app:asgi"],
    "granian": ["granian", "--interface", "wsgi", "--port", "{port}", "--blocking-threads", "2", "front_app:wsgi"],
    "waitress": ["waitress-serve", "--listen=127.0.0.1:{port}", "--threads=2", "front_app:wsgi"],
    "cheroot": ["cheroot", "--bind", "127.0.0.1:{port}", "--threads", "2", "front_app:wsgi"],
    "gunicorn": ["gunicorn", "-b", "127.0.0.1:{port}", "-k", "gthread", "--threads", "2", "front_app:wsgi"],
    "hypercorn": ["hypercorn", "-b", "127.0.0.1:{port}", "front_app:asgi"],
}
"""What starts each; the first word is a program of its environment. Only uvicorn has a limit on requests at once;
it is measured without and with one of 10, as many as edgecls takes here (2 threads, 8 waiting)."""
PACKAGES = {"uvicorn": ["uvicorn[standard]"]}


def _send(port: int, head: str, body: bytes = b"") -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)
    connection.sendall(f"{head} HTTP/1.1\r\nHost: 127.0.0.1\r\n".encode() + body)
    return connection


def _status(connection: socket.socket, timeout_s: float) -> str:
    """Return the status of the answer, or what came instead of one."""
    with contextlib.closing(connection):
        connection.settimeout(timeout_s)
        try:
            answer = connection.recv(4096)
        except TimeoutError:
            return "none"
        except OSError:
            return "reset"
        return answer.split(b" ")[1].decode("latin-1") if answer.startswith(b"HTTP/") else "closed"


def _get(port: int, path: str, timeout_s: float = PATIENCE_S) -> str:
    try:
        return _status(_send(port, f"GET {path}", b"Connection: close\r\n\r\n"), timeout_s)
    except OSError:
        return "refused"


def stalled_senders(port: int, server: subprocess.Popen[bytes]) -> dict[str, Any]:
    """Is another client answered while many hold a body back?"""
    held = [_send(port, "POST /quick", b"Content-Length: 1000\r\n\r\nbegun") for _ in range(STALLED)]
    time.sleep(0.5)
    began_s = time.monotonic()
    status = _get(port, "/quick")
    waited_ms = round((time.monotonic() - began_s) * 1000, 1)
    for connection in held:
        connection.close()
    return {"status": status, "ms": waited_ms}


def crowd(port: int, server: subprocess.Popen[bytes]) -> dict[str, Any]:
    """Are requests refused at once where they would wait for long?"""

    def one(_: int) -> tuple[str, float]:
        began_s = time.monotonic()
        return _get(port, "/work", LONG_S), time.monotonic() - began_s

    with concurrent.futures.ThreadPoolExecutor(CROWD) as clients:
        answers = list(clients.map(one, range(CROWD)))
    return {
        "statuses": dict(Counter(status for status, _ in answers)),
        "longest_s": round(max(seconds for _, seconds in answers), 2),
    }


def leaving_clients(port: int, server: subprocess.Popen[bytes]) -> dict[str, Any]:
    """Is work done for clients that have left?"""
    before = _runs(port)
    for connection in [_send(port, "GET /work", b"\r\n") for _ in range(LEAVING)]:
        connection.close()
    time.sleep(0.1)
    quick = _get(port, "/quick", LONG_S)
    time.sleep(LEAVING * 0.3 / THREADS + 0.5)
    return {"work_done": _runs(port) - before, "of": LEAVING, "quick": quick}


def _runs(port: int) -> int:
    with contextlib.closing(_send(port, "GET /quick", b"Connection: close\r\n\r\n")) as connection:
        connection.settimeout(LONG_S)
        answer = b""
        while piece := connection.recv(4096):
            answer += piece
    return int(json.loads(answer.partition(b"\r\n\r\n")[2])["runs"])


def both_lengths(port: int, server: subprocess.Popen[bytes]) -> dict[str, Any]:
    """Is a request refused that has both Content-Length and Transfer-Encoding?"""
    fields = b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n0\r\n\r\n"
    return {"status": _status(_send(port, "POST /quick", fields), PATIENCE_S)}


def drain(port: int, server: subprocess.Popen[bytes]) -> dict[str, Any]:
    """Are requests lost when the server is told to stop? Four are worked on or wait, one is half sent."""
    flying = [_send(port, "GET /work", b"Connection: close\r\n\r\n") for _ in range(4)]
    half = _send(port, "POST /quick", b"Content-Length: 10\r\n\r\n12345")
    time.sleep(0.15)
    began_s = time.monotonic()
    server.send_signal(signal.SIGTERM)
    time.sleep(0.1)
    with contextlib.suppress(OSError):
        half.sendall(b"67890")
    statuses = [_status(connection, LONG_S) for connection in (*flying, half)]
    try:
        code: int | str = server.wait(LONG_S)
    except subprocess.TimeoutExpired:
        code = "did not end"
    return {"statuses": dict(Counter(statuses)), "s": round(time.monotonic() - began_s, 2), "exit_code": code}


CHECKS: tuple[Callable[[int, subprocess.Popen[bytes]], dict[str, Any]], ...] = (
    stalled_senders,
    crowd,
    leaving_clients,
    both_lengths,
    drain,
)


@contextlib.contextmanager
def _running(name: str, log: Path) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    port = free_port()
    program, *arguments = (part.format(port=port) for part in COMMANDS[name])
    kept_as = name.partition("-")[0]
    path = Path(sys.executable)
    if name != "edgecls":
        path = environment_with(kept_as, *PACKAGES.get(kept_as, [kept_as])) / program
    environment = {**os.environ, "PYTHONPATH": str(HERE)}
    with log.open("wb") as output:
        server = subprocess.Popen([path, *arguments], cwd=HERE, env=environment, stdout=output, stderr=output)
    try:
        give_up_s = time.monotonic() + 60
        while _get(port, "/quick") != "200":
            if time.monotonic() > give_up_s or server.poll() is not None:
                raise RuntimeError(f"{name} does not start: {log.read_text(errors='replace')[-400:]}")
            time.sleep(0.1)
        yield port, server
    finally:
        if server.poll() is None:
            server.kill()
        server.wait()


def measure(name: str, log: Path) -> dict[str, Any]:
    """Return the outcome of every check for a server, each with a fresh one."""
    row: dict[str, Any] = {"server": name}
    for check in CHECKS:
        with _running(name, log) as (port, server):
            try:
                row[check.__name__] = check(port, server)
            except (OSError, ValueError) as error:
                row[check.__name__] = {"error": str(error) or type(error).__name__}
    return row


def _text(outcome: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in outcome.items())


def main() -> None:
    """Measure, print and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--servers", default=",".join(COMMANDS))
    names = parser.parse_args().servers.split(",")
    print(machine_facts()["processor"])
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            rows.append(measure(name, Path(folder) / "log"))
            print(name)
            for check in CHECKS:
                print(f"  {check.__name__:16} {_text(rows[-1][check.__name__])}", flush=True)
    print(f"wrote {write_results('fronts', {'rows': rows})}")


if __name__ == "__main__":
    main()
