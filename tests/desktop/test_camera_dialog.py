"""The camera, with a capture of its own: no test needs a real one."""

import time
from pathlib import Path

import numpy as np
from desktop_window import wait_until
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from edgecls import image
from edgecls.desktop.app import make_app
from edgecls.desktop.shared.camera_dialog import CameraDialog, save_photo
from edgecls.desktop.shared.words import Language, Words
from edgecls.errors import VideoError
from edgecls.runtime.video.source import VideoSource

WORDS = Words(Language.ENGLISH)


class _Capture:
    """A camera that sees blue."""

    def __init__(self) -> None:
        self.is_open = True

    def grab(self) -> bool:
        return self.is_open

    def retrieve(self) -> tuple[bool, object]:
        return True, np.full((48, 64, 3), (250, 10, 5), np.uint8)  # BGR

    def get(self, propId: int) -> float:  # noqa: N803
        return 1000 * time.monotonic() if propId == 0 else 0.0

    def release(self) -> None:
        self.is_open = False


def test_photos_are_what_the_camera_sees_and_nothing_is_overwritten(tmp_path: Path) -> None:
    make_app()
    capture, taken = _Capture(), []
    dialog = CameraDialog(None, WORDS, folder=tmp_path / "camera", opener=lambda source, timeout_s: capture)
    dialog.taken.connect(taken.append)
    dialog.show()
    wait_until(dialog.take_button.isEnabled)

    for _ in range(2):
        QTest.mouseClick(dialog.take_button, Qt.MouseButton.LeftButton)
    dialog.close()

    assert len(set(taken)) == 2
    pixels = image.decode(Path(taken[0]).read_bytes())
    assert pixels.shape == (48, 64, 3)
    assert np.abs(pixels[0, 0].astype(int) - (5, 10, 250)).max() < 12
    assert dialog.said.text() == "2 images taken"
    wait_until(lambda: not capture.is_open)


def test_a_camera_that_cannot_be_opened_is_said_in_the_dialog(tmp_path: Path) -> None:
    def refuse(source: VideoSource, timeout_s: float) -> _Capture:
        raise VideoError(f"cannot open {source.shown!r}: there is no such camera")

    make_app()
    dialog = CameraDialog(None, WORDS, folder=tmp_path, opener=refuse)
    dialog.show()
    wait_until(lambda: "camera:0" in dialog.view.text())

    assert not dialog.take_button.isEnabled()
    dialog.number.setValue(1)
    wait_until(lambda: "camera:1" in dialog.view.text())
    dialog.close()


def test_two_photos_of_a_second_have_names_of_their_own(tmp_path: Path) -> None:
    from datetime import datetime

    pixels = np.zeros((4, 4, 3), np.uint8)
    paths = [save_photo(pixels, tmp_path, now=lambda: datetime(2026, 5, 1, 12, 0, 3)) for _ in range(2)]

    assert [path.name for path in paths] == ["2026-05-01-120003.jpg", "2026-05-01-120003-2.jpg"]


def test_a_series_is_taken_as_long_as_the_button_is_held(tmp_path: Path) -> None:
    make_app()
    taken = []
    dialog = CameraDialog(None, WORDS, folder=tmp_path, opener=lambda source, timeout_s: _Capture(), takes_series=True)
    dialog.taken.connect(taken.append)
    dialog.show()
    wait_until(dialog.take_button.isEnabled)
    QTest.mouseClick(dialog.take_button, Qt.MouseButton.LeftButton)
    assert len(taken) == 1

    QTest.mousePress(dialog.take_button, Qt.MouseButton.LeftButton)
    wait_until(lambda: len(taken) >= 3)
    QTest.mouseRelease(dialog.take_button, Qt.MouseButton.LeftButton)
    count = len(taken)
    QTest.mouseClick(dialog.take_button, Qt.MouseButton.LeftButton)

    assert len(set(taken)) == len(taken) == count + 1
    dialog.close()
