"""Where in the image the cells of a class activation look, read from the network's own convolutions.

A cell's middle is that of what it can see of the image. It is not where an even division of the image would have it:
every stride of 2 moves it by half a pixel of its map, one way or the other, as the padding is. In five of them
that adds up to half a cell, 16 pixels of 224. No package for ONNX graphs is needed: the few messages that matter are
read from the file's bytes.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from edgecls import onnx_container
from edgecls.modelfile import ACTIVATION_NAME, INPUT_NAME

__all__ = ["CellAxis", "cell_axes"]

_NODE, _INITIALIZER = 1, 5  # fields of GraphProto
_INPUT, _OUTPUT, _OP_TYPE, _ATTRIBUTE = 1, 2, 4, 5  # of NodeProto
_ATTRIBUTE_NAME, _ATTRIBUTE_INT, _ATTRIBUTE_TEXT, _ATTRIBUTE_INTS = 1, 3, 4, 8  # of AttributeProto
_DIMS, _INT64_DATA, _TENSOR_NAME, _RAW_DATA = 1, 7, 8, 9  # of TensorProto

_WINDOWS = {"Conv", "MaxPool", "AveragePool", "LpPool"}
_POOLED = {"GlobalAveragePool", "GlobalMaxPool", "ReduceMean", "ReduceMax", "ReduceSum", "Shape"}
"""What comes out has no places any more; multiplied with a map again, it changes nothing about the places."""

_PLACE_BY_PLACE = {
    *("Abs", "Add", "BatchNormalization", "Cast", "Celu", "Clip", "Concat", "DequantizeLinear", "Div", "Elu", "Erf"),
    *("Exp", "Gelu", "HardSigmoid", "HardSwish", "Identity", "InstanceNormalization", "LRN", "LayerNormalization"),
    *("LeakyRelu", "Max", "Min", "Mul", "Neg", "PRelu", "Pow", "QuantizeLinear", "Reciprocal", "Relu", "Selu"),
    *("Sigmoid", "Softplus", "Softsign", "Sqrt", "Sub", "Sum", "Tanh", "Dropout", "MatMul", "Einsum", "Gather"),
}
_LONGEST_CONSTANT = 64  # bytes of a tensor that may hold paddings


@dataclass(frozen=True)
class CellAxis:
    """The middles of the cells along one side, in pixels of the network's input, whose first pixel reaches from 0 to 1.

    Attributes:
        first: Middle of the first cell.
        step: From one middle to the next.
        cells: Number of cells.
        reach: Pixels that a cell sees.
    """

    first: float
    step: float
    cells: int
    reach: float = 1.0


@dataclass(frozen=True)
class _Map:
    """A tensor that has places: what its cells see, and which of its axes are height and width."""

    sides: tuple[CellAxis, CellAxis]
    axes: tuple[int, int] = (1, 2)


@dataclass
class _Node:
    kind: str = ""
    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    numbers: dict[str, list[int]] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)


class _UnknownError(Exception):
    """The network has something of which it is not known here what it does to places."""


def cell_axes(onnx: bytes, *, height: int, width: int) -> tuple[CellAxis, CellAxis] | None:
    """Return where the rows and the columns of the output "class_activation" look.

    Args:
        onnx: A whole ONNX file.
        height: Of its input "image", in pixels.
        width: Likewise.

    Raises:
        DamagedContainerError: The file is damaged within.

    Returns:
        None if the network has no such output or does something with its maps that is not known here; and if its cells
        see more than the whole image. Which part of it they go by is then left to training, and on photos of flowers
        an even division came closer to what occlusion finds (a MobileNetV2: correlation 0.755, by the middles 0.734).
    """
    view = memoryview(onnx)
    nodes: list[_Node] = []
    constants: dict[str, memoryview] = {}
    for number, _, start, stop in onnx_container.fields(view):
        if number != onnx_container.GRAPH:
            continue
        graph = view[start:stop]
        for inner, _, body, end in onnx_container.fields(graph):
            if inner == _NODE:
                nodes.append(_read_node(graph[body:end]))
            elif inner == _INITIALIZER:
                constants[_tensor_name(graph[body:end])] = graph[body:end]
    sides = (CellAxis(0.5, 1.0, height), CellAxis(0.5, 1.0, width))
    maps: dict[str, _Map | None] = {INPUT_NAME: _Map(sides)}  # None: it is not known what its cells see
    for node in nodes:
        seen = [maps[name] for name in node.inputs if name in maps]
        if not seen or node.kind in _POOLED:
            continue
        try:
            found = _followed(node, seen, constants)
        except (_UnknownError, ArithmeticError, LookupError, ValueError):  # the others of attributes that make no sense
            found = None
        maps.update(dict.fromkeys(node.outputs, found))
    last = maps.get(ACTIVATION_NAME)
    if last is None or any(side.reach > length for side, length in zip(last.sides, (height, width), strict=True)):
        return None
    return last.sides


def _followed(node: _Node, seen: "list[_Map | None]", constants: dict[str, memoryview]) -> _Map:
    """Return what the cells of a node's output see."""
    known = [one for one in seen if one is not None]
    if len(known) < len(seen):
        raise _UnknownError
    widest = max(known, key=lambda one: one.sides[0].reach)  # of branches, what sees most says where it looks
    if node.kind in _WINDOWS:
        return _windowed(node, widest, constants)
    if node.kind == "Pad":
        before, after = _paddings(node, constants)
        sides = [
            replace(side, first=side.first - side.step * before[axis], cells=side.cells + before[axis] + after[axis])
            for side, axis in zip(widest.sides, widest.axes, strict=True)
        ]
        return _Map((sides[0], sides[1]), widest.axes)
    if node.kind == "Transpose":
        order = node.numbers.get("perm", [3, 2, 1, 0])
        return _Map(widest.sides, (order.index(widest.axes[0]), order.index(widest.axes[1])))
    if node.kind in _PLACE_BY_PLACE and (node.kind != "MatMul" or widest.axes == (1, 2)):
        return widest
    raise _UnknownError


def _windowed(node: _Node, before: _Map, constants: dict[str, memoryview]) -> _Map:
    """Return what the cells see after a convolution or a pooling, which take channels first."""
    if before.axes != (2, 3):
        raise _UnknownError
    kernel = node.numbers.get("kernel_shape")
    if kernel is None and len(node.inputs) > 1 and node.inputs[1] in constants:
        kernel = _integers(constants[node.inputs[1]], _DIMS)[2:]
    if kernel is None or len(kernel) != 2:
        raise _UnknownError
    steps, spread = node.numbers.get("strides", [1, 1]), node.numbers.get("dilations", [1, 1])
    given = node.numbers.get("pads", [0, 0, 0, 0])
    automatic = node.texts.get("auto_pad", "NOTSET")
    sides = []
    for index, side in enumerate(before.sides):
        window = (kernel[index] - 1) * spread[index] + 1
        step = steps[index]
        start, end = given[index], given[index + 2]
        if automatic.startswith("SAME"):
            whole = max(0, (-(-side.cells // step) - 1) * step + window - side.cells)
            start = whole // 2 if automatic == "SAME_UPPER" else whole - whole // 2
            end = whole - start
        elif automatic == "VALID":
            start = end = 0
        free = side.cells + start + end - window
        cells = (-(-free // step) if any(node.numbers.get("ceil_mode", [])) else free // step) + 1
        first = side.first + side.step * ((window - 1) / 2 - start)
        sides.append(CellAxis(first, side.step * step, cells, side.reach + side.step * (window - 1)))
    return _Map((sides[0], sides[1]), before.axes)


def _paddings(node: _Node, constants: dict[str, memoryview]) -> tuple[list[int], list[int]]:
    pads = node.numbers.get("pads")
    if pads is None and len(node.inputs) > 1 and node.inputs[1] in constants:
        tensor = constants[node.inputs[1]]
        raw = b"".join(bytes(tensor[body:end]) for n, _, body, end in onnx_container.fields(tensor) if n == _RAW_DATA)
        if len(raw) > _LONGEST_CONSTANT or len(raw) % 8:
            raise _UnknownError
        pads = np.frombuffer(raw, "<i8").tolist() if raw else _integers(tensor, _INT64_DATA)
    if pads is None or len(pads) != 8:
        raise _UnknownError
    return pads[:4], pads[4:]


def _read_node(message: memoryview) -> _Node:
    node = _Node()
    for number, _, body, end in onnx_container.fields(message):
        if number in (_INPUT, _OUTPUT):
            (node.inputs if number == _INPUT else node.outputs).append(_text(message[body:end]))
        elif number == _OP_TYPE:
            node.kind = _text(message[body:end])
        elif number == _ATTRIBUTE:
            attribute = message[body:end]
            parts = {part: attribute[start:stop] for part, _, start, stop in onnx_container.fields(attribute)}
            name = _text(parts.get(_ATTRIBUTE_NAME, memoryview(b"")))
            node.texts[name] = _text(parts.get(_ATTRIBUTE_TEXT, memoryview(b"")))
            numbers = _integers(attribute, _ATTRIBUTE_INTS) or _integers(attribute, _ATTRIBUTE_INT)
            if numbers:
                node.numbers[name] = numbers
    return node


def _tensor_name(message: memoryview) -> str:
    names = [message[body:end] for number, _, body, end in onnx_container.fields(message) if number == _TENSOR_NAME]
    return _text(names[0]) if names else ""


def _text(message: memoryview) -> str:
    return str(message, "utf-8", "replace")


def _integers(message: memoryview, field_number: int) -> list[int]:
    """Return the whole numbers of a field, packed or one by one."""
    found: list[int] = []
    for number, start, body, end in onnx_container.fields(message):
        if number == field_number:
            packed = message[start] & 7 == 2  # wire type: bytes
            found += _varints(message[body:end] if packed else message[start + 1 : end])
    return found


def _varints(message: memoryview) -> Iterator[int]:
    value, shift = 0, 0
    for byte in message:
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            yield value - (1 << 64) if value >= 1 << 63 else value
            value, shift = 0, 0
