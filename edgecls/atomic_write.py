"""Files that are whole or not there: written under a temporary name, then renamed."""

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from edgecls.errors import OutputError

__all__ = ["check_writable", "remove_leftovers", "whole_files"]

TOKEN_BYTES = 4
_PAUSES_S = (0.05, 0.1, 0.2, 0.4, 0.8)  # virus scanners and search look into new files for that long


@contextlib.contextmanager
def whole_files(*targets: str | os.PathLike[str]) -> Iterator[tuple[Path, ...]]:
    """Write one or several files so that all of them appear whole, or none does.

    Yields a temporary path next to each target, with the same suffix. When the block ends, all of
    them are flushed to disk and only then renamed; when it raises, they are removed and whatever
    stood under the target names stays as it was.

    Raises:
        OutputError: A file cannot be written.
    """
    token = _token()
    paths = [Path(target) for target in targets]
    staged = tuple(path.with_name(f".{token}-{path.name}") for path in paths)
    try:
        for path in paths:
            if path.is_dir():
                raise IsADirectoryError(None, "it is a folder", str(path))
        yield staged
        from edgecls.file_moves import flush  # who only reads does not need it

        for temporary in staged:
            flush(temporary)
        for temporary, path in zip(staged, paths, strict=True):
            _replace(temporary, path)
    except OSError as error:
        names = " and ".join(repr(str(path)) for path in paths)
        raise OutputError(f"cannot write {names}: {error.strerror or error}; choose another place") from error
    finally:
        for temporary in staged:
            temporary.unlink(missing_ok=True)


def _replace(
    temporary: Path,
    path: Path,
    *,
    platform: str = sys.platform,
    replace: Callable[[Path, Path], None] = os.replace,
    wait: Callable[[float], None] = time.sleep,
) -> None:
    """Give a file its own name, in place of what has it.

    Windows replaces no file that a program has open. Those that open every new file for a moment are waited for.

    Args:
        temporary: The file.
        path: Its name.
        platform: As `sys.platform`.
        replace: As `os.replace`.
        wait: Passes so many seconds.

    Raises:
        OSError: It cannot be done; the message says why.
    """
    for pause_s in (*_PAUSES_S, None):
        try:
            replace(temporary, path)
            return
        except PermissionError as error:
            if platform != "win32" or not path.is_file():
                raise
            if pause_s is None:
                reason = "another program has it open, or it is write-protected; close that program"
                raise PermissionError(error.errno, reason, str(path)) from error
            wait(pause_s)


def remove_leftovers(folder: str | os.PathLike[str], pattern: str) -> None:
    """Remove the temporary files of targets that a kill left behind; nobody may be writing them now.

    Args:
        folder: Where the targets are.
        pattern: Their names, as in "trial-*.onnx".
    """
    for path in Path(folder).glob(f".{'[0-9a-f]' * 2 * TOKEN_BYTES}-{pattern}"):
        path.unlink(missing_ok=True)


def _token() -> str:
    """Return a name that no other process is using for a temporary file."""
    return os.urandom(TOKEN_BYTES).hex()


def check_writable(target: str | os.PathLike[str]) -> None:
    """Find out before long work whether a file can be written there afterwards.

    Raises:
        OutputError: The folder does not exist, nothing can be written into it, or the name is taken by a folder.
    """
    path = Path(target)
    probe = path.with_name(f".{_token()}-{path.name}")
    try:
        if path.is_dir():
            raise IsADirectoryError(None, "it is a folder", str(path))
        probe.touch(exist_ok=False)
        probe.unlink()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise OutputError(
            f"cannot write {str(path)!r}: {reason}; make its folder first or choose another place"
        ) from error
