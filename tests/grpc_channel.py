"""Calls over gRPC with edgecls' own messages, which clash with nobody's."""

import contextlib
import os
import threading
from collections.abc import Iterator
from typing import Any

import pytest

if "EDGECLS_REQUIRE_GRPC" not in os.environ:
    for module in ("grpc", "grpc_health", "grpc_reflection"):
        pytest.importorskip(module, reason="needs edgecls[grpc]; CI has it")

import grpc

from edgecls.server.grpc.messages import SERVICE, message_class
from edgecls.server.models.served_model import ServedModel

__all__ = ["Calls", "Gate", "calls", "refused"]

TIMEOUT_S = 120


class Calls:
    """The methods of the service, by name: ``calls("ModelInfer", model_name="colors", ...)``."""

    def __init__(self, channel: grpc.Channel) -> None:
        self.channel = channel

    def __call__(self, method: str, /, *, key: str = "", timeout_s: float = TIMEOUT_S, **fields: Any) -> Any:
        return self.raw(method, self.message(method, **fields).SerializeToString(), key=key, timeout_s=timeout_s)

    def message(self, method: str, **fields: Any) -> Any:
        return message_class(f"{method}Request")(**fields)

    def raw(self, method: str, data: bytes, *, key: str = "", timeout_s: float = TIMEOUT_S, **options: Any) -> Any:
        """Send these bytes as the message of a call."""
        return self.method(method)(
            data, timeout=timeout_s, metadata=[("authorization", f"Bearer {key}")] if key else None, **options
        )

    def method(self, method: str) -> Any:
        return self.channel.unary_unary(
            f"/{SERVICE}/{method}", response_deserializer=message_class(f"{method}Response").FromString
        )


@contextlib.contextmanager
def calls(address: str, credentials: grpc.ChannelCredentials | None = None) -> Iterator[Calls]:
    """Give the methods of the service at an address."""
    options = [("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", 0)]
    channel = (
        grpc.insecure_channel(address, options)
        if credentials is None
        else grpc.secure_channel(address, credentials, options)
    )
    with channel:
        yield Calls(channel)


@contextlib.contextmanager
def refused(code: grpc.StatusCode, text: str = "") -> Iterator[pytest.ExceptionInfo[grpc.RpcError]]:
    """Expect that a call ends with a status, and a text in its details."""
    with pytest.raises(grpc.RpcError) as caught:
        yield caught
    assert caught.value.code() is code, caught.value
    assert text in caught.value.details()


class Gate:
    """Holds the network of a server, so that what comes meanwhile waits."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.entered, self._open = threading.Semaphore(0), threading.Event()
        real = ServedModel.run_all

        def held(model: ServedModel, batch: Any, *, features: bool) -> Any:
            self.entered.release()
            self._open.wait(TIMEOUT_S)
            return real(model, batch, features=features)

        monkeypatch.setattr(ServedModel, "run_all", held)

    def open(self) -> None:
        self._open.set()
