"""The gRPC server: it runs in the event loop of the HTTP server, beside that."""

import asyncio
import contextlib
import functools
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import grpc
from grpc_health.v1 import health_pb2_grpc
from grpc_health.v1.health_pb2 import HealthCheckResponse
from grpc_reflection.v1alpha import reflection, reflection_pb2_grpc

from edgecls.errors import ServerError
from edgecls.server.grpc.calls import Calls, call_request, status_of
from edgecls.server.grpc.connections import end_connections, has_connections
from edgecls.server.grpc.messages import METHODS, SERVICE, STREAM, pool
from edgecls.server.grpc.service import stream_refusal
from edgecls.server.http.limits import HttpLimits
from edgecls.server.http.messages import Handler
from edgecls.server.http.tls import Certificate
from edgecls.server.middleware.api_keys import ApiKeys

__all__ = ["GrpcServer"]

GRACE_S = 0.5  # when stopping, for calls that are on their way through the network
HEALTH_INTERVAL_S = 0.25  # between two looks at whether the server is ready, for those who watch
_HEALTH_OF = ("", SERVICE)  # "" for the server as a whole
_SERVICES = (SERVICE, "grpc.health.v1.Health", reflection.SERVICE_NAME)


class GrpcServer:
    """A gRPC server; `start` and `stop` are awaited in one event loop, which answers calls in between.

    Args:
        handler: Answers the methods of the Open Inference Protocol.
        address: Host and port to listen on; port 0 for any that is free.
        limits: Bounds. Bodies are messages here.
        is_ready: Whether the server can serve, for the health service.
        keys: What all but health needs one of; None for none.
        certificate: For TLS; None for plain connections.
        shared: Whether other processes listen on the same port.

    Attributes:
        port: Where it listens, once it was started.
    """

    def __init__(
        self,
        handler: Handler,
        address: tuple[str, int],
        *,
        limits: HttpLimits,
        is_ready: Callable[[], bool],
        keys: ApiKeys | None = None,
        certificate: Certificate | None = None,
        shared: bool = False,
    ) -> None:
        self._host, self.port = address
        self._limits = limits
        self._keys = keys
        self._certificate = certificate
        self._shared = shared
        self._health = _Health(is_ready)
        self._calls = Calls(handler, limits)
        self._server: Any = None

    @property
    def address(self) -> str:
        """Host and port, as clients of gRPC take them."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"{host}:{self.port}"

    async def start(self) -> None:
        """Listen, and answer calls.

        Raises:
            ServerError: The address cannot be listened on.
        """
        largest = self._limits.max_body_bytes
        self._server = grpc.aio.server(
            interceptors=() if self._keys is None else (_KeyCheck(self._keys),),
            options=(
                ("grpc.max_receive_message_length", largest),
                ("grpc.max_send_message_length", -1),
                ("grpc.max_metadata_size", self._limits.max_head_bytes),
                ("grpc.so_reuseport", int(self._shared)),
                ("grpc.max_connection_idle_ms", int(1000 * self._limits.idle_s) * 5),
                ("grpc.keepalive_time_ms", int(1000 * self._limits.idle_s)),
            ),
            maximum_concurrent_rpcs=self._limits.max_connections,
        )
        calls = self._calls
        handlers = {name: grpc.stream_unary_rpc_method_handler(_method(calls, name)) for name in METHODS}
        handlers[STREAM] = grpc.stream_stream_rpc_method_handler(_stream(calls))
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        reflection_pb2_grpc.add_ServerReflectionServicer_to_server(
            reflection.aio.ReflectionServicer(_SERVICES, pool=pool()), self._server
        )
        self._listen()
        await self._server.start()

    async def stop(self, grace_s: float) -> None:
        """Finish the calls in flight, and those that arrive within a moment; refuse all others with UNAVAILABLE.

        gRPC would end calls with CANCELLED that come while it stops, and that it has not handed on yet. Clients do not
        try these again. So it stops when nobody is connected any more.

        Args:
            grace_s: How long calls in flight may take.
        """
        give_up_s = time.monotonic() + grace_s
        self._health.stop()
        self._calls.stop()
        if has_connections(self.port):
            await asyncio.sleep(min(GRACE_S, grace_s))
        await self._calls.close(give_up_s - time.monotonic())
        await end_connections(self.port)
        await self._server.stop(max(0.0, give_up_s - time.monotonic()))
        self._server = None  # as above
        await asyncio.sleep(0)

    def _listen(self) -> None:
        address = self.address
        try:
            if self._certificate is None:
                bound = self._server.add_insecure_port(address)
            else:
                bound = self._server.add_secure_port(address, _credentials(self._certificate))
        except RuntimeError:
            bound = 0
        if not bound:
            self._server = None  # which has its end in this event loop; later there is none
            raise ServerError(
                f"cannot listen on {address} for gRPC; choose another --grpc-port, or stop what uses this one"
            )
        self.port = bound


class _Health(health_pb2_grpc.HealthServicer):  # type: ignore[misc]  # published without types
    """The health service. What it says is looked up when it is asked; the package's own keeps what it was told last.

    Args:
        is_ready: Whether the server can serve.
    """

    def __init__(self, is_ready: Callable[[], bool]) -> None:
        self._is_ready = is_ready
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """End the calls of those who watch."""
        self._stopping.set()

    async def Check(self, request: Any, context: Any) -> Any:  # noqa: N802  # so gRPC calls it
        """Tell whether the server is ready."""
        if request.service not in _HEALTH_OF:
            await context.abort(grpc.StatusCode.NOT_FOUND, f"there is no service {request.service[:100]!r}")
        return HealthCheckResponse(status=self._status(request.service))

    async def Watch(self, request: Any, context: Any) -> AsyncIterator[Any]:  # noqa: N802
        """Tell that, and again whenever it has changed."""
        told = None
        while True:
            status = self._status(request.service)
            if status != told:
                yield HealthCheckResponse(status=status)
                told = status
            if self._stopping.is_set():
                return
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), HEALTH_INTERVAL_S)

    def _status(self, service: str) -> Any:
        if service not in _HEALTH_OF:
            return HealthCheckResponse.SERVICE_UNKNOWN
        ready = self._is_ready() and not self._stopping.is_set()
        return HealthCheckResponse.SERVING if ready else HealthCheckResponse.NOT_SERVING


def _method(calls: Calls, name: str) -> Callable[[AsyncIterator[bytes], Any], Coroutine[Any, Any, bytes]]:
    """Return what answers a method. It takes a stream, of one message, so that keys are checked before that comes."""

    async def method(messages: AsyncIterator[bytes], context: Any) -> bytes:
        return await calls.answer(f"/{SERVICE}/{name}", context)

    return method


def _stream(calls: Calls) -> Callable[[AsyncIterator[bytes], Any], AsyncIterator[bytes]]:
    async def method(messages: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
        async with contextlib.aclosing(calls.stream(f"/{SERVICE}/{STREAM}", context, stream_refusal)) as answers:
            async for answer in answers:
                yield answer

    return method


def _credentials(certificate: Certificate) -> grpc.ServerCredentials:
    """Return credentials that follow the certificate when it is read again."""

    def configuration() -> grpc.ServerCertificateConfiguration:
        return grpc.ssl_server_certificate_configuration([certificate.pem])

    return grpc.dynamic_ssl_server_credentials(configuration(), configuration)


class _KeyCheck(grpc.aio.ServerInterceptor):  # type: ignore[misc]  # published without types
    """Asks for a key where no handler of ours does: for reflection.

    Args:
        keys: Which of them a call needs one of.
    """

    def __init__(self, keys: ApiKeys) -> None:
        self._keys = keys

    async def intercept_service(self, continuation: Callable[..., Any], details: Any) -> Any:
        """Return what handles a call."""
        handler = await continuation(details)
        if handler is None or not details.method.startswith(f"/{reflection.SERVICE_NAME}/"):
            return handler
        return grpc.stream_stream_rpc_method_handler(
            functools.partial(self._checked, handler, details.method),
            handler.request_deserializer,
            handler.response_serializer,
        )

    async def _checked(self, handler: Any, path: str, messages: Any, context: Any) -> AsyncIterator[Any]:
        refusal = self._keys.check(call_request(path, context))
        if refusal is not None:
            await context.abort(status_of(refusal), str(refusal))
        async for response in handler.stream_stream(messages, context):
            yield response
