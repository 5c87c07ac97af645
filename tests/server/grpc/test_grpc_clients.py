"""The published clients, each in a process of its own: their messages have the same names."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from grpc_channel import Calls  # noqa: F401  # skips where gRPC is missing
from running_server import RunningServer, running_server

TESTS = Path(__file__).parent.parent.parent

_HEAD = """
import asyncio
import queue
import sys

import numpy as np
from tiny_model import TINY_SPEC, tiny_answer

from edgecls import image

address = sys.argv[1] if len(sys.argv) > 1 else ""
PIXELS = np.random.default_rng(8).integers(0, 256, (3, *TINY_SPEC.shape_hwc), dtype=np.uint8)
RED = image.encode_jpeg(np.full((60, 90, 3), (250, 0, 0), np.uint8), quality=90)
GREEN = image.encode_png(np.full((20, 30, 3), (0, 250, 0), np.uint8))
"""

_TRITON = """
from tritonclient.grpc import InferenceServerClient, InferInput, InferRequestedOutput
from tritonclient.utils import InferenceServerException

client = InferenceServerClient(address)
assert client.is_server_live()
assert client.is_server_ready()
assert client.is_model_ready("colors")
assert not client.is_model_ready("shapes")
assert client.get_server_metadata().name == "edgecls"
assert list(client.get_model_metadata("colors").inputs[0].shape) == [-1, 8, 8, 3]
config = client.get_model_config("colors").config
assert (config.max_batch_size, config.input[0].data_type, config.input[0].format) == (64, 2, 1)
assert client.get_model_repository_index().models[0].state == "READY"

pixels = InferInput("image", list(PIXELS.shape), "UINT8")
pixels.set_data_from_numpy(PIXELS)
for packed in (None, "gzip", "deflate"):
    result = client.infer("colors", [pixels], request_id="seven", compression_algorithm=packed)
    np.testing.assert_allclose(result.as_numpy("probabilities"), tiny_answer(PIXELS), atol=1e-5)
    assert result.get_response().id == "seven"

encoded = InferInput("image", [2], "BYTES")
encoded.set_data_from_numpy(np.array([RED, GREEN], dtype=object))
assert client.infer("colors", [encoded]).as_numpy("label").ravel().tolist() == [b"red", b"green"]
best = client.infer("colors", [encoded], outputs=[InferRequestedOutput("probabilities", class_count=2)])
assert best.as_numpy("probabilities").shape == (2, 2)
assert best.as_numpy("probabilities")[1, 0].decode().split(":")[1:] == ["1", "green"]

answers = queue.Queue()
client.start_stream(lambda result, error: answers.put((result, error)))
for number in range(40):
    client.async_stream_infer("shapes" if number == 7 else "colors", [encoded], request_id=str(number))
client.async_stream_infer("colors", [encoded], request_id="last", enable_empty_final_response=True)
for number in range(40):
    result, error = answers.get(timeout=120)
    if number == 7:
        assert result is None and "shapes" in error.message(), error
    else:
        assert result.get_response().id == str(number)
        assert result.as_numpy("label").ravel().tolist() == [b"red", b"green"]
last, _ = answers.get(timeout=120)
assert last.get_response().parameters["triton_final_response"].bool_param
client.stop_stream()
assert answers.empty()

assert client.get_inference_statistics("colors").model_stats[0].inference_count == 13 + 2 * 40
for call in (lambda: client.infer("shapes", [pixels]), lambda: client.load_model("colors")):
    try:
        call()
    except InferenceServerException as error:
        assert error.status() in ("StatusCode.NOT_FOUND", "StatusCode.PERMISSION_DENIED"), error
    else:
        raise AssertionError("not refused")
"""

_KSERVE = """
from kserve import InferenceGRPCClient, InferInput, InferRequest


async def ask():
    client = InferenceGRPCClient(address)
    assert await client.is_server_live()
    assert await client.is_server_ready()
    assert await client.is_model_ready("colors")
    assert not await client.is_model_ready("shapes")
    for raw in (True, False):
        tensor = InferInput("image", list(PIXELS.shape), "UINT8")
        tensor.set_data_from_numpy(PIXELS, binary_data=raw)
        probabilities, label = (await client.infer(InferRequest("colors", [tensor]))).outputs
        np.testing.assert_allclose(probabilities.as_numpy(), tiny_answer(PIXELS), atol=1e-5)
        assert label.shape == [3, 1]
    encoded = InferInput("image", [2], "BYTES")
    encoded.set_data_from_numpy(np.array([RED, GREEN], dtype=object), binary_data=True)
    _, label = (await client.infer(InferRequest("colors", [encoded]))).outputs
    assert [getattr(text, "decode", lambda: text)() for text in label.as_numpy().ravel()] == ["red", "green"]
    await client.close()


asyncio.run(ask())
"""

# A program that serves, and has a client's messages in the default pool as well.
_BESIDE = """
from pathlib import Path
from tempfile import TemporaryDirectory

from tiny_model import tiny_model_bytes

import {client}
import edgecls


async def live(address):
    client = kserve.InferenceGRPCClient(address)
    assert await client.is_server_live()
    await client.close()


with TemporaryDirectory() as folder:
    (Path(folder) / "colors.onnx").write_bytes(tiny_model_bytes())
    server = edgecls.serve(folder, grpc_port=0)
    with server:
        address = server.grpc_address
        {ask}
"""

# Field by field: what both have must be the same; Triton has more fields, KServe fewer methods.
_DEFINITION = """
from {module} import {name} as theirs

from edgecls.server.grpc.messages import METHODS, PACKAGE, STREAM, pool

ours = pool().FindFileByName("edgecls/open_inference.proto")
KSERVE_DIFFERS = {{"RepositoryModelLoadRequest", "RepositoryModelUnloadRequest"}}


def compare(our, other):
    for name, field in our.fields_by_name.items():
        same = other.fields_by_name.get(name)
        if same is None:
            continue
        kinds = [(each.number, each.type, each.is_repeated) for each in (field, same)]
        assert kinds[0] == kinds[1], field.full_name
        if field.message_type is not None:
            assert field.message_type.full_name == same.message_type.full_name
        if field.enum_type is not None:
            numbers = {{value.name: value.number for value in same.enum_type.values}}
            assert {{value.name: value.number for value in field.enum_type.values}}.items() <= numbers.items()
    for name, nested in our.nested_types_by_name.items():
        if name in other.nested_types_by_name:
            compare(nested, other.nested_types_by_name[name])


compared = 0
for name, message in ours.message_types_by_name.items():
    found = theirs.DESCRIPTOR.message_types_by_name.get(name)
    if found is not None and not ({kserve} and name in KSERVE_DIFFERS):
        compare(message, found)
        compared += 1
assert compared >= 16, compared
service = theirs.DESCRIPTOR.services_by_name["GRPCInferenceService"]
assert service.full_name == PACKAGE + ".GRPCInferenceService"
if not {kserve}:
    files = (ours, theirs.DESCRIPTOR)
    stream, same = (file.services_by_name["GRPCInferenceService"].methods_by_name[STREAM] for file in files)
    assert (stream.client_streaming, stream.server_streaming) == (same.client_streaming, same.server_streaming)
    assert stream.input_type.full_name == same.input_type.full_name
    assert stream.output_type.full_name == same.output_type.full_name
common = [method for method in service.methods if method.name in METHODS]
assert len(common) == (8 if {kserve} else len(METHODS)), [method.name for method in common]
"""


@pytest.fixture(scope="module")
def server(tiny_model_path: Path) -> Iterator[RunningServer]:
    with running_server("--model", tiny_model_path, "--grpc-port", 0) as running:
        yield running


def _run(script: str, *arguments: str) -> None:
    environment = {**os.environ, "PYTHONPATH": str(TESTS)}
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments], capture_output=True, text=True, env=environment, timeout=600
    )
    assert done.returncode == 0, done.stderr


def _need(client: str) -> None:
    if client == "kserve" and "EDGECLS_REQUIRE_KSERVE" not in os.environ:
        pytest.importorskip("kserve", reason="needs edgecls[kserve]; CI has it")


def test_the_client_of_triton_passes(tiny_model_path: Path) -> None:
    with running_server("--model", tiny_model_path, "--grpc-port", 0) as server:
        _run(_HEAD + _TRITON, _address(server))


def test_the_client_of_kserve_passes(server: RunningServer) -> None:
    _need("kserve")
    _run(_HEAD + _KSERVE, _address(server))


def _address(server: RunningServer) -> str:
    return server.await_log("listening for gRPC on ").split()[-1]


@pytest.mark.parametrize(
    ("client", "ask"),
    [
        ("tritonclient.grpc", "assert tritonclient.grpc.InferenceServerClient(address).is_model_ready('colors')"),
        ("kserve", "asyncio.run(live(address))"),
    ],
    ids=["triton", "kserve"],
)
def test_a_program_may_serve_and_ask_with_a_client_of_the_same_messages(client: str, ask: str) -> None:
    _need(client)
    _run(_HEAD + _BESIDE.format(client=client, ask=ask))


@pytest.mark.parametrize(
    ("module", "name"),
    [("tritonclient.grpc", "service_pb2"), ("kserve.protocol.grpc", "grpc_predict_v2_pb2")],
    ids=["triton", "kserve"],
)
def test_the_messages_are_those_of_the_protocol(module: str, name: str) -> None:
    _need(module.partition(".")[0])
    _run(_DEFINITION.format(module=module, name=name, kserve=module.startswith("kserve")))


def test_several_processes_share_the_port(tiny_model_path: Path) -> None:
    arguments = ("--model", tiny_model_path, "--grpc-port", 0, "--workers", 2)
    with running_server(*arguments) as server:
        _run(_HEAD + _TRITON.replace("== 13", "<= 13"), _address(server))
        assert server.stop() == 0
