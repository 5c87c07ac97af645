"""The published clients of the Open Inference Protocol against a real server process."""

import asyncio
import gzip
import json
import os
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
from running_server import RunningServer, running_server
from tiny_model import TINY_SPEC, tiny_answer
from tritonclient.http import InferenceServerClient, InferInput, InferRequestedOutput
from tritonclient.utils import InferenceServerException

from edgecls import image

PIXELS = np.random.default_rng(8).integers(0, 256, (64, *TINY_SPEC.shape_hwc), dtype=np.uint8)
RED = image.encode_jpeg(np.full((60, 90, 3), (250, 0, 0), np.uint8), quality=90)
GREEN = image.encode_png(np.full((20, 30, 3), (0, 250, 0), np.uint8))


@pytest.fixture(scope="module")
def server(tiny_model_path: Path) -> Iterator[RunningServer]:
    with running_server("--model", tiny_model_path, "--max-upload-mb", "1") as running:
        yield running


@pytest.fixture(scope="module")
def triton(server: RunningServer) -> Iterator[InferenceServerClient]:
    with InferenceServerClient(urlsplit(server.url).netloc) as client:
        yield client


def _pixels(*, binary: bool = True) -> InferInput:
    tensor = InferInput("image", list(PIXELS.shape), "UINT8")
    tensor.set_data_from_numpy(PIXELS, binary_data=binary)
    return tensor


def _encoded(*images: bytes) -> InferInput:
    tensor = InferInput("image", [len(images)], "BYTES")
    tensor.set_data_from_numpy(np.array(images, dtype=object))
    return tensor


def test_the_client_of_triton_finds_the_server_and_its_model(triton: InferenceServerClient) -> None:
    assert triton.is_server_live()
    assert triton.is_server_ready()
    assert triton.is_model_ready("colors")
    assert triton.is_model_ready("colors", "1")
    assert not triton.is_model_ready("shapes")
    assert not triton.is_model_ready("colors", "2")
    assert {"binary_tensor_data", "classification"} <= set(triton.get_server_metadata()["extensions"])
    assert triton.get_model_metadata("colors")["inputs"] == [
        {"name": "image", "datatype": "UINT8", "shape": [-1, 8, 8, 3]}
    ]
    config = triton.get_model_config("colors", "1")
    assert config["max_batch_size"] == 64
    assert config["input"][0]["dims"] == [8, 8, 3]
    index = triton.get_model_repository_index()
    assert index == [{"name": "colors", "version": "1", "state": "READY", "reason": ""}]


@pytest.mark.parametrize("binary_input", [True, False], ids=["binary-in", "json-in"])
@pytest.mark.parametrize("binary_output", [True, False], ids=["binary-out", "json-out"])
@pytest.mark.parametrize("packed", [None, "gzip", "deflate"])
def test_pixels_come_back_as_probabilities(
    triton: InferenceServerClient, binary_input: bool, binary_output: bool, packed: str | None
) -> None:
    result = triton.infer(
        "colors",
        [_pixels(binary=binary_input)],
        request_id="seven",
        outputs=[InferRequestedOutput("probabilities", binary_data=binary_output)],
        request_compression_algorithm=packed,
        response_compression_algorithm=packed,
    )

    np.testing.assert_allclose(result.as_numpy("probabilities"), tiny_answer(PIXELS), atol=1e-5)
    assert result.get_response()["id"] == "seven"
    assert result.as_numpy("label") is None


def test_encoded_images_come_back_as_labels(triton: InferenceServerClient) -> None:
    result = triton.infer("colors", [_encoded(RED, GREEN, RED)])

    assert result.as_numpy("label").ravel().tolist() == [b"red", b"green", b"red"]


def test_classification_gives_classes(triton: InferenceServerClient) -> None:
    result = triton.infer("colors", [_encoded(GREEN)], outputs=[InferRequestedOutput("probabilities", class_count=2)])

    ((first, second),) = result.as_numpy("probabilities")
    assert first.decode().split(":")[1:] == ["1", "green"]
    assert float(first.decode().split(":")[0]) > float(second.decode().split(":")[0])


@pytest.mark.parametrize(
    ("model", "tensor", "status", "message"),
    [
        ("shapes", _pixels(), "404", "there is no model 'shapes'"),
        ("colors", _encoded(b"text"), "400", "cannot read 'image[0]'"),
        ("colors", _encoded(*[RED] * 65), "400", "N from 1 to 64"),
    ],
)
def test_the_client_of_triton_is_told_what_is_wrong(
    triton: InferenceServerClient, model: str, tensor: InferInput, status: str, message: str
) -> None:
    with pytest.raises(InferenceServerException) as caught:
        triton.infer(model, [tensor])
    assert caught.value.status() == status
    assert message in caught.value.message()


def test_statistics_count_what_was_done(tiny_model_path: Path) -> None:
    with running_server("--model", tiny_model_path) as server:
        client = InferenceServerClient(urlsplit(server.url).netloc)
        for _ in range(3):
            client.infer("colors", [_pixels()])
        with pytest.raises(InferenceServerException):
            client.infer("colors", [_encoded(b"text")])

        (statistics,) = client.get_inference_statistics("colors")["model_stats"]

        assert client.get_inference_statistics()["model_stats"] == [statistics]
        assert (statistics["inference_count"], statistics["execution_count"]) == (3 * 64, 3)
        durations = statistics["inference_stats"]
        assert {name: durations[name]["count"] for name in ("success", "fail", "queue")} == {
            "success": 3,
            "fail": 1,
            "queue": 3,
        }
        parts = ("queue", "compute_input", "compute_infer", "compute_output")
        assert all(durations[part]["ns"] > 0 for part in parts)
        assert durations["success"]["ns"] == sum(durations[part]["ns"] for part in parts)
        assert [batch["batch_size"] for batch in statistics["batch_stats"]] == [64]


def test_models_are_unloaded_and_loaded_only_where_that_is_allowed(
    triton: InferenceServerClient, tiny_model_path: Path
) -> None:
    for refused in (triton.load_model, triton.unload_model):
        with pytest.raises(InferenceServerException, match="--allow-model-control"):
            refused("colors")
    assert triton.is_model_ready("colors")

    with running_server("--model", tiny_model_path, "--allow-model-control") as server:
        client = InferenceServerClient(urlsplit(server.url).netloc)
        client.unload_model("colors")
        assert not client.is_model_ready("colors")
        assert client.is_server_live()
        with pytest.raises(InferenceServerException, match="not loaded"):
            client.infer("colors", [_pixels()])
        assert client.get_model_repository_index()[0]["state"] == "UNAVAILABLE"
        client.load_model("colors")
        assert client.infer("colors", [_pixels()]).as_numpy("probabilities").shape == (64, 3)
        with pytest.raises(InferenceServerException, match="takes no parameters"):
            client.load_model("colors", config='{"backend": "python"}')
        with pytest.raises(InferenceServerException, match="there is no model"):
            client.load_model("shapes")


def _request(server: RunningServer, path: str, body: bytes, **headers: str) -> tuple[int, dict[str, str], bytes]:
    connection = HTTPConnection(urlsplit(server.url).netloc, timeout=120)
    connection.request("POST", path, body, {name.replace("_", "-"): value for name, value in headers.items()})
    response = connection.getresponse()
    answer = response.status, dict(response.getheaders()), response.read()
    connection.close()
    return answer


def test_an_image_alone_is_a_whole_request(server: RunningServer) -> None:
    status, headers, body = _request(
        server, "/v2/models/colors/versions/1/infer", GREEN, Inference_Header_Content_Length="0"
    )

    assert (status, headers["Content-Type"]) == (200, "application/octet-stream")
    length = int(headers["Inference-Header-Content-Length"])
    probabilities, label = json.loads(body[:length])["outputs"]
    assert len(body) == length + sum(output["parameters"]["binary_data_size"] for output in (probabilities, label))
    assert body.endswith(b"\5\0\0\0green")


def test_an_answer_is_packed_for_those_who_accept_that(server: RunningServer) -> None:
    document = {"inputs": [{"name": "image", "datatype": "UINT8", "shape": PIXELS.shape, "data": PIXELS.tolist()}]}
    body = json.dumps({**document, "id": "seven"}).encode()

    plain, packed = (
        _request(server, "/v2/models/colors/infer", body, Accept_Encoding=accepted) for accepted in ("identity", "gzip")
    )

    assert "Content-Encoding" not in plain[1]
    assert (packed[1]["Content-Encoding"], packed[1]["Vary"]) == ("gzip", "Accept-Encoding")
    assert len(packed[2]) < len(plain[2])
    assert gzip.decompress(packed[2]) == plain[2]


def test_a_body_that_unpacks_beyond_the_limit_is_refused(server: RunningServer) -> None:
    status, headers, body = _request(
        server, "/v2/models/colors/infer", gzip.compress(bytes(50 * 2**20)), Content_Encoding="gzip"
    )

    assert (status, headers["Content-Type"]) == (413, "application/json")
    assert json.loads(body) == {"error": "the body is larger than 1 MiB when unpacked; send less at once"}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v2/models/shapes", 404),
        ("GET", "/v2/models/colors/versions/7", 404),
        ("GET", "/v2/nothing", 404),
        ("GET", "/v2/models/colors/infer", 405),
        ("POST", "/v2", 405),
        ("POST", "/v2/models/colors/infer", 400),
    ],
)
def test_every_failure_has_the_shape_of_the_protocol(
    server: RunningServer, method: str, path: str, status: int
) -> None:
    answered, document = server.request(method, path)

    assert answered == status
    assert set(document) == {"error"}
    assert isinstance(document["error"], str)


def test_the_client_of_kserve_passes(server: RunningServer) -> None:
    if "EDGECLS_REQUIRE_KSERVE" not in os.environ:
        pytest.importorskip("kserve", reason="needs edgecls[kserve]; CI has it")
    import kserve

    async def ask() -> dict[str, Any]:
        client = kserve.InferenceRESTClient(kserve.RESTConfig(protocol="v2", timeout=120))
        answers: dict[str, Any] = {
            "live": await client.is_server_live(server.url),
            "ready": await client.is_server_ready(server.url),
            "model": await client.is_model_ready(server.url, "colors"),
            "other": await client.is_model_ready(server.url, "shapes"),
        }
        for name, shape, datatype, data, binary in (
            ("json", PIXELS.shape, "UINT8", PIXELS, False),
            ("binary", PIXELS.shape, "UINT8", PIXELS, True),
            ("encoded", (2,), "BYTES", np.array([RED, GREEN], dtype=object), True),
            ("wrong", (1,), "BYTES", np.array([b"text"], dtype=object), True),
        ):
            tensor = kserve.InferInput("image", list(shape), datatype)
            tensor.set_data_from_numpy(data, binary_data=binary)
            wanted = kserve.InferRequest("colors", [tensor], parameters={"binary_data_output": binary})
            try:
                answers[name] = await client.infer(server.url, wanted, model_name="colors")
            except Exception as error:  # noqa: BLE001  # the class is one of httpx, which only kserve brings
                answers[name] = str(error)
        await client.close()
        return answers

    answers = asyncio.run(ask())

    assert [answers[name] for name in ("live", "ready", "model", "other")] == [True, True, True, False]
    for name in ("json", "binary"):
        probabilities, label = answers[name].outputs
        np.testing.assert_allclose(probabilities.as_numpy(), tiny_answer(PIXELS), atol=1e-5)
        assert label.shape == [64, 1]
    assert answers["encoded"].outputs[1].as_numpy().ravel().tolist() == ["red", "green"]
    assert "cannot read 'image[0]'" in answers["wrong"]
