"""Without the extra, a display or a library, the command says what is missing; Qt would end the program."""

import importlib.util
import sys

import pytest
from click.testing import CliRunner

from edgecls.cli import main
from edgecls.desktop import display
from edgecls.errors import DisplayError

needs_pyside = pytest.mark.skipif(importlib.util.find_spec("PySide6") is None, reason="needs edgecls[desktop]")


def _load_nothing_missing(name: str) -> object:
    return name


@pytest.fixture(autouse=True)
def any_release(monkeypatch: pytest.MonkeyPatch) -> None:
    """Releases are another matter."""
    monkeypatch.setattr(display, "_check_release", lambda release: None)


def test_without_the_extra_the_message_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PySide6", None)

    done = CliRunner().invoke(main, ["gui"])

    assert done.exit_code == 1
    assert 'pip install "edgecls[desktop]"' in done.stderr


@needs_pyside
def test_without_a_display_there_is_an_error_instead_of_an_abort() -> None:
    with pytest.raises(DisplayError, match=r"no display .*edgecls serve"):
        display.check_display(environment={}, platform="linux", load=_load_nothing_missing)


@needs_pyside
def test_missing_libraries_are_named_with_their_packages() -> None:
    def load(name: str) -> object:
        if name in ("libEGL.so.1", "libxcb-cursor.so.0"):
            raise OSError(name)
        return name

    with pytest.raises(DisplayError, match=r"libEGL\.so\.1, libxcb-cursor\.so\.0.*apt install libegl1 libxcb-cursor0"):
        display.check_display(environment={"DISPLAY": ":0"}, platform="linux", load=load)


@needs_pyside
@pytest.mark.skipif(sys.platform != "linux", reason="asks an X server")
def test_a_display_that_does_not_answer_is_named() -> None:
    with pytest.raises(DisplayError, match="nothing answers at the display ':65000'"):
        display.check_display(environment={"DISPLAY": ":65000"}, load=_load_nothing_missing)


@needs_pyside
@pytest.mark.parametrize("environment", [{"QT_QPA_PLATFORM": "offscreen"}, {"WAYLAND_DISPLAY": "wayland-0"}])
def test_libraries_of_x11_are_needed_only_there(environment: dict[str, str]) -> None:
    def load(name: str) -> object:
        if "xcb" in name:
            raise OSError(name)
        return name

    display.check_display(environment=environment, platform="linux", load=load)


def test_an_image_that_is_not_there_is_said_before_a_window_opens() -> None:
    done = CliRunner().invoke(main, ["gui", "gone.jpg"])

    assert done.exit_code == 1
    assert "cannot open 'gone.jpg'" in done.stderr
