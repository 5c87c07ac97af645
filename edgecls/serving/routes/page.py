"""The page and its parts."""

from pathlib import Path

from bottle import Bottle, HTTPResponse, static_file

__all__ = ["mount_page"]

WEB_FOLDER = Path(__file__).parents[2] / "web"


def mount_page(app: Bottle) -> None:
    """Add the page to an application."""

    def page() -> HTTPResponse:
        return static_file("index.html", root=str(WEB_FOLDER))

    def part(name: str) -> HTTPResponse:
        return static_file(name, root=str(WEB_FOLDER))

    app.route("/", "GET", page)
    app.route("/web/<name>", "GET", part)
