"""Images by name, from one folder and never from outside it."""

import os
import stat
from pathlib import Path, PurePosixPath, PureWindowsPath

from edgecls.errors import ImageReadError, ServerError
from edgecls.image_limits import ImageLimits, check_size

__all__ = ["ImageRoot"]

MAX_LINKS = 40  # followed for one image, as Linux does
_BINARY = getattr(os, "O_BINARY", 0)
_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)
_FOLDER = getattr(os, "O_PATH", os.O_RDONLY) | getattr(os, "O_DIRECTORY", 0) | _NO_FOLLOW
_FILE = os.O_RDONLY | _NO_FOLLOW | getattr(os, "O_NONBLOCK", 0) | _BINARY  # a pipe's other end is not waited for
_STEP_BY_STEP = {os.open, os.readlink} <= os.supports_dir_fd and _NO_FOLLOW != 0


class ImageRoot:
    """A folder whose images may be asked for by name, those in its subfolders by relative path.

    Links that stay within the folder are followed. Each step of a path is opened from the one before it and never
    through a link that the system follows, so swapping a folder for a link meanwhile gains nothing. A system that
    cannot open so (Windows) looks again where the opened file lies.

    Raises:
        ServerError: There is no such folder.
    """

    def __init__(self, folder: Path) -> None:
        try:
            self._folder = folder.resolve(strict=True)
        except OSError as error:
            raise ServerError(f"there is no image root {str(folder)!r}; give a folder that exists") from error
        if not self._folder.is_dir():
            raise ServerError(f"the image root {str(folder)!r} is not a folder; give one")

    def read(self, name: str, *, limits: ImageLimits) -> bytes:
        """Return the bytes of an image.

        Every way out of the folder gets the same answer as an image that is not there: absolute
        names, drives, "..", and links that lead outside.

        Raises:
            ImageReadError: There is no such image in the folder.
            ImageTooLargeError: It has more bytes than allowed.
        """
        missing = ImageReadError(f"there is no image {name!r} under the image root; check the name")
        if _leads_away(name):
            raise missing
        try:
            handle = _open_step_by_step(self._folder, name) if _STEP_BY_STEP else _open_and_look(self._folder, name)
            with os.fdopen(handle, "rb") as stream:
                data = stream.read(limits.max_bytes + 1)
        except (OSError, ValueError, RuntimeError) as error:
            raise missing from error
        check_size(len(data), name=name, limits=limits)
        return data


def _open_step_by_step(root: Path, name: str) -> int:
    """Open a regular file below a folder, one folder after the other; links are read and walked, never followed.

    Raises:
        OSError: It is not there, or a link on the way leads outside.
        ValueError: The name or a link has characters that no name has.
    """
    steps = _steps(name)
    links = 0
    folders = [os.open(root, _FOLDER)]  # from the root down; ".." goes back up these, not up the system's
    try:
        while steps:
            step = steps.pop()
            if step == "..":
                os.close(folders.pop())
                if not folders:
                    raise PermissionError("a link leads out of the folder")
                continue
            try:
                if not steps:
                    return _regular(os.open(step, _FILE, dir_fd=folders[-1]))
                folders.append(os.open(step, _FOLDER, dir_fd=folders[-1]))
            except OSError:
                target = os.readlink(step, dir_fd=folders[-1])  # raises where it is no link
                links += 1
                if links > MAX_LINKS:
                    raise
                if os.path.isabs(target):
                    target = str(Path(target).resolve().relative_to(root))
                    while len(folders) > 1:
                        os.close(folders.pop())
                steps += _steps(target)
        raise IsADirectoryError("it is a folder")
    finally:
        for handle in folders:
            os.close(handle)


def _steps(path: str) -> list[str]:
    """Return the parts of a relative path, the first one last."""
    return [part for part in reversed(path.split("/")) if part not in ("", ".")]


def _regular(handle: int) -> int:
    """Return a handle, if it is that of a regular file.

    Raises:
        OSError: It is not, and is closed.
    """
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError("it is not a regular file")
    return handle


def _open_and_look(root: Path, name: str) -> int:
    """Open a regular file below a folder, and look afterwards whether what was opened lies there.

    Raises:
        OSError, ValueError, RuntimeError: It does not.
    """
    handle = _regular(os.open((root / name).resolve(strict=True), _FILE))
    try:
        path = (root / name).resolve(strict=True)
        if path.is_relative_to(root) and os.path.samestat(os.lstat(path), os.fstat(handle)):
            return handle
    except BaseException:
        os.close(handle)
        raise
    os.close(handle)
    raise PermissionError("it lies outside of the folder")


def _leads_away(name: str) -> bool:
    """True for names that are not plainly relative, by the rules of any system."""
    windows = PureWindowsPath(name)
    return (
        not name
        or "\0" in name
        or name.startswith(("/", "\\"))
        or bool(windows.drive)
        or ".." in windows.parts
        or ".." in PurePosixPath(name).parts
    )
