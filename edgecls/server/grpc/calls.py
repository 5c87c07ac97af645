"""A call: its message is received within bounds, answered by a handler, and the answer given its gRPC status."""

import asyncio
import contextlib
import functools
import time
from collections.abc import AsyncGenerator, Callable
from typing import Any
from urllib.parse import unquote

import grpc

from edgecls.server.http.limits import BodiesBudget, BodiesShare, HttpLimits, plain_address
from edgecls.server.http.messages import Answer, Handler, Refusal, Request, refusal_answer

__all__ = ["Calls", "call_request", "status_of"]

ROOM_S = 10.0  # how long a call waits for room for its message
LOOK_S = 0.25  # between two looks while it waits
PATIENCE_S = 2.0  # so long a message may take to arrive while others wait for its room
MAX_IN_FLIGHT = 16  # messages of one stream that are worked on; those after them wait with the client
MAX_DETAILS = 1000  # characters; what is longer would not fit into the header fields that clients take

_STATUS = {
    400: grpc.StatusCode.INVALID_ARGUMENT,
    401: grpc.StatusCode.UNAUTHENTICATED,
    403: grpc.StatusCode.PERMISSION_DENIED,
    404: grpc.StatusCode.NOT_FOUND,
    408: grpc.StatusCode.DEADLINE_EXCEEDED,
    409: grpc.StatusCode.FAILED_PRECONDITION,
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
    may have stalled. A stream keeps that room while it is open, as its next message may come at any time.

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
        self._streams: set[asyncio.Timeout] = set()  # those of `_arriving` that wait for the next message of a stream
        self._stopping = False

    def stop(self) -> None:
        """End streams after what they have in flight; all other calls end by themselves."""
        self._stopping = True
        for limit in self._streams:
            limit.reschedule(asyncio.get_running_loop().time())

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
        if answer.refusal is None:
            context.set_trailing_metadata(_metadata(answer))
            return answer.body
        await _abort(context, answer.refusal, answer)
        return b""  # abort raises

    async def stream(
        self, path: str, context: Any, refused: Callable[[bytes, Refusal], bytes]
    ) -> AsyncGenerator[bytes]:
        """Yield the messages that answer those of a stream, in their order, or end the call with a status.

        A message that is refused is answered by one that says so, and the stream goes on, as Triton does it; with the
        metadata "triton_grpc_error: true" it ends with the status.

        Args:
            path: Of its method.
            context: Of the call.
            refused: Returns the answer for a refusal, from the message that was refused.
        """
        self._in_flight += 1
        context.add_done_callback(self._sent)
        opening = call_request(path, context)
        refusal = _stopping() if self._stopping else self._handler.check(opening)
        share = self._budget.share_of(opening.client)
        held = self._limits.max_body_bytes
        if refusal is None and not await self._take(share, held, opening.client):
            refusal = _busy()
        if refusal is not None:
            self._handler.answered(opening, refusal_answer(refusal))
            await _abort(context, refusal)
        ends_at_errors = dict(context.invocation_metadata() or ()).get("triton_grpc_error") == "true"
        answers: asyncio.Queue[asyncio.Task[tuple[bytes, Answer]] | Refusal | None] = asyncio.Queue()
        places = asyncio.Semaphore(MAX_IN_FLIGHT)
        reading = asyncio.create_task(self._read_stream(path, context, share, answers, places))
        answering: asyncio.Task[tuple[bytes, Answer]] | Refusal | None = None
        try:
            while isinstance(answering := await answers.get(), asyncio.Task):
                message, answer = await answering
                if answer.refusal is None:
                    yield answer.body
                elif ends_at_errors:
                    await _abort(context, answer.refusal, answer)
                else:
                    yield refused(message, answer.refusal)
                places.release()
        finally:
            reading.cancel()
            for task in (answering, *(answers.get_nowait() for _ in range(answers.qsize()))):
                if isinstance(task, asyncio.Task):
                    task.cancel()
            await asyncio.shield(self._give_back(share, held))  # before the client hears of the end, which may take
        if isinstance(answering, Refusal):
            await _abort(context, answering)

    async def _read_stream(
        self, path: str, context: Any, share: BodiesShare, answers: "asyncio.Queue[Any]", places: asyncio.Semaphore
    ) -> None:
        """Queue an answer for each message of a stream, and at its end None, or the refusal that it ends with."""
        client = call_request(path, context).client
        end: Refusal | None = None
        await places.acquire()
        try:
            while (message := await self._receive(context, client, is_stream=True)) is not None:
                request = call_request(path, context)
                request.body, request.whole_s = message, time.monotonic()
                more = len(message) if share.take(len(message)) else 0
                answering = asyncio.create_task(self._answer_in_stream(request))
                answering.add_done_callback(functools.partial(_give_back_now, share, more))
                answers.put_nowait(answering)
                if message and not more:  # it stays in the room that is kept for the next one
                    await asyncio.wait([answering])
                del message, request, answering
                await places.acquire()
        except TimeoutError:
            end = _stopping() if self._stopping else _gave_way()
        answers.put_nowait(end)

    async def _answer_in_stream(self, request: Request) -> tuple[bytes, Answer]:
        """Return a message, as far as it is needed any more, and the answer to it."""
        refusal = self._handler.check(request)
        answer = await self._handled(request) if refusal is None else refusal_answer(refusal)
        self._handler.answered(request, answer)
        return (request.body if answer.refusal else b""), answer

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
            return refusal_answer(_busy())
        try:
            request.body = await self._receive(context, request.client) or b""
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

    async def _receive(self, context: Any, client: str, *, is_stream: bool = False) -> bytes | None:
        """Return the next message of a call, or None if there is none.

        Args:
            context: Of the call.
            client: Whose call it is.
            is_stream: Whether it may come at any time; it has to come soon otherwise.

        Raises:
            TimeoutError: It does not come in time, or has to give way.
        """
        if is_stream and self._stopping:
            raise TimeoutError
        async with asyncio.timeout(None if is_stream else self._limits.body_s) as limit:
            self._arriving[limit] = client, time.monotonic()
            if is_stream:
                self._streams.add(limit)
            try:
                message = await context.read()
            finally:
                del self._arriving[limit]
                self._streams.discard(limit)
        received: bytes | None = None if message is grpc.aio.EOF else message
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


def _give_back_now(share: BodiesShare, size: int, answering: "asyncio.Task[Any]") -> None:
    """Give back what was held for a message; those who wait for room look again by themselves."""
    share.give_back(size)


def _busy() -> Refusal:
    return Refusal(503, "Busy", "too many messages are being received; try again shortly")


def _gave_way() -> Refusal:
    text = "others needed the memory that the stream kept for its next message; open it again when there is one"
    return Refusal(503, "Busy", text)


def _stopping() -> Refusal:
    return Refusal(503, "Stopping", "the server stops; open the stream again")


def _metadata(answer: Answer) -> tuple[tuple[str, str], ...]:
    return tuple((name.lower(), value) for name, value in answer.headers if name == "X-Request-Id")


async def _abort(context: Any, refusal: Refusal, answer: Answer | None = None) -> None:
    """End a call with the status of a refusal."""
    metadata = _metadata(answer) if answer else ()
    retry_s = refusal.headers.get("Retry-After")
    if retry_s is not None:
        metadata += (("grpc-retry-pushback-ms", str(1000 * int(retry_s))),)
    await context.abort(status_of(refusal), str(refusal)[:MAX_DETAILS], metadata)
