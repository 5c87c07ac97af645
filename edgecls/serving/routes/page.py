"""The page and its parts."""

from pathlib import Path, PurePath

from bottle import Bottle, HTTPResponse, static_file

__all__ = ["mount_page"]

WEB_FOLDER = Path(__file__).parents[2] / "web"
MIME_TYPES = {".css": "text/css", ".html": "text/html", ".js": "text/javascript", ".svg": "image/svg+xml"}
"""By file name ending; what a system takes for a script may differ, and browsers would not run it then."""


def mount_page(app: Bottle) -> None:
    """Add the page to an application."""

    def page() -> HTTPResponse:
        return _file("index.html")

    def part(name: str) -> HTTPResponse:
        return _file(name)

    app.route("/", "GET", page)
    app.route("/web/<name>", "GET", part)


def _file(name: str) -> HTTPResponse:
    # Browsers ask each time whether a file has changed: parts of two versions would not fit together.
    kept = {"Cache-Control": "no-cache"}
    return static_file(name, root=str(WEB_FOLDER), mimetype=MIME_TYPES.get(PurePath(name).suffix, True), headers=kept)
