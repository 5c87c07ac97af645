"""A .keras file that carries its model card, so that it can be exported without asking anything.

A .keras file is a zip archive that Keras reads by the names of its members; the card is one more
member, which Keras passes over.
"""

import json
import zipfile
from pathlib import Path

import keras

from edgecls import modelfile
from edgecls.errors import ExportError
from edgecls.model_card import ModelCard

__all__ = ["load_keras", "read_embedded_card", "save_keras"]

CARD_MEMBER = "edgecls.json"


def save_keras(path: Path, model: keras.Model, card: ModelCard) -> None:
    """Write a .keras file with its card inside; `path` must end in .keras."""
    model.save(path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(CARD_MEMBER, json.dumps(modelfile.card_to_dict(card), ensure_ascii=False))


def load_keras(path: Path) -> keras.Model:
    """Load a .keras file for inference.

    Raises:
        ExportError: There is no such file, or it is no whole .keras file that this Keras can load.
    """
    if not path.is_file():
        raise ExportError(f"there is no file {str(path)!r}; give a .keras file")
    try:
        return keras.models.load_model(path, compile=False)
    except (ValueError, TypeError, OSError, KeyError, zipfile.BadZipFile) as error:
        reason = str(error).strip().partition("\n")[0]
        raise ExportError(
            f"cannot load {str(path)!r}: {reason}; give a whole .keras file whose layers are all Keras's own"
        ) from error


def read_embedded_card(path: Path) -> ModelCard | None:
    """Return the card inside a .keras file, or None if another program made the file.

    Raises:
        ModelFileError: The card is damaged.
    """
    with zipfile.ZipFile(path) as archive:
        if CARD_MEMBER not in archive.namelist():
            return None
        return modelfile.card_from_json(archive.read(CARD_MEMBER).decode())
