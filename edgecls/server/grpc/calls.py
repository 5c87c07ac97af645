"""A call: its message is received within bounds, answered by a handler, and the answer given its gRPC status."""

import asyncio
import contextlib
import time
from typing import Any
from urllib.parse import unquote

import grpc

from edgecls.server.http.limits import BodiesBudget, BodiesShare, HttpLimits, plain_address
from edgecls.server.http.messages import Answer, Handler, Refusal, Request, refusal_answer

__all__ = ["Calls", "call_request", "status_of"]

ROOM_S = 10.0  # how long a call waits for room for its message
LOOK_S = 0.25  # between two looks while it waits
PATIENCE_S = 2.0  # so long a message may take to arrive while others wait for its room
MAX_DETAILS = 1000  # characters; what is longer would not fit into the header fields that clients take

_STATUS = {
    400: grpc.StatusCode.INVALID_ARGUMENT,
    401: grpc.StatusCode.UNAUTHENTICATED,
    403: grpc.StatusCode.PERMISSION_DENIED,
    404: grpc.StatusCode.NOT_FOUND,
    408: grpc.StatusCode.DEADLINE_EXCEEDED,
    413: grpc.StatusCode.INVALID_ARGUMENT,
    415: grpc.StatusCode.INVALID_ARGUMENT,
    422: grpc.StatusCode.INVALID_ARGUMENT,
    501: grpc.StatusCode.UNIMPLEMENTED,
    503: grpc.StatusCode.UNAVAILABLE,
    504: grpc.StatusCode.DEADLINE_EXCEEDED,
}
_KINDS = {"Busy": grpc.StatusCode.RESOURCE_EXHAUSTED, "MessageTooLarge": grpc.StatusCode.RESOURCE_EXHAUSTED}


def status_of(refusal: Refusal) -> grpc.StatusCode:
    """Return the gRPC status for a refusal."""
    return _KINDS.get(refusal.kind) or _STATUS.get(refusal.status, grpc.StatusCode.INTERNAL)


def call_request(path: str, context: Any) -> Request:
    """Return a call without its message as the request that keys, metrics and log know."""
    headers = [(name, value) for name, value in context.invocation_metadata() or () if isinstance(value, str)]
    return Request("POST", path, "", "2", headers, _client(context.peer()))


def _client(peer: str) -> str:
    """Return the address in what gRPC calls a peer, as in "ipv4:127.0.0.1:5000" or "ipv6:%5B::1%5D:5000"."""
    _, _, address = unquote(peer).partition(":")
    return plain_address(address.rpartition(":")[0].strip("[]"))


class Calls:
    """Answers the calls of one server; used in its event loop only.

    Memory for messages is shared as that for bodies is in HTTP: no client holds more than it leaves free. How large a
    message will be is not known before it is there, so room for the largest is taken while it is received, and given
    back but for its size. Where there is no room, the message that has been arriving for longest gives way: its sender
    may have stalled.

    Args:
        handler: Answers.
        limits: Bounds.
    """

    def __init__(self, handler: Handler, limits: HttpLimits) -> None:
        self._handler = handler
        self._limits = limits
        self._budget = BodiesBudget(limits.max_bodies_bytes)
        self._room = asyncio.Condition()
        self._in_flight = 0
        self._is_closed = False
        self._idle = asyncio.Event()
        self._arriving: dict[asyncio.Timeout, tuple[str, float]] = {}  # from whom, and since when

    async def answer(self, path: str, context: Any) -> bytes:
        """Return the message that answers a call, or end the call with a status.

        Args:
            path: Of its method.
            context: Of the call, which receives its one message when it is asked to.
        """
        self._in_flight += 1
        context.add_done_callback(self._sent)
        request = call_request(path, context)
        answer = await self._answer(request, context)
        self._handler.answered(request, answer)
        metadata = [(name.lower(), value) for name, value in answer.headers if name == "X-Request-Id"]
        if answer.refusal is None:
            context.set_trailing_metadata(metadata)
            return answer.body
        retry_s = answer.refusal.headers.get("Retry-After")
        if retry_s is not None:
            metadata.append(("grpc-retry-pushback-ms", str(1000 * int(retry_s))))
        await context.abort(status_of(answer.refusal), str(answer.refusal)[:MAX_DETAILS], tuple(metadata))
        return b""  # abort raises

    async def close(self, patience_s: float) -> None:
        """Refuse the calls that come from now on, and return when those before are answered, or after so long."""
        self._is_closed = True
        if self._in_flight:
            self._idle.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._idle.wait(), patience_s)

    def _sent(self, context: Any) -> None:
        """Take note that the answer to a call is on its way, or that its client has left."""
        self._in_flight -= 1
        if not self._in_flight:
            self._idle.set()

    async def _answer(self, request: Request, context: Any) -> Answer:
        if self._is_closed:
            return refusal_answer(Refusal(503, "Stopping", "the server is stopping; send this to another one"))
        refusal = self._handler.check(request)
        if refusal is not None:
            return refusal_answer(refusal)
        share = self._budget.share_of(request.client)
        held = self._limits.max_body_bytes
        if not await self._take(share, held, request.client):
            return refusal_answer(Refusal(503, "Busy", "too many messages are being received; try again shortly"))
        try:
            request.body = await self._receive(context, request.client)
            spare = max(0, held - len(request.body))
            held -= spare
            await self._give_back(share, spare)
            if len(request.body) > self._limits.max_body_bytes:
                return refusal_answer(_too_large(self._limits.max_body_bytes))
            request.whole_s = time.monotonic()
            return await self._handled(request)
        except TimeoutError:
            return refusal_answer(Refusal(408, "Timeout", "the message did not arrive in time; send it faster"))
        finally:
            await asyncio.shield(self._give_back(share, held))

    async def _handled(self, request: Request) -> Answer:
        answered: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

        def take(answer: Answer) -> None:
            if not answered.done():
                answered.set_result(answer)

        outcome = self._handler.handle(request, take)
        if isinstance(outcome, Answer):
            return outcome
        try:
            return await asyncio.wait_for(answered, self._limits.answer_s)
        except TimeoutError:
            late = f"the answer took longer than {self._limits.answer_s:g} s; send less at once, or try again later"
            return refusal_answer(Refusal(504, "Timeout", late))
        finally:
            outcome.drop()

    async def _receive(self, context: Any, client: str) -> bytes:
        """Return the message of a call.

        Raises:
            TimeoutError: It does not come in time.
        """
        async with asyncio.timeout(self._limits.body_s) as limit:
            self._arriving[limit] = client, time.monotonic()
            try:
                message = await context.read()
            finally:
                del self._arriving[limit]
        received: bytes = b"" if message is grpc.aio.EOF else message
        return received

    async def _take(self, share: BodiesShare, size: int, client: str) -> bool:
        """Make room for `size` bytes, and wait a while for that; False if there is none."""
        give_up_s = time.monotonic() + ROOM_S
        while not share.take(size):
            if time.monotonic() > give_up_s:
                return False
            self._end_oldest(client)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_S), self._room:
                    await self._room.wait()
        return True

    def _end_oldest(self, client: str) -> None:
        """Let the message that has been arriving for longest time out, one of this client first."""
        slow = [
            (sender != client, since_s, limit)
            for limit, (sender, since_s) in self._arriving.items()
            if time.monotonic() - since_s > PATIENCE_S
        ]
        if slow:
            _, _, limit = min(slow, key=lambda each: each[:2])
            limit.reschedule(asyncio.get_running_loop().time())

    async def _give_back(self, share: BodiesShare, size: int) -> None:
        share.give_back(size)
        async with self._room:
            self._room.notify_all()


def _too_large(max_bytes: int) -> Refusal:
    return Refusal(413, "MessageTooLarge", f"the message is larger than {max_bytes} bytes; send less at once")
