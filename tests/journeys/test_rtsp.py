"""Streams over RTSP, from a real server: classified, lost, back; and a server that never answers."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

SYSTEM_PYTHON = "/usr/bin/python3"  # the one that has the packages of Debian
PROGRAM = Path(__file__).parents[1] / "rtsp_program.py"
RED, BLUE = "fa0a14", "0c1ef5"
_HAS_SERVER = (
    "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import Gst, GstRtspServer; "
    "Gst.init(None); raise SystemExit(0 if Gst.ElementFactory.find('rtpvp8pay') else 1)"
)


def _is_installed() -> bool:
    try:
        return subprocess.run([SYSTEM_PYTHON, "-c", _HAS_SERVER], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


needs_server = pytest.mark.skipif(
    "EDGECLS_REQUIRE_RTSP" not in os.environ and not _is_installed(),
    reason="needs Debian's gir1.2-gst-rtsp-server-1.0, python3-gi and gstreamer1.0-plugins-good",
)


@contextlib.contextmanager
def _serving(color: str, *, port: int = 0) -> Iterator[int]:
    command = [SYSTEM_PYTHON, str(PROGRAM), str(port), color, "admin", "secret"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as program:
        try:
            assert program.stdout is not None
            yield int(program.stdout.readline())
        finally:
            program.kill()


class _Running:
    """`edgecls run` on a stream, with what it prints."""

    def __init__(self, model: Path, *arguments: str) -> None:
        self._program = subprocess.Popen(
            [sys.executable, "-m", "edgecls", "run", "--model", str(model), *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.printed: list[str] = []
        self.said = ""
        self._messages = threading.Thread(target=self._hear)
        self._messages.start()

    def _hear(self) -> None:
        assert self._program.stderr is not None
        self.said = self._program.stderr.read()

    def lines(self) -> Iterator[dict[str, Any]]:
        """Yield lines as they come."""
        assert self._program.stdout is not None
        for line in self._program.stdout:
            self.printed.append(line)
            yield json.loads(line)

    def stop(self) -> None:
        self._program.send_signal(signal.SIGINT)

    def ended(self) -> int:
        """Wait for the end and return the exit code."""
        exit_code = self._program.wait(60)
        self._messages.join()
        for stream in (self._program.stdout, self._program.stderr):
            assert stream is not None
            stream.close()
        return exit_code


@needs_server
def test_a_stream_is_classified_lost_and_back_and_its_password_never_shown(tiny_model_path: Path) -> None:
    with _serving(RED) as port:
        running = _Running(tiny_model_path, f"rtsp://admin:secret@127.0.0.1:{port}/cam", "--every", "100ms")
        lines = running.lines()
        seen = [next(lines) for _ in range(5)]

    with _serving(BLUE, port=port):
        for line in lines:
            seen.append(line)
            if line["label"] == "blue":
                break
        running.stop()
        list(lines)
        exit_code = running.ended()

    assert exit_code == 0
    assert {line["label"] for line in seen[:5]} == {"red"}
    assert seen[0]["source"] == f"rtsp://***@127.0.0.1:{port}/cam"
    positions = [line["position_s"] for line in seen]
    assert positions == sorted(positions)
    assert [line["frame"] for line in seen] == sorted({line["frame"] for line in seen})
    lost, back, stopped = running.said.splitlines()
    assert " is lost: it gives no more frames; trying to get it back for 300 s" in lost
    assert back.endswith(" is back")
    assert stopped.startswith("stopped; rtsp://***@127.0.0.1")
    assert "secret" not in running.said + "".join(running.printed)


@needs_server
def test_a_stream_that_does_not_come_back_and_a_wrong_password_are_failures(tiny_model_path: Path) -> None:
    with _serving(RED) as port:
        wrong = _Running(tiny_model_path, f"rtsp://admin:guessed@127.0.0.1:{port}/cam")
        refused = list(wrong.lines())
        refusal_code = wrong.ended()
        address = f"rtsp://admin:secret@127.0.0.1:{port}/cam"
        running = _Running(tiny_model_path, address, "--changes", "3", "--reconnect", "300ms")
        lines = running.lines()
        first = next(lines)

    last = list(lines)[-1]
    exit_code = running.ended()

    assert (refusal_code, exit_code) == (1, 1)
    assert "cannot open" in refused[0]["error"]["message"]
    assert "guessed" not in "".join(wrong.printed) + wrong.said
    assert (first["label"], first["previous"]) == ("red", None)
    assert last["error"]["type"] == "SourceLostError"


@pytest.mark.parametrize("scheme", ["rtsp", "http"])
def test_a_server_that_accepts_and_never_answers_is_given_up_in_time(tiny_model_path: Path, scheme: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"{scheme}://admin:secret@127.0.0.1:{silent.getsockname()[1]}/cam"
        running = _Running(tiny_model_path, address, "--timeout", "300ms")

        (line,) = running.lines()
        exit_code = running.ended()

    assert exit_code == 1
    assert "it gave no video within 0.3 s" in line["error"]["message"]
    assert running.said == ""
    assert "secret" not in "".join(running.printed)


def test_ctrl_c_ends_the_wait_for_a_server_that_never_answers(tiny_model_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        running = _Running(tiny_model_path, f"rtsp://127.0.0.1:{silent.getsockname()[1]}/cam", "--timeout", "1h")
        connection, _ = silent.accept()
        with connection:
            running.stop()
            exit_code = running.ended()

    assert exit_code == 0
    assert running.said.startswith("stopped; rtsp://127.0.0.1")
