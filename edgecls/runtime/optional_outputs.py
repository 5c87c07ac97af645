"""Leaving outputs out of a network, so that they cost nothing where they are not needed.

onnxruntime computes every output of a network, asked for or not. What is not needed is taken out of the file's bytes
before the network is opened, as a machine that only runs models has no package for changing graphs.
"""

from edgecls import onnx_container

__all__ = ["output_widths", "without_outputs"]

_GRAPH = onnx_container.GRAPH
_NODE, _OUTPUT = 1, 12  # fields of GraphProto
_NODE_INPUT = 1  # field of NodeProto
_NAME_FIELDS = {_NODE: 2, _OUTPUT: 1}  # output of NodeProto, name of ValueInfoProto
_TO_DIMENSIONS = (2, 1, 2)  # type of ValueInfoProto, tensor_type of TypeProto, shape of its Tensor
_DIMENSION = 1  # field of TensorShapeProto
_DIMENSION_VALUE = 1  # field of its Dimension


def output_widths(onnx: bytes) -> dict[str, int | None]:
    """Return the names of a network's outputs, each with the length of its last dimension, None if it says nothing."""
    view = memoryview(onnx)
    return {
        name.decode("utf-8", "replace"): _last_dimension(graph[body:end])
        for graph in (view[body:end] for number, _, body, end in onnx_container.fields(view) if number == _GRAPH)
        for number, _, body, end in onnx_container.fields(graph)
        if number == _OUTPUT
        for name in _texts(graph[body:end], _NAME_FIELDS[_OUTPUT])
    }


def without_outputs(onnx: bytes, *names: str) -> bytes:
    """Return a network without some of its outputs and the nodes that only these need.

    Args:
        onnx: A whole ONNX file; the very same is returned if it has none of these outputs.
        names: Of outputs; what only one of them needs has a name that begins with its name, and goes with it.
    """
    present = output_widths(onnx).keys() & set(names)
    if not present:
        return onnx
    unwanted = tuple(name.encode() for name in present)
    view = memoryview(onnx)
    parts: list[bytes | memoryview] = []
    for number, start, body, end in onnx_container.fields(view):
        if number != _GRAPH:
            parts.append(view[start:end])
            continue
        kept = _kept(view[body:end], unwanted)
        parts += [onnx_container.field_header(_GRAPH, sum(map(len, kept))), *kept]
    return b"".join(parts)


def _last_dimension(output: memoryview) -> int | None:
    message = output
    for wanted in _TO_DIMENSIONS:
        message = next(
            (message[body:end] for number, _, body, end in onnx_container.fields(message) if number == wanted),
            message[:0],
        )
    dimensions = [message[body:end] for number, _, body, end in onnx_container.fields(message) if number == _DIMENSION]
    for number, _, body, _ in onnx_container.fields(dimensions[-1]) if dimensions else ():
        if number == _DIMENSION_VALUE:
            return onnx_container.read_varint(dimensions[-1], body)[0]
    return None


def _kept(graph: memoryview, names: tuple[bytes, ...]) -> list[memoryview]:
    """Return the parts of a graph between those that only some outputs need.

    Args:
        graph: A GraphProto, whose nodes stand behind those that they take something from.
        names: Of the outputs.
    """
    removed = []
    taken: set[bytes] = set()  # by nodes that are kept
    for number, start, body, end in reversed(list(onnx_container.fields(graph))):
        if number not in _NAME_FIELDS:
            continue
        message = graph[body:end]
        content = bytes(message)
        if not any(name in content for name in names):
            continue
        given = _texts(message, _NAME_FIELDS[number])
        is_needed = number == _NODE and not taken.isdisjoint(given)
        if any(name.startswith(names) for name in given) and not is_needed:
            removed.append((start, end))
        elif number == _NODE:
            taken.update(_texts(message, _NODE_INPUT))
    starts = [0, *(end for _, end in reversed(removed))]
    ends = [*(start for start, _ in reversed(removed)), len(graph)]
    return [graph[start:end] for start, end in zip(starts, ends, strict=True)]


def _texts(message: memoryview, field: int) -> list[bytes]:
    return [message[body:end].tobytes() for number, _, body, end in onnx_container.fields(message) if number == field]
