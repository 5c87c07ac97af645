"""Bare ASGI, without a framework: `uvicorn asgi_app:app --workers 2`. A body that is whole goes to a thread.

EDGECLS_BENCH_THREADS says how many threads a process has.
"""

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import edgecls

classifier = edgecls.load(os.environ["EDGECLS_BENCH_MODEL"], "cpu")
threads = ThreadPoolExecutor(int(os.environ["EDGECLS_BENCH_THREADS"]))


def _answer(body: bytes) -> bytes:
    return json.dumps(classifier.predict_bytes(body).as_dict(top=5)).encode()


async def app(
    scope: dict[str, Any],
    receive: Callable[[], Awaitable[dict[str, Any]]],
    send: Callable[[dict[str, Any]], Awaitable[None]],
) -> None:
    """Answer for an image that is the body."""
    if scope["type"] != "http":
        return
    parts, more = [], True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    answer = await asyncio.get_running_loop().run_in_executor(threads, _answer, b"".join(parts))
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(answer)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": answer})
