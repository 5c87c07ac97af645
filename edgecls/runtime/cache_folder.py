"""Where edgecls keeps what it can make again: compiled networks, measurements."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

__all__ = ["cache_folder"]


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
