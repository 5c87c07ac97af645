"""The application behind every front: it reads a body, takes a while in one of two threads, and counts its runs."""

import asyncio
import itertools
import json
import sys
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

THREADS = 2
WORK_S = 0.3
MAX_WAITING = 8

_runs = itertools.count()
_pool = ThreadPoolExecutor(THREADS)


def _work(path: str, body: bytes) -> bytes:
    if path == "/work":
        next(_runs)
        time.sleep(WORK_S)
    return json.dumps({"bytes": len(body), "runs": int(repr(_runs)[6:-1])}).encode()


def wsgi(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
    """Answer by the WSGI standard."""
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    answer = _work(environ["PATH_INFO"], body)
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(answer)))])
    return [answer]


async def asgi(scope: dict[str, Any], receive: Callable[..., Any], send: Callable[..., Any]) -> None:
    """Answer by the ASGI standard, as a framework does: the body first, then a thread."""
    if scope["type"] != "http":
        return
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        body, more = body + message.get("body", b""), message.get("more_body", False)
    pool = _pool if scope["path"] == "/work" else None
    answer = await asyncio.get_running_loop().run_in_executor(pool, _work, scope["path"], body)
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(answer)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": answer})


def main() -> None:
    """Serve this application with the front of edgecls, on the port that is the argument, until SIGTERM."""
    import signal
    import threading

    sys.path.insert(0, str(Path(__file__).parents[2]))
    from edgecls.server.dispatch.dispatcher import Dispatcher
    from edgecls.server.http.server import HttpServer, listening_socket

    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    dispatcher = Dispatcher(wsgi, lambda method, path: path == "/work", max_waiting=MAX_WAITING)
    dispatcher.start()
    dispatcher.widen(THREADS)
    server = HttpServer(dispatcher, listening_socket("127.0.0.1", int(sys.argv[1])))
    server.start()
    while not stopping.wait(0.2):
        pass
    server.stop()
    dispatcher.stop()


if __name__ == "__main__":
    main()
