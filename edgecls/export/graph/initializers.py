"""The constants of an ONNX graph, kept beside it as arrays while it is worked on."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from edgecls import onnx_container
from edgecls.extras import import_from_extra

__all__ = ["Arrays", "serialized_with"]

Arrays = dict[str, npt.NDArray[Any]]
"""Constants by their names in the graph."""

_INITIALIZER = 5  # field of GraphProto
_RAW_DATA = 9  # field of TensorProto


def serialized_with(model: Any, arrays: Arrays) -> bytes:
    """Return a serialised ONNX model with constants put into its graph.

    Protobuf would copy every constant three times on the way; here each is copied once, into the result.
    Fields of a message may stand in any order, so they follow what the graph has already.

    Args:
        model: An onnx.ModelProto without initialisers; left as it is.
        arrays: The constants, of which only those that the graph uses are taken.
    """
    onnx = import_from_extra("onnx", extra="train", purpose="writing ONNX")
    used = {name for node in model.graph.node for name in node.input}
    graph: list[bytes | memoryview] = [model.graph.SerializeToString()]
    for name, array in arrays.items():
        if name in used:
            graph += _initializer(onnx, name, array)
    outer = type(model)()
    outer.CopyFrom(model)
    outer.ClearField("graph")
    length = sum(len(part) for part in graph)
    return b"".join([outer.SerializeToString(), onnx_container.field_header(onnx_container.GRAPH, length), *graph])


def _initializer(onnx: Any, name: str, array: npt.NDArray[Any]) -> Iterator[bytes | memoryview]:
    # ONNX is little-endian, and ascontiguousarray would make a vector of a lone number.
    data = np.ascontiguousarray(array, array.dtype.newbyteorder("<")).reshape(array.shape)
    head = onnx.TensorProto(
        name=name, dims=array.shape, data_type=onnx.helper.np_dtype_to_tensor_dtype(array.dtype)
    ).SerializeToString()
    body_header = onnx_container.field_header(_RAW_DATA, data.nbytes)
    yield onnx_container.field_header(_INITIALIZER, len(head) + len(body_header) + data.nbytes)
    yield head
    yield body_header
    yield data.reshape(-1).view(np.uint8).data
