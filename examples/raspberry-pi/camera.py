"""Classify what a camera sees, every few seconds; print each answer, and send it on.

Takes the Raspberry Pi's own camera where picamera2 is installed (sudo apt install python3-picamera2, and an environment
made with python3 -m venv --system-site-packages), any other camera through OpenCV otherwise.

    python camera.py --model flowers.onnx --every 5
    python camera.py --model flowers.onnx --post http://homeassistant.local:8123/api/webhook/edgecls-front-door
    python camera.py --model flowers.onnx --save /srv/edgecls/images/front-door.jpg     for edgecls serve --image-root

edgecls-camera.service starts it with the machine.
"""

import argparse
import contextlib
import json
import os
import signal
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np

import edgecls

Frame = np.ndarray
"""uint8, ``[height, width, 3]`` in the order BGR, of both kinds of cameras."""


@contextlib.contextmanager
def opened(camera: str, size_wh: tuple[int, int]) -> Iterator[Callable[[], Frame | None]]:
    """Open a camera, and give a function that returns what it sees now; None if it gives nothing."""
    try:
        from picamera2 import Picamera2  # which the system brings, and not PyPI
    except ImportError:
        Picamera2 = None  # noqa: N806
    if Picamera2 is not None and camera.isdecimal():
        pi = Picamera2(int(camera))
        pi.configure(pi.create_video_configuration(main={"size": size_wh, "format": "RGB888"}))  # BGR in memory
        pi.start()
        try:
            yield pi.capture_array
        finally:
            pi.close()
        return
    capture = cv2.VideoCapture(int(camera) if camera.isdecimal() else camera)
    if not capture.isOpened():
        sys.exit(f"cannot open camera {camera!r}; ls /dev/video* lists those of this machine")
    capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)  # or what it gives is seconds old

    def latest() -> Frame | None:
        there, frame = capture.read()
        return frame if there else None

    try:
        yield latest
    finally:
        capture.release()


def save(frame: Frame, path: Path) -> None:
    """Write a frame so that whoever reads the file finds the old one or the new one, never a part."""
    _, encoded = cv2.imencode(".jpg", frame)
    staged = path.with_name(f".{path.name}.{os.getpid()}")
    staged.write_bytes(encoded.tobytes())
    staged.replace(path)


def post(answer: dict, url: str) -> None:
    """Send an answer as JSON; a receiver that is away costs nothing but a line in the log."""
    request = urllib.request.Request(url, json.dumps(answer).encode(), {"Content-Type": "application/json"})
    try:
        urllib.request.urlopen(request, timeout=5).close()
    except (urllib.error.URLError, OSError) as error:
        print(f"not sent to {url}: {error}", file=sys.stderr)


def main() -> None:
    """Classify until SIGTERM or Ctrl-C, or until the camera gives nothing any more."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", help="model file; the one that comes with edgecls if not given")
    parser.add_argument("--camera", default="0", help="number, device, or a video file or address that OpenCV reads")
    parser.add_argument("--size", default="1280x720", help="of the Pi's own camera (1280x720)")
    parser.add_argument("--every", type=float, default=5.0, metavar="SECONDS", help="from one answer to the next (5)")
    parser.add_argument("--changes", action="store_true", help="print and send only answers unlike the one before")
    parser.add_argument("--post", metavar="URL", help="send answers there, as JSON")
    parser.add_argument("--save", type=Path, metavar="FILE.jpg", help="write the frame that was classified")
    options = parser.parse_args()
    width, height = map(int, options.size.split("x"))

    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    before = None
    with edgecls.load(options.model) as classifier, opened(options.camera, (width, height)) as latest:
        while not stop.is_set():
            began_s = time.monotonic()
            frame = latest()
            if frame is None:
                sys.exit("the camera gives no more frames")
            prediction = classifier.predict(frame, channel_order="bgr")
            if options.save:
                save(frame, options.save)
            if prediction.label != before or not options.changes:
                answer = {
                    "label": prediction.label,
                    "known": prediction.is_known,
                    "probability": round(prediction.probability, 4),
                    "time": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
                }
                print(json.dumps(answer, ensure_ascii=False), flush=True)
                if options.post:
                    post(answer, options.post)
            before = prediction.label
            stop.wait(max(0.0, options.every - (time.monotonic() - began_s)))


if __name__ == "__main__":
    main()
