"""Whether a window can be opened here, found out before Qt is: it ends the program where it cannot."""

import ctypes
import os
import sys
from collections.abc import Callable, Mapping

from edgecls.errors import DisplayError
from edgecls.extras import import_from_extra

__all__ = ["check_display"]

_OF_QT = {"libEGL.so.1": "libegl1", "libGL.so.1": "libgl1", "libxkbcommon.so.0": "libxkbcommon0"}
_OF_QT |= {"libfontconfig.so.1": "libfontconfig1", "libdbus-1.so.3": "libdbus-1-3", "libglib-2.0.so.0": "libglib2.0-0"}
_OF_X11 = {
    "libxcb-cursor.so.0": "libxcb-cursor0",
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
    "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-image.so.0": "libxcb-image0",
    "libxcb-keysyms.so.1": "libxcb-keysyms1",
    "libxcb-randr.so.0": "libxcb-randr0",
    "libxcb-render-util.so.0": "libxcb-render-util0",
    "libxcb-shape.so.0": "libxcb-shape0",
    "libxcb-sync.so.1": "libxcb-sync1",
    "libxcb-xfixes.so.0": "libxcb-xfixes0",
    "libxcb-xkb.so.1": "libxcb-xkb1",
    "libX11-xcb.so.1": "libx11-xcb1",
}
"""The libraries that Qt and its X11 plugin need of the system, and Debian's packages."""

_WITHOUT_DISPLAY = ("offscreen", "minimal", "vnc", "linuxfb", "eglfs", "minimalegl")


def check_display(
    *,
    environment: Mapping[str, str] = os.environ,
    platform: str = sys.platform,
    load: Callable[[str], object] = ctypes.CDLL,
    answers: Callable[[str], bool] | None = None,
) -> None:
    """Check that PySide6 is installed, that there is a display, and that the system has the libraries Qt needs.

    Args:
        environment: Where the display is looked up.
        platform: As `sys.platform`.
        load: Loads a library by name, or raises OSError.
        answers: Says whether there is an X server at a display; None for trying it.

    Raises:
        MissingExtraError: PySide6 is not installed.
        DisplayError: There is no display, or a library is missing; the message says what to do.
    """
    _check_release(import_from_extra("PySide6", extra="desktop", purpose="the desktop app").__version__)
    if platform.startswith("linux"):
        wanted = environment.get("QT_QPA_PLATFORM", "").partition(":")[0].partition(";")[0]
        if not (wanted in _WITHOUT_DISPLAY or environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY")):
            raise DisplayError(
                "cannot open a window: there is no display (neither DISPLAY nor WAYLAND_DISPLAY is set); run it on a "
                "desktop, or over SSH with -X; without a display, use edgecls run or edgecls serve"
            )
        uses_x11 = wanted == "xcb" or (not wanted and not environment.get("WAYLAND_DISPLAY"))
        _check_libraries(_OF_QT | (_OF_X11 if uses_x11 else {}), load)
        display = environment.get("DISPLAY", "")
        if uses_x11 and not (answers or _is_x_server)(display):
            raise DisplayError(
                f"cannot open a window: nothing answers at the display {display!r} (DISPLAY), or this user may not use "
                "it; check the variable and xhost"
            )
    try:
        import_from_extra("PySide6.QtWidgets", extra="desktop", purpose="the desktop app")
    except ImportError as error:
        raise DisplayError(
            f"cannot open a window: Qt cannot be loaded ({error}); it needs glibc 2.34 or newer (Debian 12, "
            "Ubuntu 22.04), and the libraries of a desktop"
        ) from error


def _is_x_server(display: str) -> bool:
    """Return whether an X server takes a connection."""
    library = ctypes.CDLL("libxcb.so.1")
    library.xcb_connect.restype = ctypes.c_void_p
    library.xcb_connect.argtypes = [ctypes.c_char_p, ctypes.c_void_p]
    library.xcb_connection_has_error.argtypes = library.xcb_disconnect.argtypes = [ctypes.c_void_p]
    connection = library.xcb_connect(os.fsencode(display), None)
    try:
        return bool(library.xcb_connection_has_error(connection) == 0)
    finally:
        library.xcb_disconnect(connection)


def _check_release(release: str) -> None:
    """Refuse the releases that end Python 3.11 after some thousand signals: each takes a reference from True."""
    if sys.version_info < (3, 12) and tuple(map(int, release.split(".")[:2])) >= (6, 12):
        raise DisplayError(
            f"cannot open a window: PySide6 {release} crashes with Python 3.11; install an earlier one with: "
            'pip install "PySide6-Essentials<6.12"'
        )


def _check_libraries(packages: Mapping[str, str], load: Callable[[str], object]) -> None:
    missing = {}
    for library, package in packages.items():
        try:
            load(library)
        except OSError:
            missing[library] = package
    if missing:
        raise DisplayError(
            f"cannot open a window: Qt needs {', '.join(missing)}; on Debian and Ubuntu: "
            f"apt install {' '.join(missing.values())}"
        )
