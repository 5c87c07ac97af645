"""Bodies that are the input: encoded images are told from pixels."""

import numpy as np
import pytest
from tiny_model import TINY_SPEC

from edgecls import image
from edgecls.server.inference_protocol.inference_request import read_raw_request
from edgecls.server.inference_protocol.tensors import InvalidRequestError

PNG = image.encode_png(np.zeros((5, 7, 3), np.uint8))
SIZE = 8 * 8 * 3


def test_an_encoded_image_is_one_element_of_bytes() -> None:
    tensor = read_raw_request(PNG, TINY_SPEC).input

    assert (tensor.name, tensor.datatype, tensor.shape) == ("image", "BYTES", (1,))
    assert tensor.data == len(PNG).to_bytes(4, "little") + PNG


def test_an_encoded_image_is_one_even_if_its_length_would_do_for_pixels() -> None:
    padded = PNG + bytes(-len(PNG) % SIZE)

    assert read_raw_request(padded, TINY_SPEC).input.datatype == "BYTES"


@pytest.mark.parametrize("count", [1, 3])
def test_other_bytes_are_the_pixels_of_as_many_images_as_they_make(count: int) -> None:
    request = read_raw_request(bytes(count * SIZE), TINY_SPEC)

    assert (request.input.datatype, request.input.shape) == ("UINT8", (count, 8, 8, 3))
    assert request.binary
    assert request.id


@pytest.mark.parametrize("body", [b"", b"text", bytes(SIZE + 1), PNG[:20]])
def test_what_is_neither_is_refused_with_both_ways_out(body: bytes) -> None:
    with pytest.raises(InvalidRequestError, match=rf"cannot read 'image'.*; or pixels.* multiple of {SIZE}"):
        read_raw_request(body, TINY_SPEC)
