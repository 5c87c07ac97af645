"""Conversion of a Keras network to ONNX with tf2onnx.

tf2onnx copies the graph a dozen times, weights included; for a network of 138 million weights that takes half a minute
and several gigabytes. So it gets the network with its kernels as inputs, a few kilobytes, and the kernels are inserted
afterwards. What needs their values, such as folding batch normalisation into them, `tidy` does then.

tf2onnx reads graphs of TensorFlow. Under another backend of Keras the conversion runs in a child process, with
TensorFlow as its backend.
"""

import contextlib
import ctypes
import importlib.util
import logging
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from edgecls.errors import ExportError, MissingExtraError
from edgecls.export.from_keras.operators import rules
from edgecls.export.graph.constants import serialized_with, take_constants
from edgecls.export.graph.onnx_package import load_onnx_package
from edgecls.export.graph.tidy import Shapes, keep_zero_padding, tidy
from edgecls.extras import import_from_extra
from edgecls.modelfile import INPUT_NAME, OUTPUT_NAME

__all__ = ["OPSET", "check_converter", "keras_to_onnx"]

OPSET = 13
"""Version of the ONNX operators: the lowest that later steps need (int8 with a scale per channel).

onnxruntime has read it since 1.8, TensorRT since 8. Newer opsets make no classifier faster or smaller: MobileNetV2 and
NASNetMobile become the same nodes.
"""

WEIGHT_PREFIX = "edgecls_weight_"
READS_KERNELS = "must be Const"  # in tf2onnx's error about a kernel whose values it needs
KERNEL_RANK = 2  # variables of lower rank are small, and tf2onnx folds them better than we do

CALLS = ("PartitionedCall", "StatefulPartitionedCall")
COMPILED_MARKS = ("_XlaMustCompile", "_noinline")  # they keep TensorFlow from inlining a function

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
"""The optimisers of tf2onnx that are useful for a classifier; the others deal with loops and quantisation."""

CONVERTER_PACKAGES = ("tensorflow", "tf2onnx", "onnx")


def keras_to_onnx(model: keras.Model) -> bytes:
    """Convert a Keras classifier to ONNX, with a dynamic batch dimension and fixed names.

    Args:
        model: One input, uint8 ``[N, H, W, C]``; one output, float32 ``[N, K]``.

    Returns:
        A serialised ONNX model with input "image" and output "probabilities".

    Raises:
        MissingExtraError: TensorFlow, tf2onnx or onnx is not installed.
        ExportError: A layer has no counterpart in ONNX.
    """
    check_converter()
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise ExportError(
            f"cannot export {model.name!r}: a classifier has one input and one output, "
            f"this network has {len(model.inputs)} and {len(model.outputs)}"
        )
    if keras.backend.backend() != "tensorflow":
        return _converted_by_child(model)
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
            # Otherwise an optimiser failed, for instance at an addition of a scalar before a Transpose.
            proto, shapes = _converted(model, kernels, leave_out_failing_passes=True)
    except (ValueError, TypeError, KeyError, RuntimeError, NotImplementedError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise ExportError(f"cannot convert {model.name!r} to ONNX: {reason}") from error
    _refuse_unknown(proto, model.name)
    arrays = take_constants(proto.graph)
    for value in [value for value in proto.graph.input if value.name in kernels]:
        arrays[value.name] = _values_of(kernels[value.name])
        proto.graph.input.remove(value)
    tidy(proto, arrays, shapes)
    keep_zero_padding(proto.graph, arrays)
    _name_ends(proto)
    serialized = serialized_with(proto, arrays)
    del arrays  # as much memory as the network takes
    _return_freed_memory()  # whoever opens the network next needs twice that
    return serialized


def _return_freed_memory() -> None:
    """Let glibc give what was freed so far back to the system, which other C libraries do at once."""
    with contextlib.suppress(OSError, AttributeError, TypeError):  # no glibc; TypeError is that of Windows
        ctypes.CDLL(None).malloc_trim(0)


def _values_of(variable: keras.Variable) -> npt.NDArray[np.float32]:
    """Return the values of a variable of TensorFlow, not a copy of them."""
    return np.asarray(memoryview(variable.value.read_value()))


def check_converter() -> None:
    """Check that the packages are there that convert to ONNX, whatever backend Keras runs on.

    Raises:
        MissingExtraError: One of them is not installed.
    """
    for package in CONVERTER_PACKAGES:
        if importlib.util.find_spec(package) is None:
            raise MissingExtraError(
                f"converting to ONNX needs the package {package!r}, which is not installed; "
                'install it with: pip install "edgecls[train]"'
            )


def _converted_by_child(model: keras.Model) -> bytes:
    """Convert a network in a process of its own, whose Keras runs on TensorFlow."""
    environment = {
        **os.environ,
        "KERAS_BACKEND": "tensorflow",
        "TF_ONEDNN_USE_SYSTEM_ALLOCATOR": "1",
        "CUDA_VISIBLE_DEVICES": "-1",  # this process may hold all memory of the GPU
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "PYTHONIOENCODING": "utf-8",
    }
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "network.keras", Path(folder) / "network.onnx"
        model.save(source)
        command = [sys.executable, "-m", "edgecls.export.from_keras.convert", str(source), str(target)]
        done = subprocess.run(  # noqa: S603  this interpreter with a module of our own
            command, env=environment, capture_output=True, encoding="utf-8", errors="replace", check=False
        )
        if done.returncode or not target.is_file():
            reason = done.stderr.strip().rpartition("\n")[2] or f"exit code {done.returncode}"
            raise ExportError(
                f"cannot convert {model.name!r} to ONNX in a process with TensorFlow as the backend of Keras: {reason}"
            )
        return target.read_bytes()


def _convert_file(source: Path, target: Path) -> None:
    """Convert a .keras file: what the child process does."""
    target.write_bytes(keras_to_onnx(keras.models.load_model(source, compile=False)))


def _converted(
    model: keras.Model, kernels: dict[str, Any], *, leave_out_failing_passes: bool = False
) -> tuple[Any, Shapes]:
    """Return the network as tf2onnx converts it, with its kernels as inputs, and the shapes of its tensors."""
    tensorflow = import_from_extra("tensorflow", extra="train", purpose="converting to ONNX")
    from tf2onnx import optimizer, tf_loader, tfonnx

    logging.getLogger("tf2onnx").setLevel(logging.CRITICAL)  # we report what it cannot convert
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
    # To skip those that fail, the whole graph is copied before each.
    optimized = optimizer.optimize_graph(converted, catch_errors=leave_out_failing_passes, optimizers=passes)
    outputs = [name for node in optimized.get_nodes() for name in node.output]
    return optimized.make_model(model.name), {name: optimized.get_shape(name) or [] for name in outputs}


def _inlinable(program: Any) -> bool:
    """Allow TensorFlow to inline all functions, also those compiled with XLA.

    Keras runs grouped convolutions in such a function, because TensorFlow alone cannot train them on a CPU.

    Args:
        program: A GraphDef; changed in place.

    Returns:
        Whether it calls any function.
    """
    calls = [node for node in program.node if node.op in CALLS]
    functions = program.library.function
    for marked in (*calls, *functions, *(node for function in functions for node in function.node_def)):
        for mark in COMPILED_MARKS:
            marked.attr.pop(mark, None)
    return bool(calls)


def _make_float32(tensorflow: Any, program: Any) -> None:
    """Change float16, bfloat16 and float64 computations of a program, as SavedModels may have, to float32.

    Args:
        tensorflow: The package.
        program: A GraphDef without function calls; changed in place.
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


def _refuse_unknown(proto: Any, name: str) -> None:
    """Refuse a graph with TensorFlow operations that tf2onnx left unconverted."""
    has_schema = load_onnx_package().defs.has
    unknown = {node.op_type for node in proto.graph.node if not has_schema(node.op_type, node.domain)}
    if unknown:
        raise ExportError(
            f"cannot convert {name!r} to ONNX: it has no counterpart for {', '.join(sorted(unknown))}; "
            "use other layers in their place"
        )


def _name_ends(proto: Any) -> None:
    """Give the batch dimension the same name at both ends, and mark the input as an image."""
    for value in (proto.graph.input[0], proto.graph.output[0]):
        batch = value.type.tensor_type.shape.dim[0]
        batch.Clear()
        batch.dim_param = "N"
    proto.graph.input[0].type.denotation = "IMAGE"  # the ONNX standard's word for it
    used = {node.domain for node in proto.graph.node}
    for unused in [imported for imported in proto.opset_import if imported.domain not in used]:
        proto.opset_import.remove(unused)


if __name__ == "__main__":
    try:
        _convert_file(*map(Path, sys.argv[1:]))
    except ExportError as error:
        sys.exit(str(error))
