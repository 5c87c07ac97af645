"""Requests for inference: what they ask for, and what is refused before any work is done."""

import json
from typing import Any

import pytest

from edgecls.server.http.messages import Refusal
from edgecls.server.inference_protocol.inference_request import (
    InferenceRequest,
    InputTensor,
    WantedOutput,
    read_request,
)

INPUT = {"name": "image", "datatype": "UINT8", "shape": [1, 2], "data": [1, 2]}


def _read(document: dict[str, Any], binary: bytes = b"") -> InferenceRequest:
    head = json.dumps(document).encode()
    return read_request(head + binary, str(len(head)) if binary else None)


def test_a_request_in_json_is_read() -> None:
    request = _read({"id": "7", "inputs": [INPUT], "outputs": [{"name": "label"}]})

    assert request == InferenceRequest(
        "7", InputTensor("image", "UINT8", (1, 2), [1, 2]), (WantedOutput("label"),), binary=False
    )


def test_binary_data_follow_the_json() -> None:
    head = {"name": "image", "datatype": "UINT8", "shape": [1, 2], "parameters": {"binary_data_size": 2}}

    assert _read({"inputs": [head]}, b"\1\2").input.data == b"\1\2"


def test_a_request_without_an_id_gets_one_of_its_own() -> None:
    first, second = (_read({"inputs": [INPUT]}).id for _ in range(2))

    assert first
    assert first != second


def test_an_outputs_own_wish_for_binary_data_wins_over_that_of_the_request() -> None:
    outputs = [
        {"name": "a"},
        {"name": "b", "parameters": {"binary_data": False}},
        {"name": "c", "parameters": {"classification": 3}},
    ]

    request = _read({"parameters": {"binary_data_output": True}, "inputs": [INPUT], "outputs": outputs})

    assert request.binary
    assert request.outputs == (
        WantedOutput("a", binary=True),
        WantedOutput("b", binary=False),
        WantedOutput("c", binary=True, classes=3),
    )


def test_parameters_of_other_servers_are_passed_over() -> None:
    request = _read({"parameters": {"priority": 1}, "inputs": [{**INPUT, "parameters": {"content_type": "np"}}]})

    assert request.input.data == [1, 2]


@pytest.mark.parametrize(
    ("document", "status", "message"),
    [
        ({}, 400, "exactly one input"),
        ({"inputs": []}, 400, "exactly one input"),
        ({"inputs": [INPUT, INPUT]}, 400, "exactly one input"),
        ({"inputs": ["image"]}, 400, "exactly one input"),
        ({"inputs": INPUT}, 400, "exactly one input"),
        ({"inputs": [{**INPUT, "name": 7}]}, 400, "a name and a datatype"),
        ({"inputs": [{**INPUT, "datatype": None}]}, 400, "a name and a datatype"),
        ({"inputs": [{**INPUT, "shape": []}]}, 400, "the shape of input 'image'"),
        ({"inputs": [{**INPUT, "shape": [0, 2]}]}, 400, "the shape of input 'image'"),
        ({"inputs": [{**INPUT, "shape": [1, -1]}]}, 400, "the shape of input 'image'"),
        ({"inputs": [{**INPUT, "shape": [1.5]}]}, 400, "the shape of input 'image'"),
        ({"inputs": [{**INPUT, "shape": [True]}]}, 400, "the shape of input 'image'"),
        ({"inputs": [{**INPUT, "shape": [10**9, 10**9]}]}, 400, "the shape of input 'image'"),
        ({"inputs": [{**INPUT, "shape": [1] * 9}]}, 400, "the shape of input 'image'"),
        ({"inputs": [{**INPUT, "parameters": {"binary_data_size": 2}}]}, 400, "either data in JSON, or binary"),
        ({"inputs": [{"name": "image", "datatype": "UINT8", "shape": [1]}]}, 400, "either data in JSON, or binary"),
        ({"inputs": [{**INPUT, "parameters": []}]}, 400, "the parameters of input 'image'"),
        ({"inputs": [{**INPUT, "parameters": {"shared_memory_region": "r"}}]}, 501, "shared memory"),
        ({"inputs": [INPUT], "outputs": {}}, 400, "outputs must be a list"),
        ({"inputs": [INPUT], "outputs": [{"name": "label"}] * 17}, 400, "outputs must be a list"),
        ({"inputs": [INPUT], "outputs": ["label"]}, 400, "an object with a name"),
        ({"inputs": [INPUT], "outputs": [{"name": "a", "parameters": {"classification": 0}}]}, 400, "at least 1"),
        ({"inputs": [INPUT], "outputs": [{"name": "a", "parameters": {"classification": True}}]}, 400, "at least 1"),
        ({"inputs": [INPUT], "outputs": [{"name": "a", "parameters": {"binary_data": 1}}]}, 400, "true or false"),
        ({"inputs": [INPUT], "outputs": [{"name": "a", "parameters": {"shared_memory_region": "r"}}]}, 501, "shared"),
        ({"inputs": [INPUT], "id": 7}, 400, "the id must be a text"),
    ],
)
def test_what_does_not_follow_the_protocol_is_refused(document: dict[str, Any], status: int, message: str) -> None:
    with pytest.raises(Refusal, match=message) as caught:
        _read(document)
    assert caught.value.status == status


@pytest.mark.parametrize("size", [1, 3, None, "2", True])
def test_binary_data_of_another_length_than_announced_are_refused(size: object) -> None:
    head = {"name": "image", "datatype": "UINT8", "shape": [1, 2], "parameters": {"binary_data_size": size}}

    with pytest.raises(Refusal, match="binary_data_size"):
        _read({"inputs": [head]}, b"\1\2")


@pytest.mark.parametrize("length", ["3", "-1", "many", "", "9" * 5000, " 2"])
def test_a_length_of_the_json_that_cannot_be_is_refused(length: str) -> None:
    with pytest.raises(Refusal, match="Inference-Header-Content-Length must be a number up to the 2 bytes"):
        read_request(b"{}", length)
