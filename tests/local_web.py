"""A small web on this machine: a real HTTP server whose pages a test writes."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np

from edgecls import image

Handler = BaseHTTPRequestHandler


class LocalWeb:
    """A server that is up.

    Attributes:
        url: Its address, without a slash at the end.
        asked: The path of every request so far, query included.
        headers: The headers of every request so far.
        closing: Set when the server goes down: pages that never end wait for it.
    """

    def __init__(self, host: str = "127.0.0.1") -> None:
        self.asked: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.closing = threading.Event()
        self._pages: dict[str, Callable[[Handler], None]] = {}
        web = self

        class _Handler(Handler):
            def do_GET(self) -> None:  # noqa: N802 (http.server's name)
                web.asked.append(self.path)
                web.headers.append(dict(self.headers))
                page = web._pages.get(self.path.partition("?")[0])
                with contextlib.suppress(ConnectionError):
                    if page is None:
                        answer(self, b"nothing here", status=404)
                    else:
                        page(self)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer((host, 0), _Handler)
        self.server.daemon_threads = True
        self.host = f"{host}:{self.server.server_port}"
        self.url = f"http://{self.host}"

    def serve(self, path: str, page: Callable[[Handler], None]) -> str:
        """Let a function answer for a path; return its address."""
        self._pages[path] = page
        return self.url + path

    def give(self, path: str, body: bytes = b"", *, status: int = 200, **headers: str) -> str:
        """Put a body at a path; return its address."""
        return self.serve(path, lambda handler: answer(handler, body, status=status, **headers))

    def redirect(self, path: str, target: str) -> str:
        """Let a path lead to an address; return its own."""
        return self.give(path, status=302, location=target)


def answer(handler: Handler, body: bytes = b"", *, status: int = 200, **headers: str) -> None:
    """Send a whole answer; content_length may lie."""
    handler.send_response(status)
    for name, value in {"content_length": str(len(body)), **headers}.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(body)


@contextlib.contextmanager
def local_web(host: str = "127.0.0.1") -> Iterator[LocalWeb]:
    """Run a server until the block ends."""
    web = LocalWeb(host)
    thread = threading.Thread(target=web.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield web
    finally:
        web.closing.set()
        web.server.shutdown()
        thread.join()
        web.server.server_close()


def noise_png(seed: int, *, width: int = 80, height: int = 70) -> bytes:
    """Return a PNG that no other seed has."""
    pixels = np.random.default_rng(seed).integers(0, 256, (height // 10, width // 10, 3), np.uint8)
    return image.encode_png(np.repeat(np.repeat(pixels, 10, axis=0), 10, axis=1))
