"""Computing beforehand what a graph computes from constants alone: the shapes that exporters leave as arithmetic."""

from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from edgecls.export.foreign.file import EXTRA, load_onnx_package
from edgecls.extras import import_from_extra

__all__ = ["SMALL", "fold_shape_constants"]

SMALL = 1024  # elements; nothing larger is a shape

SHAPE_ARITHMETIC = {
    *("Add", "Cast", "Concat", "ConstantOfShape", "Div", "Equal", "Gather", "Identity", "Mod", "Mul", "Range"),
    *("ReduceProd", "Reshape", "Slice", "Squeeze", "Sub", "Unsqueeze", "Where"),
}


def fold_shape_constants(proto: Any) -> None:
    """Replace the nodes of an onnx.ModelProto that compute small integers from constants by their results."""
    package = load_onnx_package()
    to_array, from_array = package.numpy_helper.to_array, package.numpy_helper.from_array
    known: dict[str, npt.NDArray[np.generic]] = {
        weight.name: to_array(weight) for weight in proto.graph.initializer if prod(weight.dims) <= SMALL
    }
    for node in proto.graph.node:
        if node.op_type == "Constant" and node.attribute[0].name == "value":
            if prod(node.attribute[0].t.dims) <= SMALL:
                known[node.output[0]] = to_array(node.attribute[0].t)
        elif _is_arithmetic(node) and all(name in known for name in node.input if name):
            results = _computed(package, proto, node, known)
            if results is None:
                continue
            known[node.output[0]] = results
            name = node.output[0]
            node.CopyFrom(package.helper.make_node("Constant", [], [name], value=from_array(results)))


def _is_arithmetic(node: Any) -> bool:
    return node.domain in ("", "ai.onnx") and node.op_type in SHAPE_ARITHMETIC and len(node.output) == 1


def _computed(
    package: Any, proto: Any, node: Any, known: dict[str, npt.NDArray[np.generic]]
) -> npt.NDArray[np.generic] | None:
    """Return the result of one node if it is made of few integers or truth values, else None."""
    given = {name: known[name] for name in node.input if name}
    if not all(values.dtype.kind in "iub" for values in given.values()):
        return None
    evaluator = import_from_extra("onnx.reference", extra=EXTRA, purpose="adopting an ONNX file").ReferenceEvaluator
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
        return None  # what cannot be computed here is computed where it always was
    return result if result.dtype.kind in "iub" and result.size <= SMALL else None
