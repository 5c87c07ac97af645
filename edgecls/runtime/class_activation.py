"""Leaving the class activation out of a network, so that it costs nothing where it is not needed.

onnxruntime computes every output of a network, asked for or not. It is taken out of the file's bytes before
the network is opened, as a machine that only runs models has no package for changing graphs.
"""

from edgecls import onnx_container
from edgecls.modelfile import ACTIVATION_NAME

__all__ = ["without_class_activation"]

_NODE, _OUTPUT = 1, 12  # fields of GraphProto
_NAME_FIELDS = {_NODE: 2, _OUTPUT: 1}  # output of NodeProto, name of ValueInfoProto
_NAME = ACTIVATION_NAME.encode()


def without_class_activation(onnx: bytes) -> bytes:
    """Return a network without its output "class_activation" and the nodes that only this output needs.

    Args:
        onnx: A whole ONNX file; the very same is returned if it has no such output.
    """
    view = memoryview(onnx)
    for number, start, body, end in onnx_container.fields(view):
        kept = _kept(view[body:end]) if number == onnx_container.GRAPH else None
        if kept is not None:
            header = onnx_container.field_header(onnx_container.GRAPH, sum(map(len, kept)))
            return b"".join([view[:start], header, *kept, view[end:]])
    return onnx


def _kept(graph: memoryview) -> list[memoryview] | None:
    """Return the parts of a graph between those that make up the class activation; None if it has none."""
    removed = [
        (number, start, end)
        for number, start, body, end in onnx_container.fields(graph)
        if number in _NAME_FIELDS and _is_part(graph[body:end], _NAME_FIELDS[number])
    ]
    if not any(number == _OUTPUT for number, _, _ in removed):
        return None
    starts = [0, *(end for _, _, end in removed)]
    ends = [*(start for _, start, _ in removed), len(graph)]
    return [graph[start:end] for start, end in zip(starts, ends, strict=True)]


def _is_part(message: memoryview, name_field: int) -> bool:
    if _NAME not in bytes(message):
        return False
    return any(
        number == name_field and message[body:end].tobytes().startswith(_NAME)
        for number, _, body, end in onnx_container.fields(message)
    )
