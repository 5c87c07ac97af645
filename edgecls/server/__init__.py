"""The HTTP server: the application, what carries it, and `serve` and `create_app` for Python."""

from typing import TYPE_CHECKING, Any

__all__ = ["LocalServer", "create_app", "serve"]

if TYPE_CHECKING:
    from edgecls.server.local import LocalServer, serve
    from edgecls.server.wsgi_app import create_app

_HOMES = {
    "LocalServer": "edgecls.server.local",
    "create_app": "edgecls.server.wsgi_app",
    "serve": "edgecls.server.local",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used; modules of the server load only what they need."""
    if name not in _HOMES:
        raise AttributeError(f"module 'edgecls.server' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
