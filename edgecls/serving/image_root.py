"""Pictures by name, from one folder and never from outside it."""

import os
import stat
from pathlib import Path, PurePosixPath, PureWindowsPath

from edgecls import image
from edgecls.errors import ImageReadError, ServerError
from edgecls.image import ImageLimits

__all__ = ["ImageRoot"]


class ImageRoot:
    """A folder whose pictures may be asked for by name, those in its subfolders by relative path.

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
        """Return the bytes of a picture.

        Every way out of the folder gets the same answer as a picture that is not there: absolute
        names, drives, "..", and links that lead outside.

        Raises:
            ImageReadError: There is no such picture in the folder.
            ImageTooLargeError: It has more bytes than allowed.
        """
        missing = ImageReadError(f"there is no picture {name!r} under the image root; check the name")
        if _leads_away(name):
            raise missing
        try:
            path = (self._folder / name).resolve(strict=True)
            if not path.is_relative_to(self._folder):
                raise missing
            # Without following a last link, should it have been swapped in since, nor waiting for a pipe's other end.
            handle = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | _BINARY)
        except (OSError, ValueError, RuntimeError) as error:
            raise missing from error
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            os.close(handle)
            raise missing
        with os.fdopen(handle, "rb") as stream:
            data = stream.read(limits.max_bytes + 1)
        image.check_size(len(data), name=name, limits=limits)
        return data


_BINARY = getattr(os, "O_BINARY", 0)


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
