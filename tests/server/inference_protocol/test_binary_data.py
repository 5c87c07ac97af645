"""Tensors as bytes: what was sent is what comes out, and lengths have to add up."""

import contextlib
import struct

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from tritonclient.utils import deserialize_bytes_tensor, serialize_byte_tensor

from edgecls.server.inference_protocol.tensors import (
    InvalidRequestError,
    bytes_from_binary,
    bytes_to_binary,
    float32_to_binary,
    uint8_from_binary,
)


@given(arrays.arrays(np.uint8, arrays.array_shapes(max_dims=4, max_side=4)))
@settings(deadline=None)
def test_numbers_come_out_as_they_went_in(numbers: npt.NDArray[np.uint8]) -> None:
    np.testing.assert_array_equal(uint8_from_binary(numbers.tobytes(), numbers.shape, name="image"), numbers)


@given(st.lists(st.binary(max_size=50), min_size=1, max_size=5))
@settings(deadline=None)
def test_elements_are_read_as_the_client_of_triton_writes_them(elements: list[bytes]) -> None:
    sent = serialize_byte_tensor(np.array(elements, dtype=object)).item()

    assert bytes_from_binary(sent, (len(elements), 1), name="image") == elements


@given(st.lists(st.text("abc é猫🐱", max_size=10), min_size=1, max_size=5))
@settings(deadline=None)
def test_texts_are_written_as_the_client_of_triton_reads_them(texts: list[str]) -> None:
    received = deserialize_bytes_tensor(bytes_to_binary(texts))

    assert [element.decode() for element in received] == texts


def test_numbers_are_little_endian_whatever_the_machine_has() -> None:
    assert float32_to_binary(np.array([[1.0, -2.5]], ">f4")) == struct.pack("<2f", 1.0, -2.5)


@pytest.mark.parametrize("length", [0, 3, 5])
def test_bytes_that_do_not_fit_the_shape_are_refused(length: int) -> None:
    with pytest.raises(InvalidRequestError, match=rf"'image' has {length} bytes, its shape \[2, 2\] needs 4"):
        uint8_from_binary(bytes(length), (2, 2), name="image")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\2\0",
        b"\5\0\0\0abc",
        b"\xff\xff\xff\xffabc",
        b"\3\0\0\0abc",
        b"\1\0\0\0a\1\0\0\0b\1\0\0\0c",
        b"\1\0\0\0a\1\0\0\0b!",
    ],
    ids=["empty", "half-a-length", "cut-short", "endless", "too-few", "too-many", "something-behind"],
)
def test_elements_whose_lengths_do_not_add_up_are_refused(data: bytes) -> None:
    with pytest.raises(InvalidRequestError, match="not the 2 elements of its shape"):
        bytes_from_binary(data, (2,), name="image")


@given(st.binary(max_size=60), st.integers(1, 5))
@settings(deadline=None)
def test_any_bytes_are_elements_or_refused(data: bytes, count: int) -> None:
    with contextlib.suppress(InvalidRequestError):
        elements = bytes_from_binary(data, (count,), name="image")
        assert b"".join(struct.pack("<I", len(element)) + element for element in elements) == data
        assert len(elements) == count
