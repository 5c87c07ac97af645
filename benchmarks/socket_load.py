"""Load without wrk, for machines where it cannot be installed: keep-alive connections that post the same image.

Prints how many answers came, and how long each took, as JSON. It is Python, so a few processes of it share the cores
with the server; benchmarks/wrk_load.py uses it where there is no wrk.

    python benchmarks/socket_load.py URL BODY CONTENT_TYPE CONNECTIONS SECONDS
"""

import json
import selectors
import socket
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit

__all__ = ["Posted", "post_from_sockets"]

CONNECTIONS_EACH = 32  # of one process
TIMEOUT_S = 30.0


@dataclass(frozen=True)
class Posted:
    """What came of it.

    Attributes:
        per_s: Requests answered a second.
        latencies_ms: Time to each answer.
        failed: Answers that were no 2xx, and connections that broke.
    """

    per_s: float
    latencies_ms: list[float]
    failed: int


def post_from_sockets(url: str, body: Path, content_type: str, *, connections: int, seconds: float) -> Posted:
    """Post the content of a file again and again, from several processes if there are many connections."""
    shares = [CONNECTIONS_EACH] * (connections // CONNECTIONS_EACH)
    shares += [connections % CONNECTIONS_EACH] if connections % CONNECTIONS_EACH else []
    processes = [
        subprocess.Popen(
            [sys.executable, __file__, url, str(body), content_type, str(share), str(seconds)],
            stdout=subprocess.PIPE,
            text=True,
        )
        for share in shares
    ]
    found = [Posted(**json.loads(process.communicate()[0])) for process in processes]
    latencies_ms = [latency for part in found for latency in part.latencies_ms]
    return Posted(sum(part.per_s for part in found), latencies_ms, sum(part.failed for part in found))


class _Connection:
    """One connection that sends a request, and the next as soon as the answer is there."""

    def __init__(self, address: tuple[str, int], request: bytes) -> None:
        self.socket = socket.create_connection(address, timeout=TIMEOUT_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._request = request
        self._received = b""
        self.sent_at = 0.0

    def send(self) -> bool:
        """Send the request; return False if the connection broke."""
        self._received = b""
        self.sent_at = time.perf_counter()
        try:
            self.socket.sendall(self._request)
        except OSError:
            return False
        return True

    def receive(self) -> int | None:
        """Take what has come; return the status once the answer is whole, 0 if the connection broke, None before."""
        try:
            data = self.socket.recv(1 << 16)
        except OSError:
            data = b""
        if not data:
            return 0
        self._received += data
        head, found, rest = self._received.partition(b"\r\n\r\n")
        if not found:
            return None
        status, *lines = head.split(b"\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(b":") for line in lines)}
        if len(rest) < int(headers[b"content-length"]):
            return None
        return int(status.split()[1])


def _post(url: str, body: bytes, content_type: str, connections: int, seconds: float) -> Posted:
    parts = urlsplit(url)
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    head = f"POST {path} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Type: {content_type}\r\n"
    request = f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
    latencies_ms, failed = [], 0
    with selectors.DefaultSelector() as selector:
        for _ in range(connections):
            connection = _Connection((str(parts.hostname), parts.port or 80), request)
            selector.register(connection.socket, selectors.EVENT_READ, connection)
            connection.send()
        start = time.perf_counter()
        while time.perf_counter() < start + seconds and selector.get_map():
            for key, _ in selector.select(timeout=0.1):
                connection = key.data
                status = connection.receive()
                if status is None:
                    continue
                if 200 <= status < 300:
                    latencies_ms.append(round(1000 * (time.perf_counter() - connection.sent_at), 3))
                else:
                    failed += 1
                if status == 0 or not connection.send():
                    selector.unregister(connection.socket)
                    connection.socket.close()
        taken_s = time.perf_counter() - start
        for key in list(selector.get_map().values()):
            key.data.socket.close()
    return Posted(len(latencies_ms) / taken_s, latencies_ms, failed)


def main() -> None:
    """Post and print."""
    url, body, content_type, connections, seconds = sys.argv[1:]
    posted = _post(url, Path(body).read_bytes(), content_type, int(connections), float(seconds))
    print(json.dumps(asdict(posted)))


if __name__ == "__main__":
    main()
