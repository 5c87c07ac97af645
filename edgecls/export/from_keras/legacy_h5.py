"""Configurations in HDF5 files, mostly of Keras 2, as `model.save("x.h5")` writes them, made readable for Keras 3.

Keras 3 reads the weights, but refuses parts of the configuration. These are corrected in a copy of the file, by a
list of known differences and nothing else: silently dropping an unknown option could change what the network
computes.
"""

import json
import shutil
from pathlib import Path
from typing import Any

import keras

from edgecls.errors import ExportError
from edgecls.extras import import_from_extra
from edgecls.json_text import parse_json

__all__ = ["HDF5_MAGIC", "code_refusal", "keras_operations", "readable_h5", "save_anew_with_keras_2"]

HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"

_NETWORKS = ("Functional", "Model", "Sequential")
_DROPPED = {
    "DepthwiseConv2D": {"groups": 1},  # always 1, and no option any more
    "SeparableConv2D": {"groups": 1},
    "Conv2DTranspose": {"groups": 1},
}
_BARE_OPERATIONS = {
    *("TFOpLambda", "SlicingOpLambda", "ClassMethod", "InstanceMethod", "InstanceProperty", "TensorFlowOpLayer"),
}
"""What Keras 2 wrote where a network was built with TensorFlow's operations; Keras 3 has nothing in their place."""

_OPERATION = "operation>"  # begins the names of Keras 3's operations, lest they be taken for layers
_WRAPPED = ("layer", "forward_layer", "backward_layer")  # of layers around others, as SpectralNormalization
_RANDOM_OPTION = "rng_type"  # of layers that are active only in training


def readable_h5(path: Path, folder: Path) -> Path:
    """Return an HDF5 file with the same model that Keras 3 can load: the file itself, or a corrected copy.

    Args:
        path: A whole model.
        folder: Where a copy may be written.

    Raises:
        ExportError: The file holds weights only, code of its own, which is not run, or what only Keras 2 reads.
        ValueError, TypeError, OSError, KeyError: It is damaged.
    """
    h5py = import_from_extra("h5py", extra="train", purpose="reading .h5 files")
    with h5py.File(path, "r") as file:
        text = file.attrs.get("model_config")
    if text is None:
        raise ExportError(
            f"{str(path)!r} holds weights and no network; build the network in Keras, load the weights into it "
            "with model.load_weights, save all of it with model.save('model.keras'), and export that"
        )
    config = parse_json(text)
    if any(entry.get("class_name") == "Lambda" for entry in _objects(config)):
        raise ExportError(code_refusal(path))
    bare = sorted({str(entry.get("config", {}).get("name")) for entry in _objects(config) if _is_bare_operation(entry)})
    if bare:
        raise ExportError(
            f"{str(path)!r} has operations of TensorFlow as layers ({', '.join(bare[:5])}), which Keras 2 wrote and "
            f"Keras 3 cannot read; {save_anew_with_keras_2(path)}"
        )
    modern = _modernised(config, _renamed_layers(config))
    _count_calls_from_zero(modern)
    _name_operations(path, modern)
    if modern == config:
        return path
    copy = folder / "model.h5"
    shutil.copyfile(path, copy)
    with h5py.File(copy, "r+") as file:
        file.attrs["model_config"] = json.dumps(modern)
    return copy


def keras_operations() -> dict[str, type[keras.Operation]]:
    """Return Keras 3's own operations, such as `x / 127.5`, under the names that `readable_h5` gives them.

    Keras 3 writes them to HDF5 files by their class only, and so does not find them there, or finds a layer: Add.
    """
    found: dict[str, type[keras.Operation]] = {}
    waiting = keras.Operation.__subclasses__()
    while waiting:
        operation = waiting.pop()
        waiting += operation.__subclasses__()
        if operation.__module__.startswith("keras.src.ops."):
            found[f"{_OPERATION}{operation.__name__}"] = operation
    return found


def save_anew_with_keras_2(path: Path) -> str:
    """Return how to bring a file of Keras 2 into a form that can be exported."""
    folder = path.with_suffix("").name
    return (
        "a SavedModel of it can be exported. Make one where the file was made, or with 'pip install tf_keras' "
        f"(which is Keras 2): import tf_keras; tf_keras.models.load_model({path.name!r}, compile=False)"
        f".save({folder!r}, save_format='tf'); with TensorFlow 2.15 or older write tf.keras for tf_keras. "
        f"Then: edgecls export {folder}"
    )


def code_refusal(path: Path) -> str:
    """Return what to tell whoever wants to export a file with a Lambda layer."""
    return (
        f"{str(path)!r} has a Lambda layer, which is a piece of code inside the file; edgecls does not run code "
        "from files. Build the network with a layer of Keras in its place (Rescaling, for a scale), load the "
        "weights into it, and save that"
    )


def _is_bare_operation(entry: dict[str, Any]) -> bool:
    return entry.get("class_name") in _BARE_OPERATIONS and isinstance(entry.get("config"), dict)


def _objects(value: Any) -> list[dict[str, Any]]:
    """Return all JSON objects inside a value, itself included."""
    if isinstance(value, dict):
        return [value, *(found for inner in value.values() for found in _objects(inner))]
    if isinstance(value, list):
        return [found for inner in value for found in _objects(inner)]
    return []


def _renamed_layers(config: Any) -> dict[str, str]:
    """Return new names for layers with a slash in theirs, which Keras 3 does not allow."""
    names = {entry["name"] for entry in _objects(config) if isinstance(entry.get("name"), str)}
    return {name: name.replace("/", "_") for name in names if "/" in name}


def _modernised(value: Any, renamed: dict[str, str]) -> Any:
    if isinstance(value, str):
        return renamed.get(value, value)
    if isinstance(value, list):
        return [_modernised(inner, renamed) for inner in value]
    if not isinstance(value, dict):
        return value
    modern = {key: _modernised(inner, renamed) for key, inner in value.items()}
    if "class_name" in modern:  # Keras finds its own layers by their class alone; modules have been moved
        modern.pop("module", None)
        modern.pop("registered_name", None)
        if modern["class_name"] == "Policy":  # of numbers, as mixed_float16
            modern["class_name"] = "DTypePolicy"
    options = modern.get("config")
    if isinstance(options, dict):
        if modern.get("class_name") == "ThresholdedReLU" and "theta" in options:
            modern["class_name"], options["threshold"] = "ReLU", options.pop("theta")
        for key, usual in _DROPPED.get(str(modern.get("class_name")), {}).items():
            if options.get(key) == usual:
                del options[key]
        if str(modern.get("class_name")).startswith("Random"):
            options.pop(_RANDOM_OPTION, None)
        for wrapped in (options[key] for key in _WRAPPED if isinstance(options.get(key), dict)):
            if hasattr(keras.layers, str(wrapped.get("class_name"))):  # Keras finds these by their module only
                wrapped["module"] = "keras.layers"
        for end in ("input_layers", "output_layers"):  # else a nested network gives a list of one tensor
            if isinstance(options.get(end), list) and len(options[end]) == 1:
                (options[end],) = options[end]
        if isinstance(options.get("axis"), list) and len(options["axis"]) == 1:  # of BatchNormalization
            (options["axis"],) = options["axis"]
    return modern


def _name_operations(path: Path, config: Any) -> None:
    """Name Keras 3's operations like no layer; of the two, only layers have the option "trainable".

    Raises:
        ExportError: An operation has options, such as the axis of a mean: reading HDF5, Keras may drop them in silence.
    """
    operations = keras_operations()
    for entry in _objects(config):
        name, options = str(entry.get("class_name")), entry.get("config")
        if f"{_OPERATION}{name}" not in operations or "inbound_nodes" not in entry:
            continue
        if not isinstance(options, dict) or "trainable" in options:
            continue
        if options.keys() <= {"name"}:
            entry["class_name"] = f"{_OPERATION}{name}"
        elif not hasattr(keras.layers, name):
            raise ExportError(
                f"{str(path)!r} has the operation {options.get('name')!r}, whose options Keras does not read from "
                "HDF5 files; save the network with model.save('model.keras') and export that"
            )


def _count_calls_from_zero(config: Any) -> None:
    """Number the calls of networks within networks as Keras 3 does: for Keras 2 their own making may be the first."""
    for entry in _objects(config):
        layers = entry["layers"] if isinstance(entry.get("layers"), list) else []
        inner = {layer.get("name") for layer in layers if layer.get("class_name") in _NETWORKS}
        calls: dict[str, list[list[Any]]] = {}
        for call in _calls([*(layer.get("inbound_nodes") for layer in layers), entry.get("output_layers")]):
            if call[0] in inner:
                calls.setdefault(call[0], []).append(call)
        for called in calls.values():
            first = min(call[1] for call in called)
            for call in called:
                call[1] -= first


def _calls(value: Any) -> list[list[Any]]:
    """Return the references to calls inside a value: lists of a layer's name, the number of the call, and more."""
    if not isinstance(value, list):
        return []
    if len(value) >= 3 and isinstance(value[0], str) and isinstance(value[1], int):
        return [value]
    return [call for inner in value for call in _calls(inner)]
