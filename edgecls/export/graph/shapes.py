"""Shape inference at two batch sizes, which shows the batch axis of every tensor, and folding of computed shapes."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from edgecls.export.graph.constants import constant_tensors
from edgecls.export.graph.onnx_package import load_onnx_package

__all__ = ["SMALL", "InferredShapes", "Shape", "fold_shape_constants", "infer_shapes"]

Shape = tuple[int | None, ...]
"""Dimensions; None where inference does not know."""

FACTOR = 7  # of the second batch size; a prime that no tensor grows by for another reason
SMALL = 1024  # elements; nothing larger is a shape

SHAPE_ARITHMETIC = {
    *("Add", "Cast", "Concat", "ConstantOfShape", "Div", "Equal", "Gather", "Identity", "Mod", "Mul", "Range"),
    *("ReduceProd", "Reshape", "Slice", "Squeeze", "Sub", "Unsqueeze", "Where"),
}


@dataclass(frozen=True)
class InferredShapes:
    """Shapes of tensors by name; a tensor whose rank is not known is missing.

    Attributes:
        once: At the batch size that the network was made for.
        more: At FACTOR times it.
    """

    once: Mapping[str, Shape]
    more: Mapping[str, Shape]

    def known(self, name: str) -> tuple[int, ...] | None:
        """Return the shape of a tensor at the original batch size if all of it is known."""
        shape = self.once.get(name, (None,))
        numbers = tuple(size for size in shape if size is not None)
        return numbers if len(numbers) == len(shape) else None

    def batch_axis(self, name: str) -> int | None:
        """Return the one axis of a tensor that grows with the batch, or None."""
        once, more = self.known(name), self.more.get(name, ())
        if once is None or len(once) != len(more):
            return None
        growing = [axis for axis, (before, after) in enumerate(zip(once, more, strict=True)) if before != after]
        return growing[0] if len(growing) == 1 else None

    def breaks(self, name: str) -> bool:
        """True if a tensor that has a shape at the original batch size has none at the other."""
        return self.known(name) is not None and None in self.more.get(name, (None,))


def infer_shapes(proto: Any, input_name: str, *, batch: int, sizes: tuple[int, int, int]) -> InferredShapes:
    """Infer the shapes of all tensors of an onnx.ModelProto.

    Args:
        proto: The network.
        input_name: Of its only input.
        batch: The batch size that it was made for.
        sizes: The other three dimensions of its input.
    """
    return InferredShapes(*(_shapes_at(proto, input_name, (count, *sizes)) for count in (batch, FACTOR * batch)))


def _shapes_at(proto: Any, input_name: str, shape: tuple[int, ...]) -> dict[str, Shape]:
    package = load_onnx_package()
    bare = package.ModelProto(ir_version=proto.ir_version, opset_import=proto.opset_import, functions=proto.functions)
    bare.graph.name = "shapes"
    bare.graph.node.extend(proto.graph.node)
    make = package.helper.make_tensor_value_info
    for value in proto.graph.input:
        if value.name == input_name:
            bare.graph.input.append(make(input_name, value.type.tensor_type.elem_type, shape))
    for weight in proto.graph.initializer:
        if prod(weight.dims) <= SMALL:
            bare.graph.initializer.append(weight)
        else:  # no shape is computed from it: its own shape will do, and copying stays cheap
            bare.graph.input.append(make(weight.name, weight.data_type, weight.dims))
    bare.graph.output.extend(proto.graph.output)
    inferred = package.shape_inference.infer_shapes(bare, data_prop=True).graph
    shapes: dict[str, Shape] = {
        value.name: tuple(
            dim.dim_value if dim.WhichOneof("value") == "dim_value" else None
            for dim in value.type.tensor_type.shape.dim
        )
        for value in (*inferred.value_info, *inferred.input, *inferred.output)
        if value.type.tensor_type.HasField("shape")
    }
    return shapes | {weight.name: tuple(weight.dims) for weight in inferred.initializer}


def fold_shape_constants(proto: Any) -> None:
    """Replace the nodes of an onnx.ModelProto that compute small integers from constants by their results."""
    package = load_onnx_package()
    to_array, from_array = package.numpy_helper.to_array, package.numpy_helper.from_array
    known: dict[str, npt.NDArray[np.generic]] = {
        name: to_array(tensor) for name, tensor in constant_tensors(proto.graph).items() if prod(tensor.dims) <= SMALL
    }
    for node in proto.graph.node:
        if _is_arithmetic(node) and all(name in known for name in node.input if name):
            results = _computed(package, proto, node, known)
            if results is not None:
                known[node.output[0]] = results
                constant = package.helper.make_node("Constant", [], [node.output[0]], value=from_array(results))
                node.CopyFrom(constant)


def _is_arithmetic(node: Any) -> bool:
    return node.domain in ("", "ai.onnx") and node.op_type in SHAPE_ARITHMETIC and len(node.output) == 1


def _computed(
    package: Any, proto: Any, node: Any, known: dict[str, npt.NDArray[np.generic]]
) -> npt.NDArray[np.generic] | None:
    """Return the result of one node if it consists of few integers or booleans, else None."""
    given = {name: known[name] for name in node.input if name}
    if not all(values.dtype.kind in "iub" for values in given.values()):
        return None
    evaluator = load_onnx_package("onnx.reference").ReferenceEvaluator
    make = package.helper
    inputs = [
        make.make_tensor_value_info(name, make.np_dtype_to_tensor_dtype(values.dtype), values.shape)
        for name, values in given.items()
    ]
    graph = make.make_graph([node], "shape", inputs, [make.make_empty_tensor_value_info(node.output[0])])
    model = make.make_model(graph, opset_imports=[one for one in proto.opset_import if one.domain in ("", "ai.onnx")])
    try:
        result: npt.NDArray[np.generic] = np.asarray(evaluator(model).run(None, given)[0])
    except (ValueError, TypeError, IndexError, KeyError, NotImplementedError, RuntimeError):
        return None  # then it stays a node
    return result if result.dtype.kind in "iub" and result.size <= SMALL else None
