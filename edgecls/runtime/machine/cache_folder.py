"""Where edgecls keeps what it can make again: compiled networks, measurements."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

__all__ = ["CacheState", "cache_folder", "look_at_cache"]


def cache_folder(*, environment: Mapping[str, str] = os.environ, platform: str = sys.platform) -> Path:
    """Return edgecls's folder in the place for caches that the platform's conventions name; it need not exist.

    Args:
        environment: Where XDG_CACHE_HOME (Linux) and LOCALAPPDATA (Windows) are looked up.
        platform: As `sys.platform`.
    """
    if platform == "win32":
        base = environment.get("LOCALAPPDATA") or str(Path.home() / "AppData" / "Local")
        return Path(base, "edgecls", "Cache")
    if platform == "darwin":
        return Path.home() / "Library" / "Caches" / "edgecls"
    base = environment.get("XDG_CACHE_HOME", "")
    return (Path(base) if os.path.isabs(base) else Path.home() / ".cache") / "edgecls"


@dataclass(frozen=True)
class CacheState:
    """The cache as it is.

    Attributes:
        folder: Where it is, or would be.
        size_bytes: All files in it.
        writable: Files can be written there, or the folder can be made.
    """

    folder: str
    size_bytes: int
    writable: bool


def look_at_cache(folder: Path) -> CacheState:
    """Return what is in a cache folder, without making it."""
    existing = next((place for place in (folder, *folder.parents) if place.exists()), folder)
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return CacheState(str(folder), size, existing.is_dir() and os.access(existing, os.W_OK | os.X_OK))
