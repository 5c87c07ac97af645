"""TensorFlow SavedModel folders, through their serving signature."""

from pathlib import Path
from typing import Any

import keras

from edgecls.errors import ExportError
from edgecls.extras import import_from_extra

__all__ = ["is_saved_model", "load_saved_model", "names_in_program"]

PROGRAM = "saved_model.pb"
SIGNATURES = ("serving_default", "serve")  # as TensorFlow and Keras 2 name it, as Keras 3 does

_TOUCHING_THE_MACHINE = {
    *("ReadFile", "WriteFile", "MatchingFiles", "PyFunc", "PyFuncStateless", "EagerPyFunc", "WholeFileReader"),
    *("WholeFileReaderV2", "TextLineReader", "TextLineReaderV2", "TFRecordReader", "TFRecordReaderV2", "Save"),
}
"""A SavedModel is a program; these operations read and write files or call Python, and no classifier needs them."""


def is_saved_model(path: Path) -> bool:
    """True for a folder that TensorFlow saved a model to."""
    return (path / PROGRAM).is_file()


def load_saved_model(path: Path) -> keras.Model:
    """Return the serving signature of a SavedModel as a Keras model.

    Raises:
        ExportError: It is damaged, has operations that touch the machine, or no signature that takes a batch of
            images and gives one tensor.
    """
    tensorflow = import_from_extra("tensorflow", extra="train", purpose="reading a SavedModel")
    program = _read_program(path)
    _refuse_operations(program, path)
    try:
        loaded, signatures = _load_without_optimizer(tensorflow, path, program)
    except (AttributeError, OSError, ValueError, KeyError, tensorflow.errors.OpError) as error:
        raise ExportError(f"cannot load {str(path)!r}: {_first_line(error)}; give a whole SavedModel folder") from error
    name = next((name for name in SIGNATURES if name in signatures), None)
    if name is None:
        found = ", ".join(map(repr, signatures)) or "none"
        raise ExportError(
            f"{str(path)!r} has no serving signature {SIGNATURES[0]!r} (found: {found}); "
            "save it with model.export(folder)"
        )
    signature = signatures[name]
    inputs = signature.structured_input_signature[1]
    outputs = signature.structured_outputs
    if len(inputs) != 1 or len(outputs) != 1:
        raise ExportError(
            f"a classifier has one input and one output, the signature {name!r} of {str(path)!r} takes "
            f"{sorted(inputs)} and gives {sorted(outputs)}"
        )
    ((input_name, spec),) = inputs.items()
    if spec.shape.rank is None or (spec.shape.rank and spec.shape[0] is not None):
        raise ExportError(
            f"{str(path)!r} takes an array of shape {spec.shape}; the number of images must be free and the rest "
            "known: save it with an input of shape (None, height, width, channels)"
        )
    images = keras.Input(tuple(spec.shape[1:]), dtype=spec.dtype.name)
    layer = _Signature(loaded, signature, input_name, next(iter(outputs)))
    return keras.Model(images, layer(images), name="saved_model")


def names_in_program(path: Path) -> set[str]:
    """Return the parts of the names of all operations of a SavedModel: those of its layers are among them.

    Raises:
        ExportError: It is damaged.
    """
    return {
        part
        for meta in _read_program(path).meta_graphs
        for nodes in (meta.graph_def.node, *(function.node_def for function in meta.graph_def.library.function))
        for node in nodes
        for part in node.name.split("/")
    }


class _Signature(keras.layers.Layer):  # type: ignore[misc]
    """Calls a signature; keeps what was loaded alive, for the signature alone does not."""

    def __init__(self, loaded: Any, signature: Any, input_name: str, output_name: str) -> None:
        super().__init__(autocast=False)
        self._parts = (loaded, signature)
        self._ends = (input_name, output_name)

    def call(self, images: Any) -> Any:
        input_name, output_name = self._ends
        return self._parts[1](**{input_name: images})[output_name]


def _read_program(path: Path) -> Any:
    from tensorflow.core.protobuf import saved_model_pb2

    try:
        program = saved_model_pb2.SavedModel.FromString((path / PROGRAM).read_bytes())
        if not program.meta_graphs:
            raise ValueError("it holds no graph")
    except Exception as error:  # protobuf's own class moves about between its versions
        raise ExportError(f"cannot load {str(path)!r}: {_first_line(error)}; give a whole SavedModel folder") from error
    return program


def _load_without_optimizer(tensorflow: Any, path: Path, program: Any) -> tuple[Any, Any]:
    """Load everything but the optimizer, for Keras 3 cannot take in what Keras 2 saved of one.

    Returns:
        What was loaded, which holds the weights, and its signatures.
    """
    objects = program.meta_graphs[0].object_graph_def
    children = [child.local_name for child in objects.nodes[0].children] if objects.nodes else []
    wanted = [name for name in children if "optimizer" not in name]
    if len(wanted) == len(children):
        loaded = tensorflow.saved_model.load(str(path))
        return loaded, loaded.signatures
    parts = tensorflow.__internal__.saved_model.load_partial(str(path), [f"root.{name}" for name in wanted])
    return parts, parts["root.signatures"]


def _refuse_operations(program: Any, path: Path) -> None:
    found = set()
    for graph in (meta.graph_def for meta in program.meta_graphs):
        nodes = [*graph.node, *(node for function in graph.library.function for node in function.node_def)]
        found |= {node.op for node in nodes} & _TOUCHING_THE_MACHINE
    if found:
        raise ExportError(
            f"{str(path)!r} reads or writes files or calls Python ({', '.join(sorted(found))}), which no classifier "
            "has to; it was not loaded"
        )


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__
