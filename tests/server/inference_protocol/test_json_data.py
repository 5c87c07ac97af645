"""Numbers and images in JSON: what was sent is what comes out, and nothing is converted unseen."""

import base64
import json
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from edgecls.server.inference_protocol.tensors import InvalidRequestError, bytes_from_json, uint8_from_json

UINT8_ARRAYS = arrays.arrays(np.uint8, arrays.array_shapes(min_dims=1, max_dims=4, max_side=4))


@given(UINT8_ARRAYS)
@settings(deadline=None)
def test_flat_and_nested_numbers_come_out_as_they_went_in(numbers: npt.NDArray[np.uint8]) -> None:
    for sent in (numbers, numbers.ravel(), numbers.astype(np.float64)):
        data = json.loads(json.dumps(sent.tolist()))

        read = uint8_from_json(data, numbers.shape, name="image")

        assert read.dtype == np.uint8
        np.testing.assert_array_equal(read, numbers)


@given(st.lists(st.binary(max_size=50), min_size=1, max_size=5))
@settings(deadline=None)
def test_bytes_in_base64_come_out_as_they_went_in(elements: list[bytes]) -> None:
    texts = [base64.b64encode(element).decode() for element in elements]

    assert bytes_from_json(texts, (len(texts),), name="image") == elements
    assert bytes_from_json([[text] for text in texts], (len(texts), 1), name="image") == elements


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([1, 2, 3], "flat list of 4 values"),
        ([[1, 2, 3, 4]], "nested like its shape"),
        ([[1, 2], [3]], "flat list of 4 values"),
        ([[1, 2], 3, 4], "flat list of 4 values"),
        ([1, [2], 3, 4], "must be numbers, it has values of type list"),
        ({"0": 1}, "must be a list, got dict"),
        ("1234", "must be a list, got str"),
        (None, "must be a list, got NoneType"),
        ([1, 2, 3, "4"], "must be numbers, it has values of type str"),
        ([1, 2, 3, True], "must be numbers, it has values of type bool"),
        ([1, 2, None, {}], "must be numbers, it has values of type NoneType, dict"),
        ([1, 2, 3, 256], "whole numbers from 0 to 255, got 256"),
        ([1, 2, 3, -1], "whole numbers from 0 to 255, got -1"),
        ([0, 0.5, 1, 1], "whole numbers from 0 to 255, got 0.5; send the pixels unscaled"),
        ([1, 2, 3, 10**400], "whole numbers from 0 to 255, got inf"),
        ([1, 2, 3, 1e400], "whole numbers from 0 to 255, got inf"),
    ],
)
def test_what_is_no_such_tensor_is_refused_by_the_name_of_its_input(data: Any, message: str) -> None:
    with pytest.raises(InvalidRequestError, match=message) as caught:
        uint8_from_json(data, (2, 2), name="image")
    assert "'image'" in str(caught.value)
    assert caught.value.status == 400


@pytest.mark.parametrize("data", [["not base64!"], [7], [None], ["é"], ["QQ=="] * 2])
def test_what_is_no_base64_is_refused(data: Any) -> None:
    with pytest.raises(InvalidRequestError, match="'image'"):
        bytes_from_json(data, (1,), name="image")
