"""The cache folder, for what can be made again: compiled networks, tuning and verification results."""

import contextlib
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

__all__ = ["CacheState", "cache_folder", "look_at_cache"]


def cache_folder(*, environment: Mapping[str, str] = os.environ, platform: str = sys.platform) -> Path | None:
    """Return edgecls's folder in the place for caches that the platform's conventions name; it need not exist.

    None where there is no such place, as the user has no home: in a container with a user of no name, or in a service.

    Args:
        environment: Where XDG_CACHE_HOME (Linux) and LOCALAPPDATA (Windows) are looked up.
        platform: As `sys.platform`.
    """
    if platform == "win32":
        local = environment.get("LOCALAPPDATA")
        return Path(local, "edgecls", "Cache") if local else _in_home("AppData", "Local", "edgecls", "Cache")
    if platform == "darwin":
        return _in_home("Library", "Caches", "edgecls")
    base = environment.get("XDG_CACHE_HOME", "")
    return Path(base, "edgecls") if os.path.isabs(base) else _in_home(".cache", "edgecls")


def _in_home(*parts: str) -> Path | None:
    try:
        home = Path.home()
    except RuntimeError:  # neither HOME nor an entry in the list of users
        return None
    return home.joinpath(*parts) if home.is_absolute() else None


@dataclass(frozen=True)
class CacheState:
    """The cache as it is.

    Attributes:
        folder: Where it is, or would be; None if there is no place for one.
        size_bytes: All files in it.
        writable: Files can be written there, or the folder can be made.
    """

    folder: str | None
    size_bytes: int
    writable: bool


def look_at_cache(folder: Path | None) -> CacheState:
    """Return what is in a cache folder, without making it; inaccessible files do not count."""
    if folder is None:
        return CacheState(None, 0, False)
    existing = next((place for place in (folder, *folder.parents) if os.path.exists(place)), folder)
    size = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):  # it is gone meanwhile
                size += os.stat(os.path.join(place, name)).st_size
    return CacheState(str(folder), size, os.path.isdir(existing) and os.access(existing, os.W_OK | os.X_OK))
