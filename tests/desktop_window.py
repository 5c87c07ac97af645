"""What tests do with the window of the desktop app."""

from collections.abc import Callable

from PySide6.QtCore import QEventLoop, Qt, QTimer
from PySide6.QtWidgets import QApplication, QPushButton, QWidget

from edgecls.desktop.window import Window

__all__ = ["button", "close_for_good", "labels", "recognised", "wait_until", "with_next_dialog"]

TIMEOUT_MS = 60_000
LOOK_MS = 10


def wait_until(condition: Callable[[], object]) -> None:
    """Let the window work until something holds."""
    for _ in range(TIMEOUT_MS // LOOK_MS):
        if condition():
            return
        loop = QEventLoop()  # its exec lets other threads run Python, which QTest.qWait does not
        QTimer.singleShot(LOOK_MS, loop.quit)
        loop.exec()
    raise AssertionError("it has not come about")


def recognised(window: Window, count: int) -> None:
    """Wait until so many images are there and done, and the window shows it, which it does a moment later."""
    session = window.session
    timers = window.classify.findChildren(QTimer, options=Qt.FindChildOption.FindDirectChildrenOnly)
    wait_until(lambda: len(session.images.entries) == count and not session.waiting and not session.is_working)
    wait_until(lambda: not any(timer.isActive() for timer in timers))


def labels(window: Window) -> dict[str, str | None]:
    """Return what each image counts as, by its name."""
    return {entry.path.rpartition("/")[2]: entry.label for entry in window.session.images.entries}


def with_next_dialog(act: Callable[[QWidget], None]) -> None:
    """Do something with the next dialog that opens."""

    def look() -> None:
        dialog = QApplication.activeModalWidget()
        if dialog is None:
            QTimer.singleShot(LOOK_MS, look)
        else:
            act(dialog)

    QTimer.singleShot(LOOK_MS, look)


def button(widget: QWidget, text: str) -> QPushButton:
    """Return the button of that text."""
    return next(one for one in widget.findChildren(QPushButton) if one.text() == text)


def close_for_good(window: Window) -> None:
    """Close a window without its question."""
    if window.isVisible():
        if any(tab.unfinished for tab in window.tabs):
            with_next_dialog(lambda dialog: button(dialog, window.words("leave.yes")).click())
        window.close()
