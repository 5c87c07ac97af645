"""Operations of TensorFlow that tf2onnx has no rule for, or a wrong one, written in ONNX operators.

Each rule takes tf2onnx's graph and one of its nodes, puts other nodes in its place, and leaves the name and
shape of its output. Whether they compute the same the parity gate sees.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from edgecls.extras import import_from_extra

__all__ = ["rules"]

Rule = Callable[[Any, Any, str, Any], None]
"""Takes tf2onnx's graph, the node, its name, and arguments that are not used."""

ONNX_FLOAT, ONNX_INT32, ONNX_BOOL = 1, 6, 9  # element types of TensorProto


def rules() -> dict[str, tuple[Rule, list[str]]]:
    """Return the rules by the operations that they are for, as tf2onnx takes them."""
    found: dict[str, Rule] = {
        "Erfc": _erfc,
        "Expm1": _expm1,
        "Log1p": _log1p,
        "Bucketize": _bucketize,
        "ScaleAndTranslate": _scale_and_translate,
        "ResizeArea": _resize_area,
        "ResizeBilinear": _resize_bilinear,
        "ResizeBicubic": _resize_bicubic,
        "ResizeNearestNeighbor": _resize_nearest,
    }
    return {operation: (rule, []) for operation, rule in found.items()}


def _erfc(graph: Any, node: Any, name: str, _: Any) -> None:
    erf = graph.make_node("Erf", [node.input[0]])
    _replace(graph, node, "Sub", [_like(graph, node, 1), erf.output[0]])


def _expm1(graph: Any, node: Any, name: str, _: Any) -> None:
    exp = graph.make_node("Exp", [node.input[0]])
    _replace(graph, node, "Sub", [exp.output[0], _like(graph, node, 1)])


def _log1p(graph: Any, node: Any, name: str, _: Any) -> None:
    added = graph.make_node("Add", [node.input[0], _like(graph, node, 1)])
    _replace(graph, node, "Log", [added.output[0]])


def _bucketize(graph: Any, node: Any, name: str, _: Any) -> None:
    """Count the boundaries that a number has reached."""
    boundaries = _constant(graph, np.asarray(node.get_attr("boundaries").floats, np.float32))
    numbers = graph.make_node("Cast", [node.input[0]], {"to": ONNX_FLOAT})
    alone = graph.make_node("Unsqueeze", [numbers.output[0], _constant(graph, np.array([-1]))])
    reached = graph.make_node("GreaterOrEqual", [alone.output[0], boundaries], dtypes=[ONNX_BOOL])
    ones = graph.make_node("Cast", [reached.output[0]], {"to": ONNX_INT32})
    _replace(graph, node, "ReduceSum", [ones.output[0], _constant(graph, np.array([-1]))], {"keepdims": 0})


def _scale_and_translate(graph: Any, node: Any, name: str, _: Any) -> None:
    """Resize as TensorFlow does with antialiasing, and by Lanczos and Gauss windows."""
    tensorflow = import_from_extra("tensorflow", extra="train", purpose="converting to ONNX")
    height, width = graph.get_shape(node.input[0])[1:3]
    size = _value(node, 1, "the size")
    scale = node.inputs[2].get_tensor_value(as_list=False) if node.inputs[2].is_const() else size / (height, width)
    translation = _value(node, 3, "the translation")

    def along(axis: int, side: int) -> Any:
        return tensorflow.raw_ops.ScaleAndTranslate(
            images=_one_hot_columns(side),
            size=np.array([size[axis], 1], np.int32),
            scale=np.array([scale[axis], 1], np.float32),
            translation=np.array([translation[axis], 0], np.float32),
            kernel_type=node.get_attr_str("kernel_type"),
            antialias=bool(node.get_attr_value("antialias")),
        )

    with tensorflow.Graph().as_default(), tensorflow.compat.v1.Session() as session:
        rows, columns = session.run((along(0, height), along(1, width)))
    _resize_by_matrices(graph, node, rows, columns)


def _resize_bilinear(graph: Any, node: Any, name: str, _: Any) -> None:
    """Let tf2onnx convert a resizing, with scales that reach the size.

    It writes the scale alone, and onnxruntime rounds down: 22 pixels times 13 / 22 in float32 are 12.999999, thus 12.
    """
    from tf2onnx.onnx_opset import nn

    sides = (graph.get_shape(node.input[0]) or [-1] * 4)[1:3]
    if node.inputs[1].is_const() and min(sides) > 0:
        size = np.asarray(node.inputs[1].get_tensor_value(as_list=False), np.float64)
        for axis, side in enumerate(sides):
            target = size[axis]
            while np.floor(np.float32(size[axis] / side) * np.float32(side)) < target:
                size[axis] *= 1 + np.finfo(np.float32).eps
        graph.replace_input(node, node.input[1], _constant(graph, size), 1)
    if graph.get_dtype(node.input[0]) != ONNX_FLOAT:
        images = graph.make_node("Cast", [node.input[0]], {"to": ONNX_FLOAT})
        graph.replace_input(node, node.input[0], images.output[0], 0)
    nn.Resize.version_11(graph, node)


def _resize_nearest(graph: Any, node: Any, name: str, _: Any) -> None:
    """Take the pixels that TensorFlow takes; where it is not a whole multiple, rounding decides which they are."""
    from tf2onnx.onnx_opset import nn

    tensorflow = import_from_extra("tensorflow", extra="train", purpose="converting to ONNX")
    sides = (graph.get_shape(node.input[0]) or [-1] * 4)[1:3]
    size = node.inputs[1].get_tensor_value() if node.inputs[1].is_const() else sides
    if min(sides) <= 0 or all(after % before == 0 for before, after in zip(sides, size, strict=True)):
        nn.Resize.version_11(graph, node)
        return
    options = {option: bool(node.get_attr_value(option, False)) for option in ("align_corners", "half_pixel_centers")}
    with tensorflow.Graph().as_default(), tensorflow.compat.v1.Session() as session:
        rows, columns = session.run(
            tuple(
                tensorflow.raw_ops.ResizeNearestNeighbor(
                    images=np.arange(before).reshape(1, before, 1, 1), size=np.array([after, 1], np.int32), **options
                )
                for before, after in zip(sides, size, strict=True)
            )
        )
    taken = graph.make_node("Gather", [node.input[0], _constant(graph, rows.reshape(-1))], {"axis": 1})
    _replace(graph, node, "Gather", [taken.output[0], _constant(graph, columns.reshape(-1))], {"axis": 2})


def _resize_area(graph: Any, node: Any, name: str, _: Any) -> None:
    """Resize by averaging areas; tf2onnx takes the nearest pixel instead."""
    _resize_as_tensorflow(graph, node, "ResizeArea", ("align_corners",))


def _resize_bicubic(graph: Any, node: Any, name: str, _: Any) -> None:
    """Resize by cubic splines, which onnxruntime does not do for images with channels last."""
    _resize_as_tensorflow(graph, node, "ResizeBicubic", ("align_corners", "half_pixel_centers"))


def _resize_as_tensorflow(graph: Any, node: Any, operation: str, options: tuple[str, ...]) -> None:
    tensorflow = import_from_extra("tensorflow", extra="train", purpose="converting to ONNX")
    height, width = graph.get_shape(node.input[0])[1:3]
    size = _value(node, 1, "the size")
    chosen = {option: bool(node.get_attr_value(option, False)) for option in options}

    def along(axis: int, side: int) -> Any:
        to = np.array([size[axis], 1], np.int32)
        return getattr(tensorflow.raw_ops, operation)(images=_one_hot_columns(side), size=to, **chosen)

    with tensorflow.Graph().as_default(), tensorflow.compat.v1.Session() as session:
        rows, columns = session.run((along(0, height), along(1, width)))
    _resize_by_matrices(graph, node, rows, columns)


def _one_hot_columns(side: int) -> npt.NDArray[np.float32]:
    """Return one image, a column of `side` pixels, with a channel for each pixel in which it alone is 1."""
    return np.eye(side, dtype=np.float32).reshape(1, side, 1, side)


def _resize_by_matrices(graph: Any, node: Any, rows: npt.NDArray[np.float32], columns: npt.NDArray[np.float32]) -> None:
    """Resize images ``[N, H, W, C]``: every pixel is a weighted sum along the height, then along the width.

    Args:
        graph: tf2onnx's graph.
        node: The resizing; its output is float32.
        rows: Weights ``[1, new H, 1, H]``: what a column of pixels becomes, of which each is 1 in a channel of its own.
        columns: Weights ``[1, new W, 1, W]``.
    """
    rows, columns = rows[0, :, 0], columns[0, :, 0]
    channels = graph.get_shape(node.input[0])[3]
    height, width = rows.shape[1], columns.shape[1]
    images = graph.make_node("Cast", [node.input[0]], {"to": ONNX_FLOAT})
    flat = graph.make_node("Reshape", [images.output[0], _constant(graph, np.array([-1, height, width * channels]))])
    lower = graph.make_node("MatMul", [_constant(graph, rows), flat.output[0]])
    shape = _constant(graph, np.array([-1, len(rows), width, channels]))
    pixels = graph.make_node("Reshape", [lower.output[0], shape])
    _replace(graph, node, "MatMul", [_constant(graph, columns), pixels.output[0]])


def _replace(graph: Any, node: Any, operator: str, inputs: list[str], attributes: dict[str, Any] | None = None) -> None:
    """Put an ONNX operator where a node was, with the same output."""
    output = node.output[0]
    shapes, types = [graph.get_shape(output)], [graph.get_dtype(output)]
    graph.remove_node(node.name)
    graph.make_node(operator, inputs, attributes, outputs=[output], name=node.name, shapes=shapes, dtypes=types)


def _constant(graph: Any, values: npt.NDArray[Any]) -> str:
    from tf2onnx import utils

    return str(graph.make_const(utils.make_name("edgecls_constant"), values).output[0])


def _like(graph: Any, node: Any, number: float) -> str:
    """Return a constant of the type that a node works in."""
    from tf2onnx import utils

    return _constant(graph, np.array(number, utils.map_onnx_to_numpy_type(graph.get_dtype(node.output[0]))))


def _value(node: Any, index: int, what: str) -> npt.NDArray[Any]:
    """Return a constant input of a node.

    Raises:
        ValueError: It is computed from the images.
    """
    if not node.inputs[index].is_const():
        raise ValueError(f"{what} of {node.name!r} is computed from the images")
    return np.asarray(node.inputs[index].get_tensor_value(as_list=False))
