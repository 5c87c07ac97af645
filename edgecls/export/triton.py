"""Model repositories of NVIDIA's Triton Inference Server: a model file in the folders that Triton reads.

Triton runs the network itself, with its onnxruntime backend, so clients send pixels at the model's size, uint8
``[N, height, width, channels]``; nothing of edgecls runs there. Labels come with Triton's classification extension.
"""

import json
import os
import shutil
from pathlib import Path

from edgecls.errors import OutputError
from edgecls.model_card import ModelCard
from edgecls.modelfile import (
    ACTIVATION_NAME,
    FAMILIARITY_NAME,
    FEATURES_NAME,
    INPUT_NAME,
    OUTPUT_NAME,
    ModelFile,
    describe,
)
from edgecls.runtime.golden import golden_batch
from edgecls.runtime.optional_outputs import without_outputs

__all__ = ["MAX_BATCH_SIZE", "triton_config", "write_triton_model"]

MAX_BATCH_SIZE = 32
"""Images that Triton may run together. onnxruntime keeps the memory of the largest batch that it ever ran."""

LABELS_FILE = "labels.txt"
WARMUP_FOLDER = "warmup"  # where Triton looks for the files that input_data_file names


def write_triton_model(model: ModelFile, repository: Path) -> Path:
    """Write a model into a model repository, whole or not at all, and return its folder ``repository/NAME``.

    NAME is the name of the model file without its suffix, by which `edgecls serve` knows it, too. The folder has
    ``config.pbtxt``, ``labels.txt``, ``1/model.onnx`` and the pixels of the golden samples in ``warmup/``. The class
    activation and the features are left out of the network, as onnxruntime would compute them for each answer.

    Args:
        model: The model file.
        repository: A folder, which is made if it is missing.

    Raises:
        ModelFileError: A golden sample is damaged.
        OutputError: The model is in the repository already, or nothing can be written there.
    """
    name = Path(model.path).stem
    target = repository / name
    files = {
        "config.pbtxt": triton_config(name, model).encode(),
        LABELS_FILE: "".join(f"{label}\n" for label in model.card.labels).encode(),
        **{f"{WARMUP_FOLDER}/{name}": pixels for name, pixels in _warmup_files(model.card).items()},
        "1/model.onnx": describe(without_outputs(model.onnx, ACTIVATION_NAME, FEATURES_NAME), model.card),
    }
    temporary = repository / f".{os.urandom(4).hex()}-{name}"
    try:
        if target.exists():
            raise OutputError(
                f"cannot write {str(target)!r}: this model is in the repository already; remove its folder or give "
                "another repository"
            )
        for relative, content in files.items():
            path = temporary / relative
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        temporary.rename(target)
    except OSError as error:
        raise OutputError(f"cannot write {str(target)!r}: {error.strerror or error}; choose another place") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return target


def triton_config(name: str, model: ModelFile) -> str:
    """Return the text of ``config.pbtxt``: Triton's ModelConfig in protobuf's text format.

    Args:
        name: Of the model in the repository.
        model: The model file. What Triton does not ask for (how images are fitted and their colours) goes into
            `parameters`, where clients find it.
    """
    card = model.card
    sides = ", ".join(map(str, card.image.shape_hwc))
    facts = {
        "edgecls_name": card.name,
        "edgecls_fit": card.image.fit.value,
        "edgecls_color": card.image.color.value,
        "edgecls_network_sha256": model.network_sha256,
    }
    if card.unknown_threshold is not None:
        facts["edgecls_unknown_threshold"] = f"{card.unknown_threshold:g}"
    outputs = [
        f'{{ name: "{OUTPUT_NAME}" data_type: TYPE_FP32 dims: [ {len(card.labels)} ] label_filename: "{LABELS_FILE}" }}'
    ]
    if card.familiarity is not None:
        facts["edgecls_familiarity_threshold"] = f"{card.familiarity.threshold:.6g}"
        # A number for each image; Triton wants to hear of at least one dimension.
        outputs.append(f'{{ name: "{FAMILIARITY_NAME}" data_type: TYPE_FP32 dims: [ 1 ] reshape {{ shape: [ ] }} }}')
    lines = [
        f"name: {_quoted(name)}",
        'backend: "onnxruntime"',
        f"max_batch_size: {MAX_BATCH_SIZE}",
        "input [",
        f'  {{ name: "{INPUT_NAME}" data_type: TYPE_UINT8 format: FORMAT_NHWC dims: [ {sides} ] }}',
        "]",
        *(line for output in outputs for line in ("output [", f"  {output}", "]")),
        "dynamic_batching { }",
    ]
    for file in _warmup_names(card):
        lines += [
            "model_warmup [",
            f'  {{ name: "{file}" batch_size: 1 inputs {{ key: "{INPUT_NAME}" value '
            f'{{ data_type: TYPE_UINT8 dims: [ {sides} ] input_data_file: "{file}" }} }} }}',
            "]",
        ]
    for key, value in facts.items():
        lines.append(f'parameters {{ key: "{key}" value {{ string_value: {_quoted(value)} }} }}')
    return "\n".join(lines) + "\n"


def _warmup_names(card: ModelCard) -> list[str]:
    return [f"golden-{number}" for number in range(1, len(card.golden.samples) + 1)]


def _warmup_files(card: ModelCard) -> dict[str, bytes]:
    """Return the pixels of each golden sample as Triton reads them: rows of bytes, without any header."""
    return {file: pixels.tobytes() for file, pixels in zip(_warmup_names(card), golden_batch(card), strict=True)}


def _quoted(text: str) -> str:
    """Return a text as protobuf's text format has it; its escapes are those of JSON."""
    return json.dumps(text, ensure_ascii=False)
