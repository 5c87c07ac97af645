"""Putting the steps around a foreign network into its graph."""

from typing import Any

import numpy as np
import numpy.typing as npt

from edgecls.export.foreign.pipeline import INT8_MIDDLE, TINY, BackgroundClass, ForeignInput, ForeignOutput, Scores
from edgecls.export.graph.onnx_package import load_onnx_package
from edgecls.export.graph.surgery import drop_unneeded, fresh_name, put_first, rename_tensors, tensor_names
from edgecls.export.pixel_scaling import ChannelOrder, Layout
from edgecls.modelfile import INPUT_NAME, OUTPUT_NAME

__all__ = ["wrap"]

MIN_IR_VERSION = 4  # before it, weights had to be inputs too, and nothing could be computed from them beforehand


def wrap(proto: Any, taking: ForeignInput, giving: ForeignOutput) -> bytes:
    """Return a serialised network from uint8 images "image" to "probabilities".

    Args:
        proto: An onnx.ModelProto with a free batch; it stays as it is.
        taking: What it takes.
        giving: What it gives.
    """
    package = load_onnx_package()
    wrapped = package.ModelProto()
    wrapped.CopyFrom(proto)
    wrapped.ir_version = max(wrapped.ir_version, MIN_IR_VERSION)
    graph = wrapped.graph
    inner_input, inner_output = _make_room(graph, taking.name, giving.name)
    around = _Around(package, wrapped)
    put_first(graph, around.before(inner_input, taking))
    graph.node.extend(around.after(inner_output, giving))
    make, types = package.helper.make_tensor_value_info, package.TensorProto
    del graph.input[:]
    del graph.output[:]
    graph.input.append(make(INPUT_NAME, types.UINT8, ["N", *taking.spec.shape_hwc]))
    graph.input[0].type.denotation = "IMAGE"  # the ONNX standard's word for it
    graph.output.append(make(OUTPUT_NAME, types.FLOAT, ["N", len(giving.kept)]))
    drop_unneeded(graph)
    serialized: bytes = wrapped.SerializeToString()
    return serialized


def _make_room(graph: Any, input_name: str, output_name: str) -> tuple[str, str]:
    """Free the names of the model file's ends; return what the network's own ends are called now."""
    taken = tensor_names(graph) | {INPUT_NAME, OUTPUT_NAME}
    wanted = {input_name: "edgecls_input", output_name: "edgecls_output"}
    wanted |= {name: f"edgecls_inner_{name}" for name in {INPUT_NAME, OUTPUT_NAME} - wanted.keys()}
    names = {old: fresh_name(new, taken) for old, new in wanted.items()}
    rename_tensors(graph, names)
    stale = {names[input_name], names[output_name]}
    for index in reversed(range(len(graph.value_info))):
        if graph.value_info[index].name in stale:
            del graph.value_info[index]
    return names[input_name], names[output_name]


class _Around:
    """Makes the nodes before and after a network."""

    def __init__(self, package: Any, proto: Any) -> None:
        self._package = package
        self._graph = proto.graph
        self._opset = max(entry.version for entry in proto.opset_import if entry.domain in ("", "ai.onnx"))
        self._taken = tensor_names(proto.graph) | {INPUT_NAME, OUTPUT_NAME}
        self._nodes: list[Any] = []

    def before(self, inner_input: str, taking: ForeignInput) -> list[Any]:
        """Return nodes from "image" to the network's input.

        The order of channels and dimensions is changed while a number is one byte.
        """
        types, tensor = self._package.TensorProto, INPUT_NAME
        self._nodes = []
        if taking.order is ChannelOrder.BGR:
            tensor = self._node("Gather", [tensor, self._weight("channels", np.array([2, 1, 0], np.int64))], axis=3)
        if taking.layout is Layout.NCHW:
            tensor = self._node("Transpose", [tensor], perm=[0, 3, 1, 2])
        if taking.element_type == "int8":
            tensor = self._node("Cast", [tensor], to=types.INT32)
            tensor = self._node("Sub", [tensor, self._weight("middle", np.array([INT8_MIDDLE], np.int32))])
            tensor = self._node("Cast", [tensor], to=types.INT8)
        elif taking.element_type != "uint8":
            tensor = self._node("Cast", [tensor], to=types.FLOAT)
            factor, offset = taking.scaling.factor_and_offset()
            if np.any(factor != 1):
                tensor = self._node("Mul", [tensor, self._weight("factor", _a_channel(factor, taking.layout))])
            if np.any(offset != 0):
                tensor = self._node("Add", [tensor, self._weight("offset", _a_channel(offset, taking.layout))])
            if taking.element_type == "float16":
                tensor = self._node("Cast", [tensor], to=types.FLOAT16)
        return self._ending_in(inner_input, tensor)

    def after(self, inner_output: str, giving: ForeignOutput) -> list[Any]:
        """Return nodes from the network's output to "probabilities"."""
        self._nodes = []
        tensor = self._as_float_rows(inner_output, giving)
        if giving.background is not BackgroundClass.NONE:
            kept = self._weight("kept", np.array(giving.kept, np.int64))
            tensor = self._node("Gather", [tensor, kept], axis=1)
        if giving.scores is Scores.LOGITS:
            tensor = self._node("Softmax", [tensor], axis=1)
        elif giving.must_be_summed:
            if giving.quantization is not None:
                tensor = self._node("Relu", [tensor])  # below zero by a step of rounding
            tensor = self._node("Add", [tensor, self._weight("tiny", np.array([TINY], np.float32))])
            tensor = self._node("Div", [tensor, self._row_sums(tensor)])
        return self._ending_in(OUTPUT_NAME, tensor)

    def _as_float_rows(self, tensor: str, giving: ForeignOutput) -> str:
        if giving.element_type != "float32":
            tensor = self._node("Cast", [tensor], to=self._package.TensorProto.FLOAT)
        if giving.quantization is not None:  # by plain arithmetic: no pair that onnxruntime would fuse otherwise
            zero_point, scale = np.float32(giving.quantization.zero_point), np.float32(giving.quantization.scale)
            tensor = self._node("Sub", [tensor, self._weight("zero_point", np.array([zero_point]))])
            tensor = self._node("Mul", [tensor, self._weight("scale", np.array([scale]))])
        if giving.rank > 2:
            tensor = self._node("Flatten", [tensor], axis=1)
        return tensor

    def _row_sums(self, tensor: str) -> str:
        if self._opset < 13:
            return self._node("ReduceSum", [tensor], axes=[1], keepdims=1)
        return self._node("ReduceSum", [tensor, self._weight("axes", np.array([1], np.int64))], keepdims=1)

    def _node(self, op_type: str, inputs: list[str], **attributes: Any) -> str:
        name = fresh_name(f"edgecls_{op_type.lower()}", self._taken)
        self._nodes.append(self._package.helper.make_node(op_type, inputs, [name], name=name, **attributes))
        return name

    def _weight(self, word: str, values: npt.NDArray[Any]) -> str:
        name = fresh_name(f"edgecls_{word}", self._taken)
        self._graph.initializer.append(self._package.numpy_helper.from_array(values, name))
        return name

    def _ending_in(self, wanted: str, tensor: str) -> list[Any]:
        """Return the nodes with the last one's result renamed; without nodes, rename in the graph."""
        if self._nodes:
            self._nodes[-1].output[0] = wanted
        else:
            rename_tensors(self._graph, {tensor: wanted} if wanted == OUTPUT_NAME else {wanted: tensor})
        return self._nodes


def _a_channel(values: npt.NDArray[np.float32], layout: Layout) -> npt.NDArray[np.float32]:
    """Return numbers so shaped that each meets its channel."""
    return values.reshape(-1, 1, 1) if layout is Layout.NCHW else values
