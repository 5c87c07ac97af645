"""ModelStreamInfer: answers in order, refusals that do not end the stream, and the bounds of all other calls."""

import json
import queue
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from grpc_channel import Calls, Gate, calls, refused
from tiny_model import TINY_SPEC, tiny_answer

import edgecls
from edgecls.server import LocalServer
from edgecls.server.grpc import calls as grpc_calls
from edgecls.server.grpc.messages import SERVICE, STREAM, message_class

PATIENCE_S = 120
PIXELS = np.random.default_rng(8).integers(0, 256, (40, *TINY_SPEC.shape_hwc), dtype=np.uint8)


@pytest.fixture
def server(tiny_model_path: Path) -> Iterator[LocalServer]:
    local = edgecls.serve(tiny_model_path, grpc_port=0)
    with local:
        yield local


def _request(number: int, **more: Any) -> bytes:
    fields = {
        "model_name": "colors",
        "id": str(number),
        "inputs": [{"name": "image", "datatype": "UINT8", "shape": [1, *TINY_SPEC.shape_hwc]}],
        "raw_input_contents": [PIXELS[number].tobytes()],
        **more,
    }
    message: bytes = message_class("ModelInferRequest")(**fields).SerializeToString()
    return message


class _Stream:
    """A stream whose messages are sent one by one."""

    def __init__(self, ask: Calls, **metadata: str) -> None:
        method = ask.channel.stream_stream(
            f"/{SERVICE}/{STREAM}", response_deserializer=message_class(f"{STREAM}Response").FromString
        )
        self._messages: queue.Queue[bytes | None] = queue.Queue()
        self.taken = 0
        self.answers = method(self._iterate(), timeout=PATIENCE_S, metadata=list(metadata.items()))

    def _iterate(self) -> Iterator[bytes]:
        while (message := self._messages.get()) is not None:
            self.taken += 1
            yield message

    def send(self, *messages: bytes) -> None:
        for message in messages:
            self._messages.put(message)

    def end(self) -> None:
        self._messages.put(None)


def _probabilities(answer: Any) -> np.ndarray[Any, Any]:
    return np.frombuffer(answer.infer_response.raw_output_contents[0], "<f4")


def test_answers_come_in_the_order_of_the_messages_with_their_ids(server: LocalServer) -> None:
    with calls(server.grpc_address) as ask:
        stream = _Stream(ask)
        stream.send(*map(_request, range(len(PIXELS))))
        stream.end()
        answers = list(stream.answers)

    assert [answer.infer_response.id for answer in answers] == [str(number) for number in range(len(PIXELS))]
    assert not any(answer.error_message for answer in answers)
    np.testing.assert_allclose([_probabilities(answer) for answer in answers], tiny_answer(PIXELS), atol=1e-5)


def test_an_answer_comes_while_the_stream_stays_open(server: LocalServer) -> None:
    with calls(server.grpc_address) as ask:
        stream = _Stream(ask)
        for number in range(3):
            stream.send(_request(number))
            assert next(stream.answers).infer_response.id == str(number)
        stream.end()
        assert list(stream.answers) == []


@pytest.mark.parametrize(
    ("wrong", "text", "identifier"),
    [
        (_request(1, model_name="shapes"), "shapes", "1"),
        (_request(1, raw_input_contents=[b"short"]), "image", "1"),
        (_request(1, model_version="2"), "has no version", "1"),
        (b"\xff\xff\xff", "is no ModelInferRequest", ""),
    ],
    ids=["model", "data", "version", "message"],
)
def test_a_refusal_is_an_answer_and_the_stream_goes_on(
    server: LocalServer, wrong: bytes, text: str, identifier: str
) -> None:
    with calls(server.grpc_address) as ask:
        stream = _Stream(ask)
        stream.send(_request(0), wrong, _request(2))
        stream.end()
        first, second, third = stream.answers

    assert text in second.error_message
    assert second.infer_response.id == identifier
    assert not second.infer_response.outputs
    assert [first.infer_response.id, third.infer_response.id] == ["0", "2"]


def test_a_client_may_have_errors_end_the_stream(server: LocalServer) -> None:
    with calls(server.grpc_address) as ask:
        stream = _Stream(ask, triton_grpc_error="true")
        stream.send(_request(0), _request(1, model_name="shapes"), _request(2))

        assert next(stream.answers).infer_response.id == "0"
        with refused(grpc.StatusCode.NOT_FOUND, "shapes"):
            next(stream.answers)
        stream.end()


def test_a_stream_needs_a_key_before_its_first_message(tiny_model_path: Path, tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.write_text("secret\n")
    server = edgecls.serve(tiny_model_path, grpc_port=0, api_keys=keys)
    with server, calls(server.grpc_address) as ask:
        without = _Stream(ask)
        with refused(grpc.StatusCode.UNAUTHENTICATED, "needs an API key"):
            next(without.answers)
        without.end()
        stream = _Stream(ask, **{"x-api-key": "secret"})
        stream.send(_request(0))
        assert next(stream.answers).infer_response.id == "0"
        stream.end()


def test_every_message_is_counted_and_logged(tiny_model_path: Path, tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    server = edgecls.serve(tiny_model_path, grpc_port=0, access_log=log)
    with server, calls(server.grpc_address) as ask:
        stream = _Stream(ask)
        stream.send(_request(0), _request(1, model_name="shapes"), _request(2))
        stream.end()
        assert len(list(stream.answers)) == 3
        (statistics,) = ask("ModelStatistics", name="colors").model_stats
        assert statistics.inference_count == 2

    lines = [json.loads(line) for line in log.read_text().splitlines()]
    streamed = [line for line in lines if line["path"].endswith(STREAM)]
    assert sorted(line["status"] for line in streamed) == [200, 200, 404]


def test_the_queue_refuses_messages_and_not_the_stream(tiny_model_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    turned_away = threading.Semaphore(0)
    handled = grpc_calls.Calls._handled

    async def noted(self: Any, request: Any) -> Any:
        answer = await handled(self, request)
        if answer.refusal is not None:
            turned_away.release()
        return answer

    monkeypatch.setattr(grpc_calls.Calls, "_handled", noted)
    gate = Gate(monkeypatch)
    server = edgecls.serve(tiny_model_path, grpc_port=0, threads=1, max_waiting=1)
    with server, calls(server.grpc_address) as ask:
        stream = _Stream(ask)
        stream.send(_request(0))
        assert gate.entered.acquire(timeout=PATIENCE_S)
        stream.send(_request(1), _request(2), _request(3))
        assert all(turned_away.acquire(timeout=PATIENCE_S) for _ in range(2))
        gate.open()
        answers = [next(stream.answers) for _ in range(4)]
        stream.send(_request(5))
        last = next(stream.answers)
        stream.end()

    assert [answer.infer_response.id for answer in answers] == ["0", "1", "2", "3"]
    busy = ["too many requests are waiting" in answer.error_message for answer in answers]
    assert busy == [False, False, True, True]
    assert last.infer_response.id == "5"


def test_messages_in_flight_are_bounded(server: LocalServer, monkeypatch: pytest.MonkeyPatch) -> None:
    read = 0
    handled = grpc_calls.Calls._handled

    async def counted(self: Any, request: Any) -> Any:
        nonlocal read
        read += request.path.endswith(STREAM)
        return await handled(self, request)

    monkeypatch.setattr(grpc_calls.Calls, "_handled", counted)
    gate = Gate(monkeypatch)
    with calls(server.grpc_address) as ask:
        stream = _Stream(ask)
        stream.send(*(_request(number % len(PIXELS)) for number in range(200)))
        assert gate.entered.acquire(timeout=PATIENCE_S)
        assert ask("ServerLive").live  # the loop has had its turn
        most = read
        gate.open()
        stream.end()
        count = sum(1 for _ in stream.answers)

    assert most <= grpc_calls.MAX_IN_FLIGHT
    assert count == read == 200


def test_a_stop_answers_what_is_in_flight_and_ends_the_stream(
    tiny_model_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(monkeypatch)
    server = edgecls.serve(tiny_model_path, grpc_port=0)
    server.start()
    with calls(server.grpc_address) as ask, ThreadPoolExecutor(1) as pool:
        idle, busy = _Stream(ask), _Stream(ask)
        busy.send(_request(0))
        assert gate.entered.acquire(timeout=PATIENCE_S)
        stopped = pool.submit(server.stop)
        with refused(grpc.StatusCode.UNAVAILABLE, "the server stops"):
            next(idle.answers)
        gate.open()
        assert next(busy.answers).infer_response.id == "0"
        with refused(grpc.StatusCode.UNAVAILABLE, "the server stops"):
            next(busy.answers)
        stopped.result()
        idle.end()
        busy.end()


def test_an_idle_stream_gives_way_where_others_need_its_memory(tiny_model_path: Path) -> None:
    server = edgecls.serve(tiny_model_path, grpc_port=0, max_upload_mb=128)
    with server, calls(server.grpc_address) as ask:
        streams = [_Stream(ask), _Stream(ask)]  # as much as one client may hold
        for stream in streams:
            stream.send(_request(0))
            next(stream.answers)
        assert ask("ServerLive").live
        with refused(grpc.StatusCode.RESOURCE_EXHAUSTED, "open it again"):
            next(streams[0].answers)
        streams[1].send(_request(1))
        assert next(streams[1].answers).infer_response.id == "1"
        for stream in streams:
            stream.end()


def test_a_client_that_leaves_takes_its_messages_out_of_the_queue(
    server: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(monkeypatch)
    with calls(server.grpc_address) as ask:
        stream = _Stream(ask)
        stream.send(*map(_request, range(8)))
        assert gate.entered.acquire(timeout=PATIENCE_S)
        stream.answers.cancel()
        stream.end()
        assert ask("ServerLive").live  # which came after the end of the stream
        gate.open()
        other = _Stream(ask)
        other.send(_request(9))
        assert next(other.answers).infer_response.id == "9"
        other.end()
        (statistics,) = ask("ModelStatistics", name="colors").model_stats

    assert statistics.inference_count < 9
