"""How many images a request may bring."""

import pytest

from edgecls.image_spec import ImageSpec
from edgecls.server.inference_protocol.tensors import max_batch_size


@pytest.mark.parametrize(("side", "expected"), [(8, 64), (224, 64), (1024, 21), (4096, 1)])
def test_large_images_come_in_smaller_batches(side: int, expected: int) -> None:
    assert max_batch_size(ImageSpec(side, side)) == expected
