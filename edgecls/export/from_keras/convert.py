"""Keras to ONNX: the conversion itself.

tf2onnx carries every weight through a dozen copies of the graph; of a network of 138 million weights
it makes half a minute and several gigabytes. So it gets to see the network with its kernels as inputs,
a few kilobytes, and they are put in afterwards. What it can only do with kernels that it sees, such as
folding batch normalisation into them, `tidy` does then.
"""

import logging
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from edgecls.errors import ExportError
from edgecls.export.from_keras.operators import rules
from edgecls.export.graph.initializers import Arrays, serialized_with
from edgecls.export.graph.padding import keep_zero_padding
from edgecls.export.graph.tidy import Shapes, tidy
from edgecls.extras import import_from_extra
from edgecls.modelfile import INPUT_NAME, OUTPUT_NAME

__all__ = ["OPSET", "keras_to_onnx"]

OPSET = 13
"""Version of the ONNX operators: the lowest that the later steps need (int8 with a scale for each channel).

onnxruntime reads it since 1.8, TensorRT since 8. Newer ones bring nothing that a classifier gets faster or
smaller by: the same nodes come out of MobileNetV2 and NASNetMobile.
"""

WEIGHT_PREFIX = "edgecls_weight_"
READS_KERNELS = "must be Const"  # in what tf2onnx says of a kernel that it wants to see
KERNEL_RANK = 2  # variables of fewer dimensions are small, and tf2onnx folds them better than we do

CALLS = ("PartitionedCall", "StatefulPartitionedCall")
COMPILED_MARKS = ("_XlaMustCompile", "_noinline")  # with them TensorFlow leaves a function a function

PASSES = (
    "optimize_transpose",
    "fold_constants",
    "merge_duplication",
    "reshape_optimizer",
    "global_pool_optimizer",
    "remove_identity",
    "remove_back_to_back",
    "einsum_optimizer",
    "remove_redundant_upsample",
)
"""Those of tf2onnx's optimisers that a classifier can gain by; the others look for loops and quantisation."""


def keras_to_onnx(model: keras.Model) -> bytes:
    """Convert a Keras classifier to ONNX, with a free batch dimension and fixed names.

    Args:
        model: One input, uint8 ``[N, H, W, C]``; one output, float32 ``[N, K]``.

    Returns:
        A serialised ONNX model with input "image" and output "probabilities".

    Raises:
        MissingExtraError: TensorFlow, tf2onnx or onnx is not installed.
        ExportError: A layer has no counterpart in ONNX.
    """
    onnx = import_from_extra("onnx", extra="train", purpose="converting to ONNX")
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise ExportError(
            f"cannot export {model.name!r}: a classifier has one input and one output, "
            f"this network has {len(model.inputs)} and {len(model.outputs)}"
        )
    kernels = {
        f"{WEIGHT_PREFIX}{index}": variable
        for index, variable in enumerate(model.variables)
        if variable.dtype == "float32" and len(variable.shape) >= KERNEL_RANK
    }
    try:
        try:
            proto, shapes = _converted(model, kernels)
        except ValueError as error:
            if READS_KERNELS in str(error):  # as those of an LSTM
                kernels = {}
            # Else an optimiser's own fault, such as an addition of a single number before a Transpose.
            proto, shapes = _converted(model, kernels, leave_out_failing_passes=True)
    except (ValueError, TypeError, KeyError, RuntimeError, NotImplementedError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise ExportError(f"cannot convert {model.name!r} to ONNX: {reason}") from error
    _refuse_unknown(onnx, proto, model.name)
    arrays = _constants_of(onnx, proto, kernels)
    tidy(proto, arrays, shapes)
    keep_zero_padding(proto.graph, arrays)
    _name_ends(proto)
    serialized = serialized_with(proto, arrays)
    del arrays  # as much memory as the network takes
    return serialized


def _converted(
    model: keras.Model, kernels: dict[str, Any], *, leave_out_failing_passes: bool = False
) -> tuple[Any, Shapes]:
    """Return the network as tf2onnx converts it, its kernels as inputs of their own, and the shapes it knows."""
    tensorflow = import_from_extra("tensorflow", extra="train", purpose="converting to ONNX")
    import_from_extra("tf2onnx", extra="train", purpose="converting to ONNX")
    from tf2onnx import optimizer, tf_loader, tfonnx

    logging.getLogger("tf2onnx").setLevel(logging.CRITICAL)  # what it cannot convert we report ourselves
    function = _traced(tensorflow, model, kernels)
    inputs = [tensor.name for tensor in function.inputs[: 1 + len(kernels)]]  # constants and variables follow
    outputs = [tensor.name for tensor in function.outputs]
    names = {f"{name}:0": name for name in (INPUT_NAME, *kernels)} | {outputs[0]: OUTPUT_NAME}
    with tensorflow.device("/cpu:0"):
        frozen = tf_loader.from_function(function, inputs, outputs)
        if _inlinable(frozen):
            with tensorflow.Graph().as_default():
                frozen = tf_loader.tf_optimize(inputs, outputs, frozen)
        _make_float32(tensorflow, frozen)
        with tensorflow.Graph().as_default() as graph:
            tensorflow.import_graph_def(frozen, name="")
            converted = tfonnx.process_tf_graph(
                graph,
                input_names=inputs,
                output_names=outputs,
                opset=OPSET,
                tensors_to_rename=names,
                custom_op_handlers=rules(),
            )
    known = optimizer._get_optimizers()
    passes = {name: known[name] for name in PASSES if name in known}
    # Leaving out those that fail means to copy the whole graph before each.
    optimized = optimizer.optimize_graph(converted, catch_errors=leave_out_failing_passes, optimizers=passes)
    outputs = [name for node in optimized.get_nodes() for name in node.output]
    return optimized.make_model(model.name), {name: optimized.get_shape(name) or [] for name in outputs}


def _inlinable(program: Any) -> bool:
    """Allow TensorFlow to put the bodies of functions where they are called, also of those compiled with XLA.

    Keras calls grouped convolutions in such a function, for TensorFlow alone cannot train them on a CPU.

    Args:
        program: A GraphDef; changed in place.

    Returns:
        Whether it has any calls left.
    """
    calls = [node for node in program.node if node.op in CALLS]
    functions = program.library.function
    for marked in (*calls, *functions, *(node for function in functions for node in function.node_def)):
        for mark in COMPILED_MARKS:
            marked.attr.pop(mark, None)
    return bool(calls)


def _make_float32(tensorflow: Any, program: Any) -> None:
    """Let a program compute in float32 what it computes in half, bfloat16 or double precision, as SavedModels may.

    Args:
        tensorflow: The package.
        program: A GraphDef without calls of functions; changed in place.
    """
    others = {kind.as_datatype_enum for kind in (tensorflow.float16, tensorflow.bfloat16, tensorflow.float64)}
    for value in (value for node in program.node for value in node.attr.values()):
        if value.type in others:
            value.type = tensorflow.float32.as_datatype_enum
        if value.HasField("tensor") and value.tensor.dtype in others:
            array = np.asarray(tensorflow.make_ndarray(value.tensor), np.float32)
            value.tensor.CopyFrom(tensorflow.make_tensor_proto(array))


def _traced(tensorflow: Any, model: keras.Model, kernels: dict[str, Any]) -> Any:
    signature = [
        tensorflow.TensorSpec((None, *model.inputs[0].shape[1:]), model.inputs[0].dtype, name=INPUT_NAME),
        *(tensorflow.TensorSpec(kernel.shape, kernel.dtype, name=name) for name, kernel in kernels.items()),
    ]

    def call(image: Any, *values: Any) -> Any:
        with keras.StatelessScope(state_mapping=list(zip(kernels.values(), values, strict=True))):
            return model(image, training=False)

    function: Callable[..., Any] = tensorflow.function(call, input_signature=signature, autograph=False)
    return function.get_concrete_function()  # type: ignore[attr-defined]


def _refuse_unknown(onnx: Any, proto: Any, name: str) -> None:
    """Refuse a graph with operations that tf2onnx passed through as it found them."""
    unknown = {node.op_type for node in proto.graph.node if not onnx.defs.has(node.op_type, node.domain)}
    if unknown:
        raise ExportError(
            f"cannot convert {name!r} to ONNX: it has no counterpart for {', '.join(sorted(unknown))}; "
            "use other layers in their place"
        )


def _constants_of(onnx: Any, proto: Any, kernels: dict[str, Any]) -> Arrays:
    """Take the constants out of a graph, and the kernels from where Keras has them."""
    arrays = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in proto.graph.initializer}
    for name, kernel in kernels.items():
        arrays[name] = np.asarray(keras.ops.convert_to_numpy(kernel.value))
    del proto.graph.initializer[:]
    for value in [value for value in proto.graph.input if value.name in arrays]:
        proto.graph.input.remove(value)
    return arrays


def _name_ends(proto: Any) -> None:
    """Name the batch dimension alike on both ends, and say that the input is an image."""
    for value in (proto.graph.input[0], proto.graph.output[0]):
        batch = value.type.tensor_type.shape.dim[0]
        batch.Clear()
        batch.dim_param = "N"
    proto.graph.input[0].type.denotation = "IMAGE"  # the ONNX standard's word for it
    used = {node.domain for node in proto.graph.node}
    for unused in [imported for imported in proto.opset_import if imported.domain not in used]:
        proto.opset_import.remove(unused)
