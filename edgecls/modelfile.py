"""The model file: an ONNX network and one JSON document that says what it is.

The document stands under the key "edgecls" in the file's metadata properties. This module reads,
validates and writes it; docs/reference/model-format.md describes it for people and
docs/reference/model-format.schema.json for machines. Reading needs neither onnx nor onnxruntime.
"""

import base64
import binascii
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from edgecls import onnx_container
from edgecls.atomic_write import whole_files
from edgecls.errors import ModelConfigError, ModelFileError, ModelFormatError
from edgecls.image_spec import Color, ImageSpec
from edgecls.model_card import (
    DatasetFacts,
    Familiarity,
    FamiliarityLevel,
    Golden,
    GoldenSample,
    ModelCard,
    require,
)
from edgecls.regular_file import open_regular

__all__ = [
    "ACTIVATION_NAME",
    "FAMILIARITY_NAME",
    "FEATURES_NAME",
    "FORMAT",
    "INPUT_NAME",
    "OUTPUT_NAME",
    "ModelFile",
    "card_from_json",
    "card_to_dict",
    "describe",
    "model_from_bytes",
    "read_model",
    "write_model",
]

FORMAT = 1
"""The version of the document this module reads and writes."""

DOCUMENT_KEY = "edgecls"
MODELS_NAMED = 5  # of those in a folder

INPUT_NAME = "image"
OUTPUT_NAME = "probabilities"

ACTIVATION_NAME = "class_activation"
"""An output that a file may have: float32 ``[N, h, w, K]``, how much each place speaks for each label.

Names of tensors that only this output needs begin with it, and no others do.
"""

FEATURES_NAME = "features"
"""An output that a file may have: float32 ``[N, D]``, the pooled vector that describes each image, not normalised.

Names of tensors that only this output needs begin with it, and no others do.
"""

FAMILIARITY_NAME = "familiarity"
"""An output that a file may have: float32 ``[N]``, larger for images that are more like the training images.

Names of tensors that only this output needs begin with it, and no others do.
"""


@dataclass(frozen=True)
class ModelFile:
    """A model file in memory: its card, and the whole file as onnxruntime takes it."""

    path: str
    card: ModelCard
    onnx: bytes = field(repr=False)
    _known_sha256: str | None = field(default=None, repr=False)

    @property
    def network_sha256(self) -> str:
        """The digest of the network, as `onnx_container.network_sha256`; known already of a file that was read."""
        return self._known_sha256 or onnx_container.network_sha256(self.onnx)


def read_model(path: str | os.PathLike[str], *, check: Callable[[bytes], None] | None = None) -> ModelFile:
    """Read a model file and check that its network is the one its document describes.

    Args:
        path: The file.
        check: Called with the whole file before anything in it is looked at; what it raises is passed on. The bytes
            that it sees are those of the result.

    Raises:
        ModelFormatError: It was written in a newer format.
        ModelFileError: It is missing, damaged, not self-describing, or its network was changed.
    """
    name = os.fspath(path)
    if os.path.isdir(path):
        raise ModelFileError(f"cannot open model {name!r}: it is a folder; {_in_folder(name)}")
    try:
        with open_regular(path) as stream:
            onnx = stream.read()
    except FileNotFoundError as error:
        raise ModelFileError(f"cannot open model {name!r}: no such file; check the path") from error
    except (OSError, ValueError) as error:
        raise ModelFileError(f"cannot open model {name!r}: {error}") from error
    if check is not None:
        check(onnx)
    return model_from_bytes(onnx, name=name)


def _in_folder(folder: str) -> str:
    """Return what to do about a folder given as a model file."""
    try:
        names = sorted(os.listdir(folder))
    except OSError as error:
        return f"give a model file, and not one that cannot be listed ({error.strerror})"
    if "saved_model.pb" in names:
        return "it holds a SavedModel; make a model file of it with edgecls export"
    models = [os.path.join(folder, name) for name in names if name.endswith(".onnx")]
    if not models:
        return "give a model file (.onnx); there is none in it"
    more = f" and {len(models) - MODELS_NAMED} more" if len(models) > MODELS_NAMED else ""
    return f"give one of the model files in it: {', '.join(map(repr, models[:MODELS_NAMED]))}{more}"


def model_from_bytes(onnx: bytes, *, name: str) -> ModelFile:
    """Read a model file that is in memory, and check that its network is the one its document describes.

    Args:
        onnx: The whole model file.
        name: Its path, or what to call it in error messages.

    Raises:
        As `read_model`.
    """
    try:
        text = onnx_container.read_properties(onnx).get(DOCUMENT_KEY)
        if text is None:
            raise ModelFileError(
                "it does not describe itself (no edgecls document in its metadata); "
                "make one with 'edgecls train' or 'edgecls export'"
            )
        document = _parse(text)
        network_sha256 = onnx_container.network_sha256(onnx)
        if document.get("network_sha256") != network_sha256:
            raise ModelFileError(
                "its network is not the one its document describes: the file was changed or damaged after "
                "it was made; get a fresh copy or export it again"
            )
        return ModelFile(name, _card_from(document), onnx, network_sha256)
    except onnx_container.DamagedContainerError as error:
        raise ModelFileError(f"cannot use model {name!r}: {error}; get a fresh copy") from error
    except ModelFileError as error:
        raise type(error)(f"cannot use model {name!r}: {error}") from error


def write_model(path: str | os.PathLike[str], onnx: bytes, card: ModelCard) -> None:
    """Write an ONNX network with its card as one whole model file, or nothing.

    Args:
        path: Where to write; an existing file is replaced once the new one is complete.
        onnx: A serialised ONNX model, with or without a document of its own.
        card: What the file says about itself.

    Raises:
        OutputError: The file cannot be written there.
        ModelFileError: `onnx` is not a whole ONNX model.
    """
    described = describe(onnx, card)
    with whole_files(path) as (temporary,):
        temporary.write_bytes(described)


def describe(onnx: bytes, card: ModelCard) -> bytes:
    """Return the ONNX network with `card` in its metadata.

    Raises:
        ModelFileError: `onnx` is not a whole ONNX model.
    """
    try:
        document = {**card_to_dict(card), "network_sha256": onnx_container.network_sha256(onnx)}
        properties = {
            # What is no text, as of a file whose name is not in UTF-8, is escaped as JSON has it.
            DOCUMENT_KEY: json.dumps(document, ensure_ascii=False, allow_nan=False)
            .encode("utf-8", "backslashreplace")
            .decode(),
            # Keys of the ONNX standard (docs/MetadataProps.md), for readers that know nothing of edgecls.
            "Image.BitmapPixelFormat": "Rgb8" if card.image.color is Color.RGB else "Gray8",
            "Image.ColorSpaceGamma": "SRGB",
            "Image.NominalPixelRange": "NominalRange_0_255",
        }
        return onnx_container.with_properties(onnx, properties)
    except onnx_container.DamagedContainerError as error:
        raise ModelFileError(f"cannot describe the network: {error}") from error


def card_to_dict(card: ModelCard) -> dict[str, Any]:
    """Return the card as the JSON document holds it, without the digest of a network."""
    image = card.image
    document: dict[str, Any] = {
        "format": FORMAT,
        "name": card.name,
        "labels": list(card.labels),
        "image": {"height": image.height, "width": image.width, "color": image.color.value, "fit": image.fit.value},
        "architecture": card.architecture,
        "precision": card.precision,
        "temperature": card.temperature,
        "metrics": dict(card.metrics),
        "training": dict(card.training),
        "versions": dict(card.versions),
        "created": card.created,
        "golden": {
            "tolerance": card.golden.tolerance,
            "samples": [
                {
                    "name": sample.name,
                    "png": base64.b64encode(sample.png).decode("ascii"),
                    "probabilities": list(sample.probabilities),
                    **_unless_none("familiarity", sample.familiarity),
                }
                for sample in card.golden.samples
            ],
            **_unless_none("familiarity_tolerance", card.golden.familiarity_tolerance),
        },
        **_unless_none("unknown_threshold", card.unknown_threshold),
    }
    if card.dataset is not None:
        document["dataset"] = {**vars(card.dataset), "images_per_label": dict(card.dataset.images_per_label)}
    if card.familiarity is not None:
        levels = [dict(vars(level)) for level in card.familiarity.levels]
        document["familiarity"] = {**vars(card.familiarity), "levels": levels}
    if card.reference is not None:
        from edgecls.reference import reference_to_dict

        document["reference"] = reference_to_dict(card.reference)
    return document


def _unless_none(key: str, value: float | None) -> dict[str, float]:
    return {} if value is None else {key: value}


def card_from_json(text: str) -> ModelCard:
    """Read a card from a JSON document, such as the one inside a .keras file.

    Raises:
        ModelFormatError: It was written in a newer format.
        ModelFileError: It is not a valid document.
    """
    return _card_from(_parse(text))


def _parse(text: str) -> dict[str, Any]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ModelFileError(f"its document is not JSON ({error}); get a fresh copy") from error
    require(isinstance(document, dict), "its document is not a JSON object")
    found = document.get("format")
    if isinstance(found, bool) or not isinstance(found, int) or found < 1:
        raise ModelFileError(f"its document has no format number (found {found!r}); get a fresh copy")
    if found > FORMAT:
        raise ModelFormatError(
            f"it is written in format {found}, this edgecls reads up to format {FORMAT}; "
            "update edgecls with: pip install --upgrade edgecls"
        )
    parsed: dict[str, Any] = document
    return parsed


def _card_from(document: dict[str, Any]) -> ModelCard:
    """Build the card; unknown keys are ignored, so that later versions may add facts."""
    image = _take(document, "image", dict)
    golden = _take(document, "golden", dict)
    dataset = document.get("dataset")
    familiarity = document.get("familiarity")
    reference = None
    if document.get("reference") is not None:
        from edgecls.reference import reference_from

        reference = reference_from(document["reference"])
    try:
        spec = ImageSpec(
            **{side: _take(image, side, int, of="image") for side in ("height", "width")},
            **{rule: _take(image, rule, str, of="image") for rule in ("color", "fit")},
        )
    except ModelConfigError as error:
        raise ModelFileError(f"its document is not valid: {error}") from error
    return ModelCard(
        name=_take(document, "name", str),
        labels=tuple(_take(document, "labels", list)),
        image=spec,
        architecture=_take(document, "architecture", str),
        precision=_take(document, "precision", str),
        temperature=_take(document, "temperature", (int, float)),
        unknown_threshold=document.get("unknown_threshold"),
        familiarity=None if familiarity is None else _familiarity_from(familiarity),
        reference=reference,
        metrics=_take(document, "metrics", dict),
        training=_take(document, "training", dict),
        dataset=None if dataset is None else _dataset_from(dataset),
        versions=_take(document, "versions", dict),
        created=_take(document, "created", str),
        golden=Golden(
            tolerance=_take(golden, "tolerance", (int, float), of="golden"),
            samples=tuple(map(_sample_from, _take(golden, "samples", list, of="golden"))),
            familiarity_tolerance=golden.get("familiarity_tolerance"),
        ),
    )


def _familiarity_from(familiarity: Any) -> Familiarity:
    require(isinstance(familiarity, dict), "its document is not valid: familiarity must be an object")
    levels = []
    for level in _take(familiarity, "levels", list, of="familiarity"):
        require(isinstance(level, dict), "its document is not valid: a familiarity level must be an object")
        levels.append(
            FamiliarityLevel(*(_take(level, key, (int, float), of="a level") for key in ("accepted", "threshold")))
        )
    return Familiarity(
        threshold=_take(familiarity, "threshold", (int, float), of="familiarity"),
        accepted=_take(familiarity, "accepted", (int, float), of="familiarity"),
        held_out=_take(familiarity, "held_out", int, of="familiarity"),
        levels=tuple(levels),
    )


def _dataset_from(dataset: Any) -> DatasetFacts:
    require(isinstance(dataset, dict), "its document is not valid: dataset must be an object")
    return DatasetFacts(
        sha256=_take(dataset, "sha256", str, of="dataset"),
        train_images=_take(dataset, "train_images", int, of="dataset"),
        validation_images=_take(dataset, "validation_images", int, of="dataset"),
        images_per_label=_take(dataset, "images_per_label", dict, of="dataset"),
    )


def _sample_from(sample: Any) -> GoldenSample:
    require(isinstance(sample, dict), "its document is not valid: a golden sample must be an object")
    name = _take(sample, "name", str, of="a golden sample")
    try:
        png = base64.b64decode(_take(sample, "png", str, of="a golden sample"), validate=True)
    except (binascii.Error, ValueError) as error:
        raise ModelFileError(f"its document is not valid: golden sample {name!r} is not base64") from error
    probabilities = tuple(_take(sample, "probabilities", list, of="a golden sample"))
    return GoldenSample(name, png, probabilities, sample.get("familiarity"))


def _take(document: Mapping[str, Any], key: str, kind: type | tuple[type, ...], *, of: str = "") -> Any:
    """Return a value of the document after checking that it is there and of the right JSON type."""
    place = f"{of}.{key}" if of else key
    require(key in document, f"its document is not valid: {place} is missing")
    value = document[key]
    require(
        isinstance(value, kind) and not isinstance(value, bool),
        f"its document is not valid: {place} is of the wrong type ({type(value).__name__})",
    )
    return value
