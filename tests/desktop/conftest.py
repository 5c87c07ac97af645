"""The window without a screen, with a model of its own, and folders of its own for settings and decisions."""

import importlib
import importlib.util
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType

import pytest

from edgecls.errors import DisplayError

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

try:
    _IS_THERE = importlib.util.find_spec("PySide6.QtWidgets") is not None
    if _IS_THERE:
        importlib.import_module("PySide6.QtWidgets")  # it also needs libraries of the system

        from edgecls.desktop.display import check_display

        check_display()
except (ImportError, DisplayError):
    _IS_THERE = False

collect_ignore = (
    []
    if _IS_THERE or "EDGECLS_REQUIRE_DESKTOP" in os.environ
    else [
        "test_app.py",
        "test_camera_dialog.py",
        "test_teach_tab.py",
        "test_image_list.py",
        "test_thumbnails.py",
        "test_window.py",
    ]
)


@pytest.fixture
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own_cache: Path) -> Path:
    """Settings and decisions of no user; returns the folder of decisions."""
    from PySide6.QtCore import QSettings

    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    QSettings.setPath(QSettings.Format.IniFormat, QSettings.Scope.UserScope, str(tmp_path / "config"))
    from edgecls.desktop.shared.settings import Settings
    from edgecls.desktop.shared.words import Language

    Settings().language = Language.ENGLISH
    return tmp_path / "data" / "edgecls" / "desktop"


@pytest.fixture
def open_window(
    own_folders: Path, familiar_model_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., object]]:
    """Opens windows with the tiny model; those that are left open are closed, and none may have had an error."""
    from desktop_window import close_for_good

    from edgecls.desktop.app import make_app, make_window
    from edgecls.desktop.shared.settings import Settings

    opened, errors = [], []

    def remember(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        errors.append(error)  # Qt goes on after an error in a slot

    def open_one(*paths: Path) -> object:
        window = make_window(make_app(), Settings(), model=familiar_model_path, paths=[str(path) for path in paths])
        monkeypatch.setattr(sys, "excepthook", remember)
        window.show()
        opened.append(window)
        return window

    yield open_one
    for window in opened:
        close_for_good(window)
    assert errors == []
