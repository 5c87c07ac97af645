"""The outputs "features" and "familiarity" in a network."""

from typing import Any

import numpy as np

from edgecls.export.familiarity.features import FeatureTensor
from edgecls.export.familiarity.prototypes import SMALLEST_LENGTH, SMOOTHNESS, Prototypes
from edgecls.export.graph.onnx_package import load_onnx_package
from edgecls.export.graph.surgery import drop_unneeded, fresh_name, rename_tensors, tensor_names
from edgecls.modelfile import FAMILIARITY_NAME, FEATURES_NAME

__all__ = [
    "with_familiarity_output",
    "with_features_output",
    "with_shifted_familiarity",
    "without_familiarity_output",
]

AXES_AS_INPUT = {"ReduceSum": 13, "ReduceL2": 18}  # the opset from which an operator takes its axes as an input


def with_features_output(onnx: bytes, tensor: FeatureTensor) -> bytes:
    """Return a network with the output "features".

    Other tensors whose names begin with that of this output, or with "familiarity", are renamed.

    Args:
        onnx: A serialised network; it is returned as it is if it has the output.
        tensor: Its features.

    Raises:
        MissingExtraError: The package onnx is not installed.
    """
    package = load_onnx_package()
    proto = package.load_model_from_string(onnx)
    graph = proto.graph
    if any(value.name == FEATURES_NAME for value in graph.output):
        return onnx
    taken = tensor_names(graph)
    reserved = [name for name in taken if name.startswith((FEATURES_NAME, FAMILIARITY_NAME))]
    names = {name: fresh_name(f"inner_{name}", taken) for name in sorted(reserved)}
    rename_tensors(graph, names)
    source = names.get(tensor.name, tensor.name)
    make, float32 = package.helper.make_node, package.TensorProto.FLOAT
    if _element_type(package, proto, source) == float32:
        graph.node.append(make("Flatten", [source], [FEATURES_NAME], name=FEATURES_NAME, axis=1))
    else:
        flat = f"{FEATURES_NAME}_flat"
        graph.node.append(make("Flatten", [source], [flat], name=flat, axis=1))
        graph.node.append(make("Cast", [flat], [FEATURES_NAME], name=FEATURES_NAME, to=float32))
    _append_output(package, graph, FEATURES_NAME, ["N", tensor.width])
    serialized: bytes = proto.SerializeToString()
    return serialized


def with_familiarity_output(onnx: bytes, prototypes: Prototypes) -> bytes:
    """Return a network with the output "familiarity".

    It is as `Prototypes.familiarity` says. The prototypes are int8 in the file; onnxruntime turns them into floats
    once, when it opens the file.

    Args:
        onnx: A serialised network from `with_features_output`.
        prototypes: Of the width of its features.

    Raises:
        MissingExtraError: The package onnx is not installed.
    """
    package = load_onnx_package()
    proto = package.load_model_from_string(onnx)
    builder = _Builder(package, proto)
    values = builder.node("Cast", [builder.constant("prototypes", prototypes.values.T)], "values", to=1)
    scales = builder.constant("scales", prototypes.scales / np.float32(SMOOTHNESS))
    products = builder.node("MatMul", [FEATURES_NAME, builder.node("Mul", [values, scales], "directions")], "products")
    length = builder.reduce("ReduceL2", FEATURES_NAME, "length", keepdims=1)
    least = builder.constant("smallest_length", np.float32(SMALLEST_LENGTH))
    cosines = builder.node("Div", [products, builder.node("Add", [length, least], "divisor")], "cosines")
    largest = builder.constant("largest", np.float32(1 / SMOOTHNESS))  # subtracted, so that no power overflows
    powers = builder.node("Exp", [builder.node("Sub", [cosines, largest], "exponents")], "powers")
    logarithm = builder.node("Log", [builder.reduce("ReduceSum", powers, "sums", keepdims=0)], "logarithm")
    below_one = builder.node("Mul", [logarithm, builder.constant("smoothness", np.float32(SMOOTHNESS))], "below_one")
    builder.node("Add", [below_one, builder.constant("one", np.float32(1))], None)
    _append_output(package, proto.graph, FAMILIARITY_NAME, ["N"])
    serialized: bytes = proto.SerializeToString()
    return serialized


def with_shifted_familiarity(onnx: bytes, shift: float) -> bytes:
    """Return a network whose output "familiarity" is larger by `shift`.

    Args:
        onnx: A network with that output, without a shift of its own.
        shift: What is added.
    """
    package = load_onnx_package()
    proto = package.load_model_from_string(onnx)
    unshifted, constant = f"{FAMILIARITY_NAME}_unshifted", f"{FAMILIARITY_NAME}_shift"
    for node in proto.graph.node:
        node.output[:] = [unshifted if name == FAMILIARITY_NAME else name for name in node.output]
    proto.graph.initializer.append(package.numpy_helper.from_array(np.float32(shift), constant))
    proto.graph.node.append(package.helper.make_node("Add", [unshifted, constant], [FAMILIARITY_NAME], name=constant))
    serialized: bytes = proto.SerializeToString()
    return serialized


def without_familiarity_output(onnx: bytes) -> bytes:
    """Return a network without the outputs "features" and "familiarity" and what only these need."""
    proto = load_onnx_package().load_model_from_string(onnx)
    for value in [value for value in proto.graph.output if value.name in (FEATURES_NAME, FAMILIARITY_NAME)]:
        proto.graph.output.remove(value)
    drop_unneeded(proto.graph)
    serialized: bytes = proto.SerializeToString()
    return serialized


def _element_type(package: Any, proto: Any, tensor: str) -> int | None:
    """Return the type of the numbers in a tensor, as onnx.TensorProto has it; None if that is not known."""
    graph = package.shape_inference.infer_shapes(proto).graph
    types = {value.name: value.type.tensor_type.elem_type for value in (*graph.value_info, *graph.output)}
    return types.get(tensor)


def _append_output(package: Any, graph: Any, name: str, shape: list[str | int]) -> None:
    graph.output.append(package.helper.make_tensor_value_info(name, package.TensorProto.FLOAT, shape))


class _Builder:
    """Adds nodes and constants whose names begin with "familiarity" to a network."""

    def __init__(self, package: Any, proto: Any) -> None:
        self._package = package
        self._graph = proto.graph
        self._opset = max(entry.version for entry in proto.opset_import if entry.domain in ("", "ai.onnx"))

    def constant(self, name: str, values: Any) -> str:
        full = f"{FAMILIARITY_NAME}_{name}"
        array = np.ascontiguousarray(values) if np.ndim(values) else np.asarray(values)
        self._graph.initializer.append(self._package.numpy_helper.from_array(array, full))
        return full

    def node(self, operator: str, inputs: list[str], name: str | None, **attributes: object) -> str:
        full = FAMILIARITY_NAME if name is None else f"{FAMILIARITY_NAME}_{name}"
        made = self._package.helper.make_node(operator, inputs, [full], name=full, **attributes)
        self._graph.node.append(made)
        return full

    def reduce(self, operator: str, tensor: str, name: str, *, keepdims: int) -> str:
        """Reduce the columns of each row to one number: ``[N]``, or ``[N, 1]``.

        ReduceLogSumExp would take the place of three nodes, but OpenVINO passes over its axes where they are an input.
        """
        if self._opset < AXES_AS_INPUT[operator]:
            return self.node(operator, [tensor], name, axes=[1], keepdims=keepdims)
        axes = f"{FAMILIARITY_NAME}_axes"
        if all(tensor.name != axes for tensor in self._graph.initializer):
            self.constant("axes", np.array([1], np.int64))
        return self.node(operator, [tensor, axes], name, keepdims=keepdims)
