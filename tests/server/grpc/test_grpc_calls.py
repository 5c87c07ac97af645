"""Every method of the Open Inference Protocol over gRPC, what they refuse, and what both protocols share."""

import signal
import threading
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from familiar_model import familiar_features, familiarity_of
from grpc_channel import Calls, Gate, calls, refused
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from issued_certificate import issue
from running_server import running_server
from tiny_model import TINY_SPEC, tiny_answer, tiny_model_bytes

import edgecls
from edgecls import image
from edgecls.errors import ServerError
from edgecls.server import LocalServer

PIXELS = np.random.default_rng(8).integers(0, 256, (2, *TINY_SPEC.shape_hwc), dtype=np.uint8)
RED = image.encode_jpeg(np.full((60, 90, 3), (250, 0, 0), np.uint8), quality=90)
GREEN = image.encode_png(np.full((20, 30, 3), (0, 250, 0), np.uint8))
LIMIT_MB = 1


@pytest.fixture(scope="module")
def server(tiny_model_path: Path) -> Iterator[LocalServer]:
    local = edgecls.serve(tiny_model_path, grpc_port=0, max_upload_mb=LIMIT_MB)
    with local:
        yield local


@pytest.fixture(scope="module")
def ask(server: LocalServer) -> Iterator[Calls]:
    with calls(server.grpc_address) as opened:
        yield opened


def _length_prefixed(*elements: bytes) -> bytes:
    return b"".join(len(element).to_bytes(4, "little") + element for element in elements)


def _pixels(**more: Any) -> dict[str, Any]:
    return {"name": "image", "datatype": "UINT8", "shape": PIXELS.shape, **more}


def _images(count: int, **more: Any) -> dict[str, Any]:
    return {"name": "image", "datatype": "BYTES", "shape": [count], **more}


def _probabilities(response: Any) -> np.ndarray[Any, Any]:
    output = response.outputs[0]
    return np.frombuffer(response.raw_output_contents[0], "<f4").reshape(tuple(output.shape))


def test_a_server_describes_itself_and_its_models(ask: Calls) -> None:
    assert ask("ServerLive").live
    assert ask("ServerReady").ready
    assert ask("ModelReady", name="colors").ready
    assert ask("ModelReady", name="colors", version="1").ready
    assert not ask("ModelReady", name="colors", version="2").ready
    assert not ask("ModelReady", name="shapes").ready
    assert ask("ServerMetadata").name == "edgecls"
    metadata = ask("ModelMetadata", name="colors")
    assert [(tensor.name, tensor.datatype, list(tensor.shape)) for tensor in metadata.inputs] == [
        ("image", "UINT8", [-1, 8, 8, 3])
    ]
    config = ask("ModelConfig", name="colors").config
    assert (config.max_batch_size, list(config.input[0].dims)) == (64, [8, 8, 3])
    (entry,) = ask("RepositoryIndex").models
    assert (entry.name, entry.version, entry.state, entry.reason) == ("colors", "1", "READY", "")


@pytest.mark.parametrize("typed", [True, False], ids=["typed", "raw"])
def test_pixels_come_back_as_probabilities(ask: Calls, typed: bool) -> None:
    data = {"contents": {"uint_contents": PIXELS.ravel().tolist()}} if typed else {}
    raw = [] if typed else [PIXELS.tobytes()]

    response = ask("ModelInfer", model_name="colors", id="seven", inputs=[_pixels(**data)], raw_input_contents=raw)

    assert (response.id, response.model_name, response.model_version) == ("seven", "colors", "1")
    np.testing.assert_allclose(_probabilities(response), tiny_answer(PIXELS), atol=1e-5)
    assert [output.name for output in response.outputs] == ["probabilities", "label"]


def test_familiarity_and_features_come_to_those_who_name_them(familiar_model_path: Path) -> None:
    wanted = ["familiarity", "features", "label"]
    server = edgecls.serve(f"colors={familiar_model_path}", grpc_port=0)
    with server, calls(server.grpc_address) as ask:
        response = ask(
            "ModelInfer",
            model_name="colors",
            inputs=[_pixels()],
            raw_input_contents=[PIXELS.tobytes()],
            outputs=[{"name": name} for name in wanted],
        )
        metadata = ask("ModelMetadata", name="colors")

    assert [(output.name, list(output.shape)) for output in response.outputs] == [
        (name, [len(PIXELS), width]) for name, width in zip(wanted, (1, 3, 1), strict=True)
    ]
    familiarity, features = (np.frombuffer(raw, "<f4") for raw in response.raw_output_contents[:2])
    np.testing.assert_allclose(familiarity, familiarity_of(PIXELS), atol=1e-5)
    np.testing.assert_allclose(features, familiar_features(PIXELS).ravel(), rtol=1e-5)
    assert [(tensor.name, tensor.datatype, list(tensor.shape)) for tensor in metadata.outputs][2:] == [
        ("familiarity", "FP32", [-1, 1]),
        ("features", "FP32", [-1, 3]),
    ]


@pytest.mark.parametrize("typed", [True, False], ids=["typed", "raw"])
def test_encoded_images_come_back_as_labels(ask: Calls, typed: bool) -> None:
    tensor = _images(2, contents={"bytes_contents": [RED, GREEN]}) if typed else _images(2)
    raw = [] if typed else [_length_prefixed(RED, GREEN)]

    response = ask(
        "ModelInfer", model_name="colors", inputs=[tensor], raw_input_contents=raw, outputs=[{"name": "label"}]
    )

    assert response.raw_output_contents[0] == _length_prefixed(b"red", b"green")
    assert list(response.outputs[0].shape) == [2, 1]


def test_classification_gives_the_best_classes(ask: Calls) -> None:
    wanted = {"name": "probabilities", "parameters": {"classification": {"int64_param": 2}}}
    response = ask(
        "ModelInfer",
        model_name="colors",
        inputs=[_images(1)],
        raw_input_contents=[_length_prefixed(GREEN)],
        outputs=[wanted],
    )

    assert (response.outputs[0].datatype, list(response.outputs[0].shape)) == ("BYTES", [1, 2])
    assert b":1:green" in response.raw_output_contents[0]


_SHARED = {"shared_memory_region": {"string_param": "region"}}


@pytest.mark.parametrize(
    ("fields", "code", "text"),
    [
        ({"model_name": "shapes"}, "NOT_FOUND", "there is no model 'shapes'"),
        ({"model_version": "2"}, "NOT_FOUND", "no version '2'"),
        ({"inputs": []}, "INVALID_ARGUMENT", "exactly one input"),
        ({"inputs": [_images(1), _images(1)]}, "INVALID_ARGUMENT", "exactly one input"),
        ({"inputs": [_images(1)], "raw_input_contents": []}, "INVALID_ARGUMENT", "needs its data once"),
        (
            {"inputs": [_images(1, contents={"bytes_contents": [GREEN]})]},
            "INVALID_ARGUMENT",
            "needs its data once",
        ),
        (
            {"inputs": [_images(1, contents={"uint_contents": [1]})], "raw_input_contents": []},
            "INVALID_ARGUMENT",
            "must have its data in bytes_contents",
        ),
        (
            {"inputs": [_pixels(contents={"uint_contents": [256] * PIXELS.size})], "raw_input_contents": []},
            "INVALID_ARGUMENT",
            "from 0 to 255, got 256",
        ),
        (
            {"inputs": [_pixels(contents={"uint_contents": [1]})], "raw_input_contents": []},
            "INVALID_ARGUMENT",
            "has 1 bytes",
        ),
        ({"inputs": [{**_images(1), "datatype": "FP32"}]}, "INVALID_ARGUMENT", "takes UINT8 (pixels) or BYTES"),
        ({"inputs": [{**_images(1), "name": "photo"}]}, "INVALID_ARGUMENT", "no input 'photo'"),
        ({"inputs": [{**_images(1), "shape": [-1]}]}, "INVALID_ARGUMENT", "whole numbers of at least 1"),
        ({"inputs": [{**_images(1), "shape": []}]}, "INVALID_ARGUMENT", "whole numbers of at least 1"),
        ({"inputs": [_images(65)]}, "INVALID_ARGUMENT", "N from 1 to 64"),
        ({"raw_input_contents": [_length_prefixed(b"text")]}, "INVALID_ARGUMENT", "cannot read 'image[0]'"),
        ({"raw_input_contents": [b"\1"]}, "INVALID_ARGUMENT", "are not the 1 elements"),
        ({"outputs": [{"name": "boxes"}]}, "INVALID_ARGUMENT", "no output 'boxes'"),
        ({"outputs": [{"name": "label"}] * 17}, "INVALID_ARGUMENT", "names 17 outputs"),
        (
            {"outputs": [{"name": "probabilities", "parameters": {"classification": {"string_param": "2"}}}]},
            "INVALID_ARGUMENT",
            "classification",
        ),
        ({"inputs": [_images(1, parameters=_SHARED)]}, "UNIMPLEMENTED", "shared memory"),
        ({"outputs": [{"name": "label", "parameters": _SHARED}]}, "UNIMPLEMENTED", "shared memory"),
    ],
)
def test_a_request_that_does_not_follow_the_protocol_is_told_why(
    ask: Calls, fields: dict[str, Any], code: str, text: str
) -> None:
    usual = {"model_name": "colors", "inputs": [_images(1)], "raw_input_contents": [_length_prefixed(GREEN)]}

    with refused(grpc.StatusCode[code], text):
        ask("ModelInfer", **{**usual, **fields})


def test_what_is_no_message_and_what_is_no_method_are_refused(ask: Calls) -> None:
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "is no ModelInferRequest"):
        ask.raw("ModelInfer", b"\xff\xff\xff")
    with refused(grpc.StatusCode.UNIMPLEMENTED):
        ask.channel.unary_unary("/inference.GRPCInferenceService/TraceSetting")(b"")


@pytest.mark.parametrize("compression", [grpc.Compression.NoCompression, grpc.Compression.Gzip])
def test_a_message_above_the_limit_is_refused_packed_or_not(ask: Calls, compression: grpc.Compression) -> None:
    with refused(grpc.StatusCode.RESOURCE_EXHAUSTED):
        ask.raw("ModelInfer", bytes(LIMIT_MB * 2**20 + 1), compression=compression)

    assert ask("ServerReady").ready


def test_loading_and_unloading_is_off_unless_allowed(ask: Calls, tiny_model_path: Path) -> None:
    for method in ("RepositoryModelLoad", "RepositoryModelUnload"):
        with refused(grpc.StatusCode.PERMISSION_DENIED, "--allow-model-control"):
            ask(method, model_name="colors")

    server = edgecls.serve(tiny_model_path, grpc_port=0, allow_model_control=True)
    with server, calls(server.grpc_address) as allowed:
        assert allowed("RepositoryModelUnload", model_name="colors").isUnloaded
        assert not allowed("ModelReady", name="colors").ready
        with refused(grpc.StatusCode.UNAVAILABLE, "not loaded"):
            allowed("ModelMetadata", name="colors")
        assert [entry.state for entry in allowed("RepositoryIndex").models] == ["UNAVAILABLE"]
        assert not allowed("RepositoryIndex", ready=True).models
        loaded = allowed("RepositoryModelLoad", repository_name="colors")  # as KServe's clients send it
        assert (loaded.model_name, loaded.isLoaded) == ("colors", True)
        with refused(grpc.StatusCode.INVALID_ARGUMENT, "takes no parameters"):
            allowed("RepositoryModelLoad", model_name="colors", parameters={"config": {"string_param": "{}"}})


def test_both_protocols_count_in_the_same_numbers(tiny_model_path: Path, tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    server = edgecls.serve(tiny_model_path, grpc_port=0, access_log=log)
    with server, calls(server.grpc_address) as ask:
        fields = {"model_name": "colors", "inputs": [_images(1)]}
        ask("ModelInfer", **fields, raw_input_contents=[_length_prefixed(GREEN)])
        with refused(grpc.StatusCode.INVALID_ARGUMENT):
            ask("ModelInfer", **fields, raw_input_contents=[b""])

        (statistics,) = ask("ModelStatistics", name="colors").model_stats
        with urllib.request.urlopen(f"{server.url}/metrics") as response:
            metrics = response.read().decode()

    assert (statistics.inference_count, statistics.inference_stats.fail.count) == (1, 1)
    assert 'edgecls_requests_total{code="200",model="colors"} 1.0' in metrics
    assert 'edgecls_requests_total{code="400",model="colors"} 1.0' in metrics
    assert 'edgecls_predictions_total{label="green",model="colors"} 1.0' in metrics
    assert log.read_text().count('"path": "/inference.GRPCInferenceService/ModelInfer"') == 2


def test_health_is_told_to_those_who_ask_and_those_who_watch(tiny_model_path: Path) -> None:
    server = edgecls.serve(tiny_model_path, grpc_port=0, allow_model_control=True)
    with server, calls(server.grpc_address) as ask:
        health = health_pb2_grpc.HealthStub(ask.channel)
        watched = health.Watch(health_pb2.HealthCheckRequest(), timeout=120)
        assert next(watched).status == health_pb2.HealthCheckResponse.SERVING
        service = health_pb2.HealthCheckRequest(service="inference.GRPCInferenceService")
        assert health.Check(service, timeout=120).status == health_pb2.HealthCheckResponse.SERVING
        with refused(grpc.StatusCode.NOT_FOUND):
            health.Check(health_pb2.HealthCheckRequest(service="other"), timeout=120)

        ask("RepositoryModelUnload", model_name="colors")

        assert next(watched).status == health_pb2.HealthCheckResponse.NOT_SERVING
        assert not ask("ServerReady").ready


def _reflected(ask: Calls, key: str = "") -> list[str]:
    stub = reflection_pb2_grpc.ServerReflectionStub(ask.channel)
    request = reflection_pb2.ServerReflectionRequest(list_services="")
    metadata = [("x-api-key", key)] if key else None
    (response,) = stub.ServerReflectionInfo(iter([request]), timeout=120, metadata=metadata)
    return [service.name for service in response.list_services_response.service]


def test_reflection_lists_the_services_and_describes_them(ask: Calls) -> None:
    assert set(_reflected(ask)) == {
        "inference.GRPCInferenceService",
        "grpc.health.v1.Health",
        "grpc.reflection.v1alpha.ServerReflection",
    }
    stub = reflection_pb2_grpc.ServerReflectionStub(ask.channel)
    symbols = ["inference.GRPCInferenceService", "inference.ModelInferRequest", "grpc.health.v1.Health"]
    requests = [reflection_pb2.ServerReflectionRequest(file_containing_symbol=symbol) for symbol in symbols]
    for response in stub.ServerReflectionInfo(iter(requests), timeout=120):
        assert response.file_descriptor_response.file_descriptor_proto


def test_keys_are_asked_for_but_for_health(tiny_model_path: Path, tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.write_text("secret someone\n")
    server = edgecls.serve(tiny_model_path, grpc_port=0, api_keys=keys)
    with server, calls(server.grpc_address) as ask:
        assert ask("ServerLive").live
        assert ask("ServerReady").ready
        health = health_pb2_grpc.HealthStub(ask.channel)
        assert health.Check(health_pb2.HealthCheckRequest(), timeout=120).status == 1
        for method in ("ModelInfer", "ModelMetadata", "ServerMetadata", "RepositoryIndex"):
            with refused(grpc.StatusCode.UNAUTHENTICATED, "needs an API key"):
                ask(method)
            with refused(grpc.StatusCode.UNAUTHENTICATED):
                ask(method, key="guess")
        with refused(grpc.StatusCode.UNAUTHENTICATED):
            _reflected(ask)
        assert ask("ModelMetadata", name="colors", key="secret").name == "colors"
        assert "inference.GRPCInferenceService" in _reflected(ask, "secret")


def test_a_key_is_asked_for_before_the_message_has_come(tiny_model_path: Path, tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.write_text("secret\n")
    server = edgecls.serve(tiny_model_path, grpc_port=0, api_keys=keys)
    with server, calls(server.grpc_address) as ask:
        never = threading.Event()

        def stalled() -> Iterator[bytes]:
            never.wait()
            yield b""

        method = ask.channel.stream_unary("/inference.GRPCInferenceService/ModelInfer")
        try:
            with refused(grpc.StatusCode.UNAUTHENTICATED):
                method(stalled(), timeout=120)
        finally:
            never.set()


def test_stalled_senders_do_not_keep_others_out(tiny_model_path: Path) -> None:
    server = edgecls.serve(tiny_model_path, grpc_port=0, max_upload_mb=128)  # room for two of the largest at a time
    never = threading.Event()

    def stalled() -> Iterator[bytes]:
        never.wait()
        yield b""

    with server, calls(server.grpc_address) as ask:
        method = ask.channel.stream_unary("/inference.GRPCInferenceService/ModelInfer")
        held = [method.future(stalled(), timeout=120) for _ in range(4)]
        try:
            assert ask("ServerLive").live
            assert _infer(ask).outputs
            assert held[0].code() is grpc.StatusCode.DEADLINE_EXCEEDED
        finally:
            never.set()
        for call in held:
            call.cancel()


def test_tls_is_that_of_https_and_follows_a_new_certificate(tiny_model_path: Path, tmp_path: Path) -> None:
    first, second = issue(tmp_path), issue(tmp_path, "second")
    arguments = ("--model", tiny_model_path, "--grpc-port", 0, "--tls-cert", first.certificate, "--tls-key", first.key)
    with running_server(*arguments, tls=first.client) as server:
        address = server.await_log("listening for gRPC on ").split()[-1]
        with calls(address, grpc.ssl_channel_credentials(first.authority)) as ask:
            assert ask("ServerLive").live
        with calls(address) as plain, refused(grpc.StatusCode.UNAVAILABLE):
            plain("ServerLive", timeout_s=20)

        first.certificate.write_bytes(second.certificate.read_bytes())
        first.key.write_bytes(second.key.read_bytes())
        server.process.send_signal(signal.SIGHUP)
        server.await_log("the certificate was read again")

        with calls(address, grpc.ssl_channel_credentials(second.authority)) as ask:
            assert ask("ServerLive").live
        assert server.stop() == 0


def _infer(ask: Calls, **more: Any) -> Any:
    fields = {"model_name": "colors", "inputs": [_images(1)], "raw_input_contents": [_length_prefixed(GREEN)]}
    return ask("ModelInfer", **fields, **more)


def test_the_queue_is_bounded_and_probes_pass_it(tiny_model_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = edgecls.serve(tiny_model_path, grpc_port=0, threads=1, max_waiting=1)
    gate = Gate(monkeypatch)
    with server, calls(server.grpc_address) as ask, ThreadPoolExecutor(8) as pool:
        inside = pool.submit(_infer, ask)
        assert gate.entered.acquire(timeout=120)
        others = [pool.submit(_infer, ask) for _ in range(4)]
        failures = []
        deadline_s = time.monotonic() + 120
        while len(failures) < 3 and time.monotonic() < deadline_s:
            failures = [other.exception() for other in others if other.done()]
        assert ask("ServerLive").live
        gate.open()

        assert [failure.code() for failure in failures] == [grpc.StatusCode.RESOURCE_EXHAUSTED] * 3  # type: ignore[union-attr]
        assert ("grpc-retry-pushback-ms", "1000") in failures[0].trailing_metadata()  # type: ignore[union-attr]
        assert inside.result().outputs
        assert sum(other.exception() is None for other in others) == 1


def test_the_deadline_of_a_client_ends_its_call(tiny_model_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = edgecls.serve(tiny_model_path, grpc_port=0)
    gate = Gate(monkeypatch)
    with server, calls(server.grpc_address) as ask:
        with refused(grpc.StatusCode.DEADLINE_EXCEEDED):
            _infer(ask, timeout_s=1)
        gate.open()
        assert _infer(ask).outputs


def test_a_stop_finishes_what_is_in_flight(tiny_model_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = edgecls.serve(tiny_model_path, grpc_port=0)
    gate = Gate(monkeypatch)
    server.start()
    address = server.grpc_address
    with calls(address) as ask, ThreadPoolExecutor(2) as pool:
        answer = pool.submit(_infer, ask)
        assert gate.entered.acquire(timeout=120)
        stopped = pool.submit(server.stop)
        with calls(address) as late:
            while True:
                try:
                    late("ServerLive", timeout_s=20)
                except grpc.RpcError as error:
                    assert error.code() is grpc.StatusCode.UNAVAILABLE  # noqa: PT017
                    break
        gate.open()

        assert answer.result().outputs
        stopped.result()


def test_a_server_starts_again_after_it_was_stopped(tiny_model_path: Path) -> None:
    server = edgecls.serve(tiny_model_path, grpc_port=0)
    for _ in range(3):
        with server, calls(server.grpc_address) as ask:
            assert _infer(ask).outputs


def test_a_port_that_is_taken_is_refused(server: LocalServer, tiny_model_path: Path) -> None:
    port = int(server.grpc_address.rpartition(":")[2])

    with pytest.raises(ServerError, match="choose another --grpc-port"):
        edgecls.serve(tiny_model_path, grpc_port=port).start()


def test_models_are_called_as_they_are_named(tmp_path: Path) -> None:
    (tmp_path / "version-7.onnx").write_bytes(tiny_model_bytes())
    server = edgecls.serve(f"flowers={tmp_path}", grpc_port=0)
    with server, calls(server.grpc_address) as ask:
        assert ask("ModelMetadata", name="flowers").name == "flowers"
        assert not ask("ModelReady", name="version-7").ready


def test_every_call_to_a_server_that_stops_is_answered_or_may_be_sent_elsewhere(tiny_model_path: Path) -> None:
    codes: list[grpc.StatusCode] = []
    outstanding = 10
    is_over = threading.Event()

    def keep_calling(answered: threading.Semaphore) -> None:
        """Have so many calls on the way at all times, over one connection."""
        room = threading.Semaphore(outstanding)
        with calls(address) as own:
            method = own.method("ModelInfer")
            message = own.message("ModelInfer", model_name="colors", inputs=[_pixels()])
            message.raw_input_contents.append(PIXELS.tobytes())
            data = message.SerializeToString()

            def note(call: Any) -> None:
                codes.append(call.code())
                answered.release()
                room.release()

            while not is_over.is_set():
                room.acquire()
                method.future(data, timeout=120, wait_for_ready=False).add_done_callback(note)
            for _ in range(outstanding):
                room.acquire()

    with running_server("--model", tiny_model_path, "--grpc-port", 0, "--max-waiting", 1000) as server:
        address = server.await_log("listening for gRPC on ").split()[-1]
        answered = [threading.Semaphore(0) for _ in range(8)]
        clients = [threading.Thread(target=keep_calling, args=(one,)) for one in answered]
        for client in clients:
            client.start()
        for one in answered:
            for _ in range(5 * outstanding):
                one.acquire()
        server.process.send_signal(signal.SIGTERM)
        code = server.process.wait(120)
        is_over.set()
        for client in clients:
            client.join()

    assert code == 0
    assert set(codes) == {grpc.StatusCode.OK, grpc.StatusCode.UNAVAILABLE}
    assert codes.count(grpc.StatusCode.OK) > 8 * outstanding
