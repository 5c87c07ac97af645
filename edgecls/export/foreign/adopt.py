"""Adopting an ONNX classifier that another program exported: it becomes a model file."""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgecls.errors import ExportError, ModelFileError, ProviderError
from edgecls.export.foreign.batch_axis import free_batch
from edgecls.export.foreign.facts import StatedPipeline, find_input, find_output
from edgecls.export.foreign.file import ForeignFile, read_foreign_file
from edgecls.export.foreign.graph import wrap
from edgecls.export.foreign.pipeline import INT8_MIDDLE, BackgroundClass, ForeignInput, ForeignOutput, Scores
from edgecls.export.labels_file import read_labels_next_to
from edgecls.export.parity import Network
from edgecls.export.pixel_scaling import Preset, other_conventions
from edgecls.export.proof import Export, golden_answers, prove
from edgecls.export.samples import read_samples
from edgecls.model_card import ModelCard, check_labels
from edgecls.runtime.execution.onnxruntime_network import RawNetwork, open_raw_network

__all__ = ["MAX_DIFFERENCE", "Adoption", "adopt_file"]

MAX_DIFFERENCE = {"float32": 1e-5, "uint8": 1e-5, "int8": 1e-5, "float16": 1e-3}
"""Of any probability, by what the network takes. With halves, the order of the same sums shows."""

NOISE_IMAGES = 3  # in addition to the samples, to determine what the outputs are; also the trial batch size

Answers = Callable[[npt.NDArray[np.uint8]], dict[str, npt.NDArray[Any]]]
"""Gives every output of the original network for images, uint8 ``[N, H, W, C]``."""


@dataclass(frozen=True)
class Adoption:
    """A foreign classifier as a model file.

    Attributes:
        export: The file, its card, and how close it came to the original.
        remarks: What was determined about the network, for the user to check.
        otherwise: Runs the original for another pixel convention, by the options that state it; empty where the
            network takes raw pixels.
    """

    export: Export
    remarks: tuple[str, ...]
    otherwise: Mapping[str, Callable[[], Network]] = field(default_factory=dict)


def adopt_file(path: Path, stated: StatedPipeline, *, max_difference: float | None = None) -> Adoption:
    """Turn an ONNX classifier into a model file, in memory.

    Args:
        path: An .onnx file with one input, a batch of images. Weights in files next to it are included.
        stated: What the user says about it.
        max_difference: Largest difference of any probability between the original with its pixels
            prepared by numpy, and the model file. None for what MAX_DIFFERENCE says.

    Raises:
        ParityError: The two differ by more.
        ExportError: The file cannot be adopted, or something about it is not known; the message names the option.
        DatasetError: The folder of samples has no usable image.
        ModelFileError: onnxruntime cannot load the file.
        ProviderError: onnxruntime cannot run the file.
        MissingExtraError: onnx or onnxruntime is not installed.
    """
    foreign = read_foreign_file(path)
    original = open_raw_network(foreign.onnx, name=foreign.name)
    taking = find_input(foreign, stated)
    samples = read_samples(stated.samples, taking.spec)
    batch = foreign.shape[0] or 1
    answers = _in_batches_of(batch, original, taking)
    noise = np.random.default_rng(seed=1).integers(0, 256, (NOISE_IMAGES, *taking.spec.shape_hwc), np.uint8)
    labels, remarks = _labels_of(path, foreign, stated)
    giving = find_output(foreign, answers(np.stack([*samples.values(), *noise])), stated, labels)
    if len(labels) == giving.count and giving.background is not BackgroundClass.NONE:
        background = labels[0 if giving.background is BackgroundClass.FIRST else -1]
        remarks += (f"labels: {background!r} is the background class, which is left out",)
        labels = tuple(labels[index] for index in giving.kept)

    proto, freed = foreign.proto, False
    if foreign.shape[0] is not None or not _takes_any_batch(original, taking, giving, noise):
        proto, freed = free_batch(foreign.proto, taking.name, batch=batch, sizes=taking.sizes), True
        _check_freed(foreign, proto, answers, taking, giving, noise)

    def probabilities(images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        return giving.finish(answers(images)[giving.name])

    name = _card_name(path)
    architecture = stated.architecture or name
    card = ModelCard(
        name=name,
        labels=labels,
        image=taking.spec,
        architecture=architecture,
        precision=_precision(foreign),
        training=_provenance(foreign, name, taking, giving),
        golden=golden_answers(probabilities, samples, name=foreign.name),
    )
    if max_difference is None:
        max_difference = MAX_DIFFERENCE[foreign.element_type]
    export = prove(wrap(proto, taking, giving), probabilities, card, packages=(), max_difference=max_difference)
    otherwise = {}
    if taking.element_type not in ("uint8", "int8"):
        otherwise = {
            options: functools.partial(_prepared_otherwise, original, batch, taking, preset, giving)
            for options, preset in other_conventions(taking.scaling, taking.order).items()
        }
    return Adoption(export, (*remarks, *_remarks(taking, giving, batch if freed else None)), otherwise)


def _prepared_otherwise(
    original: RawNetwork, batch: int, taking: ForeignInput, preset: Preset, giving: ForeignOutput
) -> Network:
    answers = _in_batches_of(batch, original, replace(taking, order=preset.order, scaling=preset.scaling))
    return lambda images: giving.finish(answers(images)[giving.name])


def _labels_of(path: Path, foreign: ForeignFile, stated: StatedPipeline) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the labels that the user, the file itself, or a file next to it states, and remarks."""
    if stated.labels is not None:
        named = foreign.labels
        if named is not None and sorted(named) == sorted(stated.labels) and named != stated.labels:
            raise ExportError(
                f"{foreign.name!r} names its outputs itself, in another order than the labels given: "
                f"{', '.join(map(repr, named[:10]))}; bring them into that order, or leave out --labels"
            )
        return stated.labels, ()
    if foreign.labels is not None:
        check_labels(foreign.labels)
        return foreign.labels, (f"labels: the {len(foreign.labels)} that the file names its outputs with",)
    read = read_labels_next_to(path, stated.duplicates)
    return read.labels, read.remarks


def _in_batches_of(size: int, original: RawNetwork, taking: ForeignInput) -> Answers:
    """Return the original as a function of any number of images; it always gets `size` at once."""

    def answers(images: npt.NDArray[np.uint8]) -> dict[str, npt.NDArray[Any]]:
        parts: dict[str, list[npt.NDArray[Any]]] = {}
        for start in range(0, len(images), size):
            chunk = images[start : start + size]
            filled = np.resize(chunk, (size, *chunk.shape[1:]))  # repeats them
            for name, values in original.run(taking.prepare(filled), input_name=taking.name).items():
                if values.ndim and len(values) == size:  # else it has no row for each image
                    parts.setdefault(name, []).append(values[: len(chunk)])
        return {name: np.concatenate(values) for name, values in parts.items()}

    return answers


def _takes_any_batch(
    original: RawNetwork, taking: ForeignInput, giving: ForeignOutput, images: npt.NDArray[np.uint8]
) -> bool:
    """Determine whether a network that declares a dynamic batch accepts one."""
    try:
        values = original.run(taking.prepare(images), input_name=taking.name)[giving.name]
    except ProviderError:
        return False
    return values.shape[:2] == (len(images), giving.count)


def _check_freed(
    foreign: ForeignFile,
    proto: Any,
    answers: Answers,
    taking: ForeignInput,
    giving: ForeignOutput,
    images: npt.NDArray[np.uint8],
) -> None:
    """Refuse a network whose batch could not be freed."""
    expected = giving.finish(answers(images)[giving.name])
    try:
        network = open_raw_network(proto.SerializeToString(), name=foreign.name)
        for size in (1, len(images)):
            values = network.run(taking.prepare(images[:size]), input_name=taking.name)[giving.name]
            if values.shape[0] != size or prod(values.shape) != size * giving.count:
                raise ProviderError(f"{size} images give shape {values.shape}")
            difference = float(np.abs(giving.finish(values) - expected[:size]).max())
            if not difference <= MAX_DIFFERENCE["float16"]:  # the parity gate looks closer
                raise ProviderError(f"probabilities in a batch of {size} differ by {difference:.2g}")
    except (ModelFileError, ProviderError) as error:
        raise ExportError(
            f"cannot adopt {foreign.name!r}: it takes {foreign.shape[0] or 1} image(s) at a time, and its graph "
            f"cannot be rewritten for any number ({error}); export it again with a free batch (torch.onnx.export: "
            "dynamic_axes or dynamic_shapes; tf2onnx: an input shape that begins with -1)"
        ) from error


def _card_name(path: Path) -> str:
    """Return the file's name without its ending, as far as it can stand on a card."""
    readable = "".join(char if char.isprintable() else " " for char in path.stem)
    return " ".join(readable.split()) or "adopted"


def _precision(foreign: ForeignFile) -> str:
    """Return the number format that most weights have."""
    names = {1: "float32", 2: "int8", 3: "int8", 10: "float16", 11: "float64", 16: "bfloat16"}
    counts: dict[str, int] = {}
    for weight in foreign.proto.graph.initializer:
        if weight.data_type in names:
            name = names[weight.data_type]
            counts[name] = counts.get(name, 0) + prod(weight.dims)
    return max(counts, key=counts.__getitem__, default="float32")


def _provenance(foreign: ForeignFile, name: str, taking: ForeignInput, giving: ForeignOutput) -> dict[str, str]:
    pixels = {"uint8": "as they are", "int8": f"minus {INT8_MIDDLE}"}
    facts = {
        "adopted_from": f"{name}.onnx",
        "producer": foreign.producer,
        "input": f"{taking.element_type} {taking.layout} {taking.order}",
        "pixels": pixels.get(taking.element_type, str(taking.scaling)),
        "output": str(giving.scores),
    }
    if giving.quantization is not None:
        quantization = giving.quantization
        facts["output_quantization"] = f"scale {quantization.scale:g}, zero point {quantization.zero_point}"
    if giving.background is not BackgroundClass.NONE:
        facts["background_class"] = f"{giving.background}, left out"
    return {key: value for key, value in facts.items() if value}


def _remarks(taking: ForeignInput, giving: ForeignOutput, freed_batch: int | None) -> tuple[str, ...]:
    remarks = [f"input {taking.name!r}: {taking.element_type}, {taking.layout}, {taking.order}; images {taking.spec}"]
    if taking.element_type == "int8":
        remarks.append(f"pixels: minus {INT8_MIDDLE}")
    elif taking.element_type != "uint8":
        channels = f" ({', '.join(taking.order.channel_names)})" if len(taking.scaling.mean) > 1 else ""
        remarks.append(f"pixels: {taking.scaling}{channels}")
    added = "a softmax was added" if giving.scores is Scores.LOGITS else "rows sum to 1"
    if giving.must_be_summed:
        added = "divided by their sum, so that rows sum to 1"
    if giving.quantization is not None:
        scale, zero_point = giving.quantization.scale, giving.quantization.zero_point
        remarks.append(f"output {giving.name!r}: {giving.element_type}, (number - {zero_point}) * {scale:g}")
    remarks.append(f"output {giving.name!r}: {giving.scores}; {added}")
    if giving.background is not BackgroundClass.NONE:
        remarks.append(f"background class: the {giving.background} of {giving.count} outputs was left out")
    if freed_batch is not None:
        remarks.append(f"batch: was fixed to {freed_batch}, is free now")
    return tuple(remarks)
