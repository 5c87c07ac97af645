"""Model files and what is exchanged with other programs: ONNX, its document, labels, weights, .keras and .h5 files."""

import functools
import importlib
import io
import json
import random
import tempfile
import zipfile
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from class_activation_nets import AVERAGING, network
from familiar_model import familiar_model_bytes
from google.protobuf.message import DecodeError
from referenced_model import referenced_model
from tiny_model import tiny_card, tiny_model_bytes, tiny_onnx
from torch_files import save_as_torch

from edgecls import image, modelfile, onnx_container
from edgecls.errors import EdgeclsError, ExportError, ModelConfigError, ModelFileError
from edgecls.export.labels_file import Duplicates, read_labels
from edgecls.model_card import ModelCard
from edgecls.models.pretrained.torch_file import read_torch_file
from edgecls.onnx_container import DamagedContainerError
from edgecls.runtime.opening import load
from fuzz.damage import damaged_bytes
from fuzz.target import Target, check

_DIGEST = '"@"'  # stands in a document for the digest of its network
_IMAGE = image.encode_png(np.full((9, 7, 3), (200, 30, 20), np.uint8))


def read_onnx_container(data: bytes, folder: Path) -> None:
    """The outermost fields of an ONNX file: the same properties as protobuf reads, and what is set comes back."""
    properties = onnx_container.read_properties(data)
    digest = onnx_container.network_sha256(data)
    try:
        proto = onnx.ModelProto.FromString(data)
    except DecodeError:
        proto = None  # which looks into all fields, and not only into the outermost
    if proto is not None:
        check(
            properties == {entry.key: entry.value for entry in proto.metadata_props}, "protobuf reads other properties"
        )
    changed = onnx_container.with_properties(data, {"a": "b\n", "": "红"})
    check(onnx_container.read_properties(changed) == {**properties, "a": "b\n", "": "红"}, "properties are lost")
    check(onnx_container.network_sha256(changed) == digest, "properties change the digest of the network")


def read_document(data: bytes, folder: Path) -> None:
    """The document of a model file: a card that is written and read again without loss."""
    text = data.decode("utf-8", "surrogateescape").replace(_DIGEST, f'"{_tiny_digest()}"')
    try:
        model = onnx_container.with_properties(tiny_onnx(), {modelfile.DOCUMENT_KEY: text})
    except UnicodeEncodeError:
        return  # no file can hold it
    card = modelfile.model_from_bytes(model, name="it").card
    check(card._repr_html_().encode(), "it cannot be shown")
    again = modelfile.model_from_bytes(modelfile.describe(tiny_onnx(), card), name="it").card
    check(again == card, "the card changes when it is written and read")


def open_model(data: bytes, folder: Path) -> None:
    """A model file whose network is damaged though its digest is right: it answers, or is refused when it is opened."""
    path = folder / "model.onnx"
    try:
        path.write_bytes(modelfile.describe(data, _card_of(data)))
    except ModelFileError:
        return
    with load(path, "cpu") as classifier:
        answer = classifier.predict(_IMAGE)
        check(0 <= answer.probability <= 1, f"probability {answer.probability}")
        classifier.explain(_IMAGE)


def read_labels_file(data: bytes, folder: Path) -> None:
    """A file of labels, as text and as JSON: different labels on one line each."""
    refusals = []
    for name in ("labels.txt", "labels.json"):
        (folder / name).write_bytes(data)
        for duplicates in Duplicates:
            try:
                found = read_labels(folder / name, duplicates=duplicates)
            except ExportError as error:
                refusals.append(error)
                continue
            check(len(set(found.labels)) == len(found.labels) >= 2, f"labels {found.labels[:5]}")
            check(
                not any("\n" in label or label != label.strip() for label in found.labels), "a label with white space"
            )
            "".join((*found.labels, *found.remarks)).encode()
    if refusals:
        raise refusals[0]


def read_torch_weights(data: bytes, folder: Path) -> None:
    """A file of torch.save: arrays no larger than the file by far, and nothing that runs."""
    path = folder / "weights.pth"
    path.write_bytes(data)
    for name, array in read_torch_file(path).items():
        check(isinstance(name, str) and isinstance(array, np.ndarray), f"{type(array)} for {name!r}")
        check(array.size <= 1024 * max(1, len(data)), f"{array.size} numbers from {len(data)} bytes")
        float(array.sum(dtype=np.float64)) if array.size < 1 << 16 else None


def read_safetensors(data: bytes, folder: Path) -> None:
    """A .safetensors file."""
    from edgecls.models.pretrained.torch_weights import read_tensors

    path = folder / "weights.safetensors"
    path.write_bytes(data)
    for name, array in read_tensors(path).items():
        check(isinstance(name, str) and array.nbytes <= len(data), f"{array.nbytes} bytes for {name!r}")


def export_keras(data: bytes, folder: Path) -> None:
    """A .keras or .h5 file to export, and as a file of weights for another network."""
    from edgecls.export.from_keras.file import load_keras, read_embedded_card
    from edgecls.models.architecture import ARCHITECTURES
    from edgecls.models.weights import needed_variant

    path = folder / ("model.keras" if data[:2] == b"PK" else "model.h5")
    path.write_bytes(data)
    for architecture in map(ARCHITECTURES.get, ARCHITECTURES.names()):
        needed_variant(architecture, str(path))
    read_embedded_card(path)
    load_keras(path)


def _tiny_digest() -> str:
    return onnx_container.network_sha256(tiny_onnx())


@functools.cache
def _described_models() -> list[bytes]:
    with tempfile.TemporaryDirectory() as folder:
        return [
            tiny_model_bytes(),
            tiny_model_bytes(unknown_threshold=0.5, metrics={"validation_accuracy": 0.9}, training={"epochs": 3}),
            familiar_model_bytes(),
            referenced_model(Path(folder) / "held-out").onnx,
        ]


def _documents() -> list[bytes]:
    documents = []
    for model in _described_models():
        document = json.loads(onnx_container.read_properties(model)[modelfile.DOCUMENT_KEY])
        document["network_sha256"] = json.loads(_DIGEST)
        del document["golden"]["samples"][1:]
        documents.append(json.dumps(document, ensure_ascii=False).encode())
    return documents


def _networks() -> list[bytes]:
    plain = [*_described_models(), tiny_onnx()]
    return [*plain, *(network(head) for head in list(AVERAGING.values())[:3])]


def _card_of(data: bytes) -> ModelCard:
    """Return the card that is in a damaged file, or that of the tiny model."""
    try:
        document = json.loads(onnx_container.read_properties(data)[modelfile.DOCUMENT_KEY])
        return modelfile.card_from_json(json.dumps(document))
    except (KeyError, ValueError, RecursionError, OverflowError, ModelFileError):
        return tiny_card()


def _labels_files() -> list[bytes]:
    return [
        "daisy\nrose\n红\n".encode(),
        b"\xef\xbb\xbfdaisy\r\nrose\r\n",
        "0 daisy\n1 rose\n2 tulip\n".encode("utf-16"),
        b"0: daisy\n1: rose\n",
        b"id,name\n0,daisy\n1,rose\n",
        b"daisy,0\nrose,1\n",
        b'["daisy", "rose"]',
        b'{"daisy": 0, "rose": 1}',
        b'{"0": ["n01", "daisy"], "1": ["n02", "rose"]}',
        b"{'labels': ['daisy', 'rose']}",
        b'{"id2label": {"0": "daisy", "1": "rose"}}',
    ]


def _torch_files() -> list[bytes]:
    arrays: dict[str, Any] = OrderedDict(
        {"a.weight": np.arange(24, dtype=np.float32).reshape(2, 3, 4).transpose(1, 0, 2), "a.bias": np.arange(3)}
    )
    made = []
    with tempfile.TemporaryDirectory() as folder:
        for number, content in enumerate((arrays, {"state_dict": arrays, "epoch": 3}, {"module.x": arrays["a.bias"]})):
            for is_legacy in (False, True):
                path = save_as_torch(Path(folder) / f"{number}{is_legacy}", content, is_legacy=is_legacy)
                made.append(path.read_bytes())
    return made


def _safetensors_files() -> list[bytes]:
    importlib.import_module("edgecls.models.pretrained.torch_weights")  # with Keras, which starts a program
    from safetensors.numpy import save

    arrays = {"a.weight": np.ones((2, 3), np.float32), "b": np.zeros(0, np.int64), "c": np.array(True)}
    return [save(arrays), save(arrays, {"format": "pt"})]


def _keras_files() -> list[bytes]:
    importlib.import_module("edgecls.export.from_keras.file")
    import keras

    model = keras.Sequential(
        [keras.Input((8, 8, 3)), keras.layers.Rescaling(1 / 255), keras.layers.Flatten(), keras.layers.Dense(2)]
    )
    made = []
    with tempfile.TemporaryDirectory() as folder:
        for name in ("a.keras", "a.h5"):
            model.save(Path(folder) / name)
            made.append((Path(folder) / name).read_bytes())
    stream = io.BytesIO(made[0])
    with zipfile.ZipFile(stream, "a") as archive:
        archive.writestr("edgecls.json", json.dumps(modelfile.card_to_dict(tiny_card())))
    return [*made, stream.getvalue()]


def damaged_message(data: bytes, chance: random.Random, words: Sequence[bytes] = ()) -> bytes:
    """Return a protobuf message with some field damaged, at any depth, and all lengths around it right."""
    if chance.random() < 0.15:
        return damaged_bytes(data, chance, words)
    try:
        parts = [(start, body, end) for _, start, body, end in onnx_container.fields(memoryview(data))]
    except DamagedContainerError:
        parts = []
    if not parts:
        return damaged_bytes(data, chance, words)
    pieces = [data[start:end] for start, _, end in parts]
    at = chance.randrange(len(parts))
    start, body, end = parts[at]
    match chance.randrange(10):
        case 0:
            del pieces[at]
        case 1:
            pieces.insert(chance.randrange(len(pieces) + 1), pieces[at])
        case 2:
            pieces[at] = damaged_bytes(pieces[at], chance, words)
        case _ if data[start] & 7 == 2:  # wire type: bytes
            inner = data[body:end]
            changed = damaged_message(inner, chance, words) if len(inner) > 1 else damaged_bytes(inner, chance, words)
            pieces[at] = onnx_container.field_header(data[start] >> 3, len(changed)) + changed
        case _:
            pieces[at] = data[start : start + 1] + bytes((chance.choice((0, 1, 2, 3, 6, 7, 10, 16, 127)),))
    return b"".join(pieces)


def _damaged_model(data: bytes, chance: random.Random, words: Sequence[bytes]) -> bytes:
    for _ in range(chance.choice((1, 1, 2, 4))):
        data = damaged_message(data, chance, words)
    return data


_OPERATORS = (b"Conv", b"MatMul", b"Pad", b"Transpose", b"Reshape", b"Loop", b"image", b"probabilities", b"features")

TARGETS = (
    Target("onnx_container", read_onnx_container, _networks, (DamagedContainerError,), _damaged_model),
    Target("model_document", read_document, _documents, (ModelFileError,)),
    Target("model_network", open_model, _networks, (EdgeclsError,), _damaged_model, _OPERATORS, limit_s=10),
    Target("labels_file", read_labels_file, _labels_files, (ExportError,)),
    Target("torch_weights", read_torch_weights, _torch_files, (ModelConfigError,)),
    Target(
        "safetensors",
        read_safetensors,
        _safetensors_files,
        (ModelConfigError,),
        needs=("keras", "safetensors"),
        is_slow=True,
    ),
    Target(
        "keras_file", export_keras, _keras_files, (EdgeclsError,), limit_s=20, needs=("keras", "h5py"), is_slow=True
    ),
)
