"""The pooled features of a network: finding their tensor, and computing them for many images."""

import math
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from edgecls.errors import DatasetError, FamiliarityError, ImageError
from edgecls.export.graph.constants import constant_tensors
from edgecls.export.graph.onnx_package import load_onnx_package
from edgecls.export.graph.shapes import InferredShapes, infer_shapes
from edgecls.in_order import map_in_order
from edgecls.modelfile import ACTIVATION_NAME, FEATURES_NAME, INPUT_NAME, OUTPUT_NAME
from edgecls.runtime.execution.onnxruntime_network import open_raw_network
from edgecls.runtime.machine.cores import usable_cores
from edgecls.runtime.optional_outputs import without_outputs

__all__ = ["FeatureRows", "FeatureTensor", "Pixels", "compute_features", "find_features"]

FeatureRows = npt.NDArray[np.float32]
"""Features of images: float32, ``[N, D]``; may be memory-mapped."""

MEMORY_BYTES = 64 << 20  # of features; more of them go to a file that is mapped into memory

_POOLING = {"GlobalAveragePool", "GlobalMaxPool", "AveragePool", "MaxPool", "ReduceMean", "ReduceMax", "ReduceSum"}
_DENSE = {"MatMul": 1, "Gemm": 1, "Conv": 1}  # with the place of the weights among their inputs
_MAP_RANK = 4


class Pixels(Protocol):
    """Images at the model's size, by their numbers: an array ``[N, H, W, C]``, or what decodes them on access."""

    def __getitem__(self, index: int, /) -> npt.NDArray[np.uint8]:
        """Return an image, uint8 ``[H, W, C]``. Called from several threads."""


@dataclass(frozen=True)
class FeatureTensor:
    """A tensor of a network that describes an image by a vector.

    Attributes:
        name: Of the tensor: ``[N, D]``, or the same numbers with further sides of 1.
        width: D, the length of the vector.
    """

    name: str
    width: int


def find_features(onnx: bytes, *, tensor: str | None = None) -> FeatureTensor | None:
    """Return the tensor that describes an image, as the classification sees it.

    It is the output "features", where there is one. Otherwise it is the last tensor that pools a whole feature map and
    that all of the probabilities depend on; in a network without one, what the last dense layer takes.

    Args:
        onnx: A network with input "image" of known size and output "probabilities".
        tensor: The name of the tensor, where it is known.

    Returns:
        None if the network has no such tensor.

    Raises:
        FamiliarityError: It has no tensor of the name that is given, or that tensor is no vector for each image.
        MissingExtraError: The package onnx is not installed.
    """
    proto = load_onnx_package().load_model_from_string(onnx)
    (image,) = proto.graph.input
    height, width, channels = (dim.dim_value for dim in image.type.tensor_type.shape.dim[1:])
    shapes = infer_shapes(proto, INPUT_NAME, batch=1, sizes=(height, width, channels))
    if tensor is None:
        return _Search(proto.graph, shapes).run()
    found = _vector(tensor, shapes)
    if found is None:
        raise FamiliarityError(f"the network has no tensor {tensor!r} that is a vector for each image")
    return found


def compute_features(
    onnx: bytes,
    pixels: Pixels,
    indices: Sequence[int],
    *,
    name: str,
    folder: Path | None = None,
    on_failure: Callable[[ImageError], None] = lambda error: None,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[FeatureRows, list[int]]:
    """Run a network on images, on all usable cores, and return its output "features".

    Images are taken one by one, so memory does not grow with their number; neither does it with that of the features,
    which are in a file without a name if they are many.

    Args:
        onnx: A network with that output.
        pixels: The images.
        indices: Which of them, in which order.
        name: What to call the network in error messages.
        folder: Where that file goes; None for the system's folder of temporary files.
        on_failure: Called with the reason why an image is left out.
        on_progress: Called with the number of images done and the number of all.

    Returns:
        The features, and the number of the image that each is of: `indices` without those that cannot be decoded.

    Raises:
        DatasetError: There is no space for the features.
        ProviderError: onnxruntime failed while running.
    """
    network = open_raw_network(without_outputs(onnx, ACTIVATION_NAME), name=name)
    rows: FeatureRows = np.empty((0, 0), np.float32)
    kept: list[int] = []

    def features(index: int) -> npt.NDArray[np.generic] | ImageError:
        try:
            image = pixels[index]
        except ImageError as error:
            return error
        return np.asarray(network.run(image[np.newaxis], input_name=INPUT_NAME)[FEATURES_NAME][0])

    found = map_in_order(features, map(int, indices), workers=usable_cores())
    for done, (index, row) in enumerate(zip(indices, found, strict=True)):
        if isinstance(row, ImageError):
            on_failure(row)
        else:
            if not kept:
                rows = _allocate((len(indices), len(row)), folder)
            rows[len(kept)] = row
            kept.append(int(index))
        on_progress(done + 1, len(indices))
    return rows[: len(kept)], kept


def _allocate(shape: tuple[int, int], folder: Path | None) -> FeatureRows:
    size_bytes = math.prod(shape) * np.dtype(np.float32).itemsize
    if size_bytes <= MEMORY_BYTES:
        return np.empty(shape, np.float32)
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            return np.memmap(file, np.float32, mode="w+", shape=shape)
    except OSError as error:
        raise DatasetError(
            f"cannot keep {size_bytes / 1e9:.1f} GB of features in {str(folder or tempfile.gettempdir())!r}: "
            f"{error.strerror or error}; make space there"
        ) from error


def _vector(name: str, shapes: InferredShapes) -> FeatureTensor | None:
    """Return a tensor as features if it has one vector for each image."""
    shape = shapes.known(name)
    if shape is None or shapes.batch_axis(name) != 0 or math.prod(shape) != max(shape) or max(shape) == 1:
        return None
    return FeatureTensor(name, max(shape))


class _Search:
    """Walks from the probabilities back towards the image."""

    def __init__(self, graph: Any, shapes: InferredShapes) -> None:
        self._nodes = list(graph.node)
        self._shapes = shapes
        self._constants = constant_tensors(graph)
        self._there = next((value.name for value in graph.output if value.name == FEATURES_NAME), None)

    def run(self) -> FeatureTensor | None:
        if self._there is not None:
            shape = self._shapes.known(self._there)
            return None if shape is None or len(shape) != 2 else _vector(self._there, self._shapes)
        needed = self._needed_for_probabilities()
        pooled = (node.output[0] for node in reversed(needed) if self._pools_all(node))
        taken = (node.input[0] for node in reversed(needed) if self._is_dense(node))
        for name in (*pooled, *taken):
            found = _vector(name, self._shapes)
            if found is not None and self._all_depends_on(name, needed):
                return found
        return None

    def _needed_for_probabilities(self) -> list[Any]:
        needed = {OUTPUT_NAME}
        kept = []
        for node in reversed(self._nodes):
            if not needed.isdisjoint(node.output):
                needed.update(node.input)
                kept.append(node)
        return kept[::-1]

    def _pools_all(self, node: Any) -> bool:
        """True if a node reduces a whole feature map to one number for each of its channels."""
        if node.op_type not in _POOLING:
            return False
        shape = self._shapes.known(node.input[0])
        return shape is not None and len(shape) == _MAP_RANK and _vector(node.output[0], self._shapes) is not None

    def _is_dense(self, node: Any) -> bool:
        place = _DENSE.get(node.op_type, len(node.input))
        return place < len(node.input) and node.input[place] in self._constants

    def _all_depends_on(self, name: str, needed: list[Any]) -> bool:
        """True if nothing but a tensor connects the image with the probabilities."""
        reached = {INPUT_NAME}
        for node in needed:
            if not reached.isdisjoint(node.input):
                reached.update(output for output in node.output if output != name)
        return OUTPUT_NAME not in reached
