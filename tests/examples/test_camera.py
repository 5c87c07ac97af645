"""The camera script of examples/: each answer is printed, sent and saved."""

import http.server
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from videos import write_video

from edgecls import image

SCRIPT = Path(__file__).parents[2] / "examples" / "raspberry-pi" / "camera.py"

# picamera2 comes with Raspberry Pi OS alone. Its frames have three bytes a pixel in the order BGR, as it documents.
PICAMERA2 = """
import numpy as np

class Picamera2:
    def __init__(self, number):
        self.left = 2 + number

    def create_video_configuration(self, main):
        assert main["format"] == "RGB888"
        return main["size"]

    def configure(self, size):
        self.size = size

    def start(self):
        pass

    def capture_array(self):
        self.left -= 1
        return np.full((self.size[1], self.size[0], 3), (20, 10, 250), np.uint8) if self.left >= 0 else None

    def close(self):
        print("closed")
"""


@dataclass
class _Receiver:
    url: str
    answers: list[dict[str, object]] = field(default_factory=list)


@pytest.fixture
def receiver() -> Iterator[_Receiver]:
    """What answers are sent to, as Home Assistant's webhook."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.headers["Content-Type"] == "application/json"
            received.answers.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    received = _Receiver(f"http://127.0.0.1:{server.server_port}/api/webhook/x")
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield received
    server.shutdown()
    thread.join()
    server.server_close()


def _run(*options: str | Path, modules: Path | None = None) -> subprocess.CompletedProcess[str]:

    environment = {**os.environ, **({} if modules is None else {"PYTHONPATH": str(modules)})}
    command = [sys.executable, SCRIPT, *map(str, options)]
    return subprocess.run(command, capture_output=True, text=True, encoding="utf-8", env=environment, timeout=300)


def _printed(done: subprocess.CompletedProcess[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def test_changes_of_the_label_are_printed_and_sent_and_each_frame_saved(
    tiny_model_path: Path, receiver: _Receiver, tmp_path: Path
) -> None:
    video = write_video(tmp_path / "door.mp4", ["red", "red", "green", "green", "blue", "red"])
    saved = tmp_path / "images" / "door.jpg"
    saved.parent.mkdir()
    common = ("--model", tiny_model_path, "--camera", video, "--every", "0", "--changes")

    done = _run(*common, "--post", receiver.url, "--save", saved)

    assert done.returncode == 1
    assert done.stderr.strip().splitlines()[-1] == "the camera gives no more frames"
    answers = _printed(done)
    assert [answer["label"] for answer in answers] == ["red", "green", "blue", "red"]
    assert all(answer["known"] and answer["probability"] > 0.9 for answer in answers)  # type: ignore[operator]
    assert receiver.answers == answers
    assert [path.name for path in saved.parent.iterdir()] == ["door.jpg"]
    assert image.decode(saved.read_bytes())[..., 0].mean() > 200


def test_every_answer_is_printed_otherwise_and_a_receiver_that_is_away_does_not_matter(
    tiny_model_path: Path, tmp_path: Path
) -> None:
    video = write_video(tmp_path / "door.mp4", ["blue"] * 3)

    done = _run("--model", tiny_model_path, "--camera", video, "--every", "0", "--post", "http://127.0.0.1:1/x")

    assert [answer["label"] for answer in _printed(done)] == ["blue"] * 3
    assert done.stderr.count("not sent to http://127.0.0.1:1/x") == 3


def test_the_own_camera_of_a_raspberry_pi_is_taken_where_picamera2_is(tiny_model_path: Path, tmp_path: Path) -> None:
    (tmp_path / "picamera2.py").write_text(PICAMERA2)

    done = _run("--model", tiny_model_path, "--camera", "1", "--size", "64x48", "--every", "0", modules=tmp_path)

    assert [answer["label"] for answer in _printed(done)] == ["red"] * 3
    assert "closed" in done.stdout


def test_a_camera_that_is_not_there_is_told(tiny_model_path: Path, tmp_path: Path) -> None:
    done = _run("--model", tiny_model_path, "--camera", tmp_path / "none.mp4")

    assert done.returncode == 1
    assert "cannot open camera" in done.stderr
