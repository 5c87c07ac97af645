"""A real server process for tests: started, waited for, stopped."""

import contextlib
import json
import os
import signal
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPMessage, HTTPSConnection
from typing import Any
from urllib.parse import urlsplit

START_TIMEOUT_S = 300


@dataclass
class RunningServer:
    """A server process that is ready.

    Attributes:
        url: Where it listens.
        process: The process.
        log: What it has written to standard error so far.
        tls: For HTTPS; None for plain HTTP.
        log_grew: Notified with every line.
        log_ended: Set when there will be no more lines.
    """

    url: str
    process: subprocess.Popen[str]
    log: list[str] = field(default_factory=list)
    tls: ssl.SSLContext | None = None
    log_grew: threading.Condition = field(default_factory=threading.Condition)
    log_ended: threading.Event = field(default_factory=threading.Event)

    def request(self, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, Any]:
        """Send a request as it is, without tidying up the path; return status and JSON."""
        status, _, answer = self.exchange(method, path, body, **headers)
        return status, json.loads(answer)

    def exchange(self, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, HTTPMessage, bytes]:
        """Send a request as `request` does; return status, header fields and body."""
        address = urlsplit(self.url).netloc
        connection = HTTPConnection(address, timeout=120)
        if self.tls is not None:
            connection = HTTPSConnection(address, timeout=120, context=self.tls)
        with contextlib.closing(connection):
            connection.putrequest(method, path, skip_host="Host" in headers, skip_accept_encoding=True)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                connection.putheader(name.replace("_", "-"), value)
            connection.endheaders(body)
            response = connection.getresponse()
            return response.status, response.headers, response.read()

    def await_log(self, text: str, *, timeout_s: float = 120) -> str:
        """Return the first line of the log that holds a text, waiting for it."""
        with self.log_grew:
            assert self.log_grew.wait_for(lambda: any(text in line for line in self.log), timeout_s), self.log
            return next(line for line in self.log if text in line)

    def stop(self) -> int:
        """Ask it to stop and return its exit code, once the log is whole."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=300)
        assert self.log_ended.wait(300), self.log
        return code


@contextlib.contextmanager
def running_server(
    *arguments: object, tls: ssl.SSLContext | None = None, program: Sequence[object] = ("-m", "edgecls")
) -> Iterator[RunningServer]:
    """Run `edgecls serve` on a free port until the block ends."""
    process = subprocess.Popen(
        [sys.executable, *map(str, program), "serve", "--port", "0", *map(str, arguments)],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    server = RunningServer("", process, tls=tls)
    ready = threading.Event()

    def read_log() -> None:
        assert process.stderr is not None
        for line in process.stderr:
            with server.log_grew:
                server.log.append(line)
                server.log_grew.notify_all()
            if line.startswith("listening on "):
                server.url = line.removeprefix("listening on ").strip()
            if line.startswith("ready: "):
                ready.set()
        server.log_ended.set()
        ready.set()

    reader = threading.Thread(target=read_log, daemon=True)
    reader.start()
    try:
        assert ready.wait(START_TIMEOUT_S), server.log
        assert process.poll() is None, server.log
        yield server
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        reader.join()
        assert process.stderr is not None
        process.stderr.close()
