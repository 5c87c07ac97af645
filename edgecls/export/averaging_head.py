"""Finding how a network ends: a mean over a feature map, at most one dense layer, a softmax."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgecls.export.graph.constants import constant_tensors
from edgecls.export.graph.onnx_package import load_onnx_package
from edgecls.export.graph.shapes import InferredShapes
from edgecls.modelfile import OUTPUT_NAME

__all__ = ["AveragingHead", "find_averaging_head"]

_VIEWS = {"Identity", "Flatten", "Reshape", "Squeeze", "Unsqueeze", "Transpose", "Dropout"}
"""Operators that keep the order of numbers in a tensor ``[N, C, 1, 1]``."""

_ROW_AXES = (1, -1)
_MAP_RANK = 4
_FLOAT = 1  # of onnx.TensorProto


@dataclass(frozen=True)
class AveragingHead:
    """The end of a network, by the names of its tensors.

    Attributes:
        feature_map: The tensor that is averaged.
        size_hw: Its height and width.
        channels_last: Its layout: ``[N, h, w, C]`` if true, else ``[N, C, h, w]``.
        weights: Those of the dense layer; None where the means are the logits.
        weight_axes: The axes of the weights, by letters: c for channels, k for labels, i and j for the 1 x 1 window of
            a convolution.
        kept: Which of the logits belong to labels, as the indices of a Gather; None for all.
    """

    feature_map: str
    size_hw: tuple[int, int]
    channels_last: bool
    weights: str | None
    weight_axes: str
    kept: str | None


def find_averaging_head(graph: Any, shapes: InferredShapes) -> AveragingHead | None:
    """Return the averaging head of a network, or None if it ends in another way.

    Args:
        graph: An onnx.GraphProto with output "probabilities".
        shapes: Those of its tensors, at batch size 1.
    """
    return _Search(graph, shapes).run()


class _Search:
    """Walks from the probabilities back to the feature map."""

    def __init__(self, graph: Any, shapes: InferredShapes) -> None:
        self._shapes = shapes
        self._producers = {name: node for node in graph.node for name in node.output}
        self._constants = constant_tensors(graph)

    def run(self) -> AveragingHead | None:
        softmax = self._producers.get(OUTPUT_NAME)
        while softmax is not None and softmax.op_type == "Identity":
            softmax = self._producers.get(softmax.input[0])
        if softmax is None or softmax.op_type != "Softmax" or _attributes(softmax).get("axis", -1) not in _ROW_AXES:
            return None
        tensor, kept = self._before_selection(self._before_scaling(softmax.input[0]))
        tensor, weights, weight_axes = self._before_dense(self._before_scaling(tensor))
        shape = self._shapes.known(tensor)
        if shape is None or self._shapes.batch_axis(tensor) != 0 or math.prod(shape) != shape[1]:
            return None
        pooling = self._producers.get(self._before_norm(tensor))
        channels_last = None if pooling is None else self._averages_all(pooling)
        if pooling is None or channels_last is None:
            return None
        map_shape = self._shapes.known(pooling.input[0]) or ()
        size_hw = map_shape[1:3] if channels_last else map_shape[2:]
        if math.prod(size_hw) == 1:
            return None  # a single position shows nothing
        return AveragingHead(pooling.input[0], (size_hw[0], size_hw[1]), channels_last, weights, weight_axes, kept)

    def _before_views(self, tensor: str) -> str:
        while (node := self._producers.get(tensor)) is not None and node.op_type in _VIEWS:
            tensor = node.input[0]
        return tensor

    def _before_scaling(self, tensor: str) -> str:
        """Skip what changes all positions alike: biases, and positive factors such as a temperature."""
        while True:
            tensor = self._before_views(tensor)
            node = self._producers.get(tensor)
            if node is None or node.op_type not in ("Add", "Mul", "Div"):
                return tensor
            constants = [name for name in node.input if name in self._constants]
            others = [name for name in node.input if name not in self._constants]
            if len(constants) != 1 or (node.op_type == "Div" and node.input[0] == constants[0]):
                return tensor
            if node.op_type != "Add" and not self._is_positive_number(constants[0]):
                return tensor
            tensor = others[0]

    def _before_norm(self, tensor: str) -> str:
        """Skip what divides the means by their length, and positive factors: they too change all positions alike."""
        while True:
            tensor = self._before_views(tensor)
            node = self._producers.get(tensor)
            if node is not None and node.op_type == "Cast" and _attributes(node)["to"] == _FLOAT:
                tensor = node.input[0]
                continue
            if node is None or node.op_type not in ("Mul", "Div"):
                return tensor
            kept, other = node.input
            if node.op_type == "Mul" and kept in self._constants:
                kept, other = other, kept
            is_number = other in self._constants and self._is_positive_number(other)
            if not is_number and not (node.op_type == "Div" and self._is_length(other, of=kept)):
                return tensor
            tensor = kept

    def _is_length(self, tensor: str, *, of: str) -> bool:
        """True if a tensor is the length of each row of another one, perhaps with a constant added to it."""
        node = self._producers.get(tensor)
        if node is not None and node.op_type in ("Add", "Max") and len(node.input) == 2:
            constants = [name for name in node.input if name in self._constants]
            if len(constants) != 1 or not self._is_positive_number(constants[0]):
                return False
            node = self._producers.get(next(name for name in node.input if name not in self._constants))
        return node is not None and node.op_type == "ReduceL2" and node.input[0] == of

    def _is_positive_number(self, constant: str) -> bool:
        return math.prod(self._constants[constant].dims) == 1 and float(self._values(constant).reshape(())) > 0

    def _before_selection(self, tensor: str) -> tuple[str, str | None]:
        """Skip a selection of logits, as in a network whose background class was removed."""
        node = self._producers.get(tensor)
        if (
            node is not None
            and node.op_type == "Gather"
            and _attributes(node).get("axis", 0) in _ROW_AXES
            and node.input[1] in self._constants
        ):
            return node.input[0], node.input[1]
        return tensor, None

    def _before_dense(self, tensor: str) -> tuple[str, str | None, str]:
        node = self._producers.get(tensor)
        if node is None or len(node.input) < 2 or node.input[1] not in self._constants:
            return tensor, None, ""
        weights, attributes = node.input[1], _attributes(node)
        rank = len(self._constants[weights].dims)
        if node.op_type == "MatMul" and rank == 2:
            return node.input[0], weights, "ck"
        if node.op_type == "Gemm" and not attributes.get("transA") and attributes.get("alpha", 1) > 0:
            return node.input[0], weights, "kc" if attributes.get("transB") else "ck"
        sees_one_place = tuple(self._constants[weights].dims[2:]) == (1, 1)
        if node.op_type == "Conv" and rank == _MAP_RANK and sees_one_place and attributes.get("group", 1) == 1:
            return node.input[0], weights, "kcij"
        return tensor, None, ""

    def _averages_all(self, node: Any) -> bool | None:
        """Return whether the feature map that a node averages is channels-last; None if it averages less than all."""
        shape, attributes = self._shapes.known(node.input[0]), _attributes(node)
        if shape is None or len(shape) != _MAP_RANK or self._shapes.batch_axis(node.input[0]) != 0:
            return None
        if node.op_type == "GlobalAveragePool":
            return False
        if node.op_type == "AveragePool":
            whole = tuple(attributes["kernel_shape"]) == shape[2:] and not any(attributes.get("pads", ()))
            return False if whole and self._shapes.known(node.output[0]) == (*shape[:2], 1, 1) else None
        if node.op_type == "ReduceMean":
            axes = attributes.get("axes")
            if axes is None and len(node.input) > 1 and node.input[1] in self._constants:
                axes = self._values(node.input[1]).tolist()
            return {(1, 2): True, (2, 3): False}.get(tuple(sorted(axis % _MAP_RANK for axis in axes or ())))
        return None

    def _values(self, constant: str) -> npt.NDArray[Any]:
        return np.asarray(load_onnx_package().numpy_helper.to_array(self._constants[constant]))


def _attributes(node: Any) -> Mapping[str, Any]:
    helper = load_onnx_package().helper
    return {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
