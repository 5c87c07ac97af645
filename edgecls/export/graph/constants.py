"""The constants of an ONNX graph: found, taken out as arrays while the graph is worked on, and put back."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from edgecls import onnx_container
from edgecls.export.graph.onnx_package import load_onnx_package
from edgecls.export.graph.surgery import count_uses

__all__ = ["Arrays", "constant_tensors", "serialized_with", "take_constants"]

Arrays = dict[str, npt.NDArray[Any]]
"""Constants by their names in the graph."""

_INITIALIZER = 5  # field of GraphProto
_RAW_DATA = 9  # field of TensorProto


def constant_tensors(graph: Any) -> dict[str, Any]:
    """Return the constants of an onnx.GraphProto as onnx.TensorProto by name: initializers and Constant nodes."""
    tensors = {tensor.name: tensor for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant" and node.attribute[0].name == "value":
            tensors[node.output[0]] = node.attribute[0].t
    return tensors


def take_constants(graph: Any) -> Arrays:
    """Take the constants out of an onnx.GraphProto, and out of its inputs, where old files list them."""
    to_array = load_onnx_package().numpy_helper.to_array
    arrays: Arrays = {name: to_array(tensor) for name, tensor in constant_tensors(graph).items()}
    del graph.initializer[:]
    for node in [node for node in graph.node if node.op_type == "Constant" and node.output[0] in arrays]:
        graph.node.remove(node)
    for value in [value for value in graph.input if value.name in arrays]:
        graph.input.remove(value)
    return arrays


def serialized_with(model: Any, arrays: Arrays) -> bytes:
    """Return a serialised ONNX model with constants put into its graph.

    Protobuf would copy every constant three times on the way; here each is copied once, into the result.
    Fields of a message may stand in any order, so they follow what the graph has already.

    Args:
        model: An onnx.ModelProto without initializers; it is not changed.
        arrays: The constants; those that the graph does not use are left out.
    """
    onnx = load_onnx_package()
    used = count_uses(model.graph)
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
    # ONNX is little-endian; ascontiguousarray would turn a scalar into a vector.
    data = np.ascontiguousarray(array, array.dtype.newbyteorder("<")).reshape(array.shape)
    head = onnx.TensorProto(
        name=name, dims=array.shape, data_type=onnx.helper.np_dtype_to_tensor_dtype(array.dtype)
    ).SerializeToString()
    body_header = onnx_container.field_header(_RAW_DATA, data.nbytes)
    yield onnx_container.field_header(_INITIALIZER, len(head) + len(body_header) + data.nbytes)
    yield head
    yield body_header
    yield data.reshape(-1).view(np.uint8).data
