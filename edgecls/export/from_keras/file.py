"""Keras networks in files: loading every format, and .keras files that carry their model card.

A .keras file is a zip archive that Keras reads by the names of its members; the card is one more member, which Keras
ignores. With it, a file can be exported without any options.
"""

import json
import re
import tempfile
import warnings
import zipfile
from pathlib import Path
from typing import Any

import keras

from edgecls import modelfile
from edgecls.damaged_files import KERAS_FAULTS, ZIP_FAULTS, hdf5_hindrance
from edgecls.errors import ExportError, ModelFileError
from edgecls.export.from_keras.legacy_h5 import (
    HDF5_MAGIC,
    code_refusal,
    keras_operations,
    readable_h5,
    save_anew_with_keras_2,
)
from edgecls.export.from_keras.saved_model import is_saved_model, load_saved_model
from edgecls.extras import import_from_extra
from edgecls.json_text import parse_json
from edgecls.model_card import ModelCard

__all__ = ["load_keras", "read_embedded_card", "save_keras"]

CARD_MEMBER = "edgecls.json"
CONFIG_MEMBER, WEIGHTS_MEMBER = "config.json", "model.weights.h5"  # as Keras names them
METADATA_MEMBER = "metadata.json"
MAX_REASON = 300  # characters
MAX_BYTES_PER_WEIGHT = 16  # float32, and three times that for the state of an optimiser
MAX_BYTES_BESIDE = 64 << 20


def load_keras(path: Path) -> keras.Model:
    """Load a Keras network for inference: a .keras file, an .h5 file, or the folder of a SavedModel.

    The format is detected from the content. Code inside the file is not run.

    Raises:
        ExportError: There is no such file, or it does not hold a whole network that this Keras can load.
    """
    if is_saved_model(path):
        return load_saved_model(path)
    if not path.is_file():
        what = "the folder holds no SavedModel" if path.is_dir() else "there is no such file"
        raise ExportError(f"cannot load {str(path)!r}: {what}; give a .keras or .h5 file or the folder of a SavedModel")
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Do not pass an `input_", UserWarning)  # old files do
            if not _is_hdf5(path):
                return _load_archive(path)
            hindrance = hdf5_hindrance(path)
            if hindrance is not None:
                raise ExportError(f"cannot load {str(path)!r}: {hindrance}; get a fresh copy")
            with tempfile.TemporaryDirectory() as folder:
                readable = readable_h5(path, Path(folder))
                return keras.models.load_model(readable, custom_objects=keras_operations(), compile=False)
    except KERAS_FAULTS as error:
        if "Lambda" in str(error) and "arbitrary code" in str(error):
            raise ExportError(code_refusal(path)) from error
        version = _keras_version(path)
        if version.startswith("2."):
            raise ExportError(
                f"cannot load {str(path)!r}: Keras {version} wrote it, and Keras 3 cannot read it ({_reason(error)}); "
                f"{save_anew_with_keras_2(path)}"
            ) from error
        raise ExportError(
            f"cannot load {str(path)!r}: {_reason(error)}; "
            "give a whole .keras file whose layers are all Keras's own (an .h5 file cannot hold every network)"
        ) from error


def read_embedded_card(path: Path) -> ModelCard | None:
    """Return the card inside a .keras file, or None for a file that another program made and for other formats.

    Raises:
        ModelFileError: The card is damaged.
    """
    if not zipfile.is_zipfile(path):
        return None
    try:
        with zipfile.ZipFile(path) as archive:
            if CARD_MEMBER not in archive.namelist():
                return None
            text = archive.read(CARD_MEMBER).decode()
    except ZIP_FAULTS as error:
        raise ModelFileError(f"cannot read the card in {str(path)!r}: {error}; get a fresh copy") from error
    return modelfile.card_from_json(text)


def save_keras(path: Path, model: keras.Model, card: ModelCard) -> None:
    """Write a .keras file with its card inside; `path` must end in .keras."""
    model.save(path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(CARD_MEMBER, json.dumps(modelfile.card_to_dict(card), ensure_ascii=False))


def _reason(error: BaseException) -> str:
    """Return the reason out of a message of Keras, which may begin with where it happened."""
    lines = [re.sub(r"\x1b\[\d*m", "", line).strip() for line in str(error).splitlines()]
    parts = [line for line in lines if line] or [type(error).__name__]
    reason = parts[1] if parts[0].startswith("Exception encountered when calling") and len(parts) > 1 else parts[0]
    return reason if len(reason) <= MAX_REASON else f"{reason[:MAX_REASON]}..."  # some contain the whole network


def _keras_version(path: Path) -> str:
    """Return the version of Keras that wrote a file, or nothing if it is not recorded."""
    try:
        if _is_hdf5(path):
            with import_from_extra("h5py", extra="train", purpose="reading .h5 files").File(path, "r") as file:
                version = file.attrs.get("keras_version", "")
                return version.decode() if isinstance(version, bytes) else str(version)
        with zipfile.ZipFile(path) as archive:
            return str(parse_json(archive.read(METADATA_MEMBER)).get("keras_version", ""))
    except KERAS_FAULTS:
        return ""


def _is_hdf5(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(len(HDF5_MAGIC)) == HDF5_MAGIC


def _load_archive(path: Path) -> keras.Model:
    """Load a .keras file as Keras does, except that weights are not initialised at random before they are read.

    Keras 3.15 keeps the memory that it initialises them in: 0.9 GB for VGG16, and it takes a second.
    """
    with zipfile.ZipFile(path) as archive:
        if WEIGHTS_MEMBER not in archive.namelist():
            return keras.models.load_model(path, compile=False)
        model = keras.saving.deserialize_keras_object(_without_random(parse_json(archive.read(CONFIG_MEMBER))))
        most = MAX_BYTES_PER_WEIGHT * model.count_params() + MAX_BYTES_BESIDE
        if archive.getinfo(WEIGHTS_MEMBER).file_size > most:
            raise ExportError(f"{str(path)!r} holds far more data than its network has weights for; it was not loaded")
        with tempfile.TemporaryDirectory() as folder:
            model.load_weights(archive.extract(WEIGHTS_MEMBER, folder))
    return model


def _without_random(config: Any) -> Any:
    """Return a Keras configuration with random initialisers replaced by zeros."""
    if isinstance(config, list):
        return [_without_random(value) for value in config]
    if not isinstance(config, dict):
        return config
    if config.get("module") == "keras.initializers" and "seed" in (config.get("config") or {}):
        return {**config, "class_name": "Zeros", "config": {}}
    return {key: _without_random(value) for key, value in config.items()}
