"""Does `edgecls serve` stay correct and small under minutes of mixed load?

Clients send valid images, invalid ones, several at once, slowly, too large ones, and disconnect midway. Every
200 is compared with the answer without a server, every other status with the one expected for that request; the
server's memory is sampled every second.

    python benchmarks/soak.py [--minutes 10] [--model my.onnx]
"""

import argparse
import collections
import contextlib
import http.client
import json
import random
import socket
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from folder import write_photos
from measure import byte_compile, machine_facts, write_results
from server_process import free_port, serving
from wrk_load import image_body

from edgecls.commands.options import BUNDLED_MODEL
from edgecls.runtime.classifier import Classifier
from edgecls.runtime.opening import load

PHOTOS = 20
GOOD_CLIENTS = 6
WARM_UP = 0.25  # part of the time after which memory has to be flat
BUSY = {503}  # what any request may get under load
PAUSE_S = 0.02  # of clients that cost themselves nothing
TOLERANCE = 1e-4  # in a probability


class Soak:
    """Clients of a server, and what they saw.

    Args:
        url: The server.
        classifier: What its answers are compared with.
        photos: Encoded images.
    """

    def __init__(self, url: str, classifier: Classifier, photos: list[bytes]) -> None:
        address = urlsplit(url)
        self._host, self._port = str(address.hostname), int(address.port or 80)
        self._photos = photos
        self._right = [dict(_scores(classifier.predict_bytes(photo).as_dict(top=5))) for photo in photos]
        self._lock = threading.Lock()
        self.statuses: collections.Counter[str] = collections.Counter()
        self.wrong: list[str] = []

    def good(self, rng: random.Random) -> None:
        """Post images over one connection and compare the answers."""
        with contextlib.closing(http.client.HTTPConnection(self._host, self._port, timeout=60)) as connection:
            for _ in range(20):
                index = rng.randrange(len(self._photos))
                connection.request("POST", "/predict", self._photos[index], {"Content-Type": "image/jpeg"})
                answer = connection.getresponse()
                self._judge("good", answer.status, {200} | BUSY, answer.read(), self._right[index])

    def several(self, rng: random.Random) -> None:
        """Post a form."""
        index = rng.randrange(len(self._photos))
        body, content_type = image_body(self._photos[index], "multipart")
        status, answer = self._post(body, content_type)
        if status == 200:
            answer = json.dumps(json.loads(answer)["predictions"][0]).encode()
        self._judge("form", status, {200} | BUSY, answer, self._right[index])

    def bad(self, rng: random.Random) -> None:
        """Post what is no image, or not a whole one."""
        photo = rng.choice(self._photos)
        body, status = rng.choice([(b"no image", 415), (photo[: len(photo) // 3], 422), (b"", 400)])
        self._judge("bad", self._post(body, "image/jpeg")[0], {status} | BUSY)

    def huge(self, rng: random.Random) -> None:
        """Announce a body above the limit."""
        with socket.create_connection((self._host, self._port), timeout=60) as connection:
            connection.sendall(
                b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5000000000\r\n\r\n" + bytes(1000)
            )
            self._judge("huge", _status(connection.recv(65536)), {413})
        time.sleep(PAUSE_S)

    def gone(self, rng: random.Random) -> None:
        """Go away in the middle of a body, or before the answer."""
        photo = rng.choice(self._photos)
        with socket.create_connection((self._host, self._port), timeout=60) as connection:
            head = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(photo)
            connection.sendall(head + photo[: rng.choice([0, len(photo) // 2, len(photo)])])
        time.sleep(PAUSE_S)
        self._judge("gone", 0, {0})

    def slow(self, rng: random.Random) -> None:
        """Send an image in pieces over two seconds."""
        index = rng.randrange(len(self._photos))
        photo = self._photos[index]
        with socket.create_connection((self._host, self._port), timeout=60) as connection:
            connection.sendall(
                b"POST /predict HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                b"Content-Length: %d\r\n\r\n" % len(photo)
            )
            for start in range(0, len(photo), len(photo) // 20 + 1):
                connection.sendall(photo[start : start + len(photo) // 20 + 1])
                time.sleep(0.1)
            received = b""
            while piece := connection.recv(65536):
                received += piece
        self._judge("slow", _status(received), {200} | BUSY, received.partition(b"\r\n\r\n")[2], self._right[index])

    def run(self, client: Callable[[random.Random], None], seed: int, until_s: float) -> None:
        """Be a client until a time."""
        rng = random.Random(seed)
        while time.monotonic() < until_s:
            try:
                client(rng)
            except (OSError, http.client.HTTPException, ValueError) as error:
                self._note(f"{client.__name__} broken", f"{client.__name__}: {error!r}")

    def _post(self, body: bytes, content_type: str) -> tuple[int, bytes]:
        with contextlib.closing(http.client.HTTPConnection(self._host, self._port, timeout=60)) as connection:
            connection.request("POST", "/predict", body, {"Content-Type": content_type})
            answer = connection.getresponse()
            return answer.status, answer.read()

    def _judge(
        self, kind: str, status: int, expected: set[int], answer: bytes = b"", right: dict[str, float] | None = None
    ) -> None:
        fault = None
        if status not in expected:
            fault = f"{kind}: status {status}, expected one of {sorted(expected)}"
        elif status == 200 and right is not None:
            scores = dict(_scores(json.loads(answer)))
            if any(abs(scores.get(label, -1) - value) > TOLERANCE for label, value in right.items()):
                fault = f"{kind}: {scores} instead of {right}"
        self._note(f"{kind} {status}", fault)

    def _note(self, what: str, fault: str | None) -> None:
        with self._lock:
            self.statuses[what] += 1
            if fault:
                self.wrong.append(fault)


def _scores(answer: dict[str, object]) -> list[tuple[str, float]]:
    top = answer["top"]
    return [(score["label"], score["probability"]) for score in top] if isinstance(top, list) else []


def _status(received: bytes) -> int:
    return int(received.split(b" ", 2)[1]) if received.startswith(b"HTTP/1.1 ") else 0


def main() -> None:
    """Soak, print and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--model", type=Path, default=BUNDLED_MODEL)
    arguments = parser.parse_args()
    byte_compile()
    with tempfile.TemporaryDirectory() as scratch:
        write_photos(Path(scratch), PHOTOS)
        photos = [path.read_bytes() for path in sorted(Path(scratch).iterdir())]
        port = free_port()
        command = [sys.executable, "-m", "edgecls", "serve", "-m", arguments.model, "--provider", "cpu", "--port", port]
        url = f"http://127.0.0.1:{port}/predict"
        with serving([str(part) for part in command], url, photos[0], "image/jpeg") as server:
            soak = Soak(url, load(arguments.model, "cpu"), photos)
            until_s = time.monotonic() + 60 * arguments.minutes
            clients = [soak.good] * GOOD_CLIENTS + [soak.several, soak.bad, soak.huge, soak.gone, soak.slow, soak.slow]
            threads = [
                threading.Thread(target=soak.run, args=(client, seed, until_s)) for seed, client in enumerate(clients)
            ]
            for thread in threads:
                thread.start()
            memory = []
            while time.monotonic() < until_s:
                time.sleep(1)
                memory.append(server.pss_mb())
            for thread in threads:
                thread.join()
            alive = server.process.poll() is None
    settled = memory[int(len(memory) * WARM_UP) :]
    third = max(1, len(settled) // 3)
    growth = statistics.median(settled[-third:]) / statistics.median(settled[:third]) - 1
    print(f"{machine_facts()['processor']}, {arguments.minutes:g} minutes: {sum(soak.statuses.values())} requests")
    for what, count in sorted(soak.statuses.items()):
        print(f"  {what:14} {count}")
    print(f"wrong or unexplained: {len(soak.wrong)}")
    for fault in soak.wrong[:10]:
        print(f"  {fault}")
    print(f"memory after warm-up {settled[0]:.1f} MB, at most {max(settled):.1f} MB; last third {growth:+.1%}")
    results = {
        "minutes": arguments.minutes,
        "statuses": dict(soak.statuses),
        "wrong": soak.wrong[:100],
        "pss_mb": [round(value, 1) for value in memory],
        "growth_after_warm_up": round(growth, 4),
        "alive_at_the_end": alive,
    }
    print(f"wrote {write_results('soak', results)}")


if __name__ == "__main__":
    main()
