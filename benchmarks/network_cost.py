"""The minimum cost of a network: arithmetic and memory traffic, counted from the shapes in its graph, not measured.

Counted are the layers that do nearly all of the work: Conv, Gemm and MatMul. A multiplication with its addition counts
as two operations. Sums, activations and pooling between them are counted as free, as a good compiler fuses them into
these layers.
"""

from dataclasses import dataclass
from math import prod
from typing import Any

import onnx

from edgecls.modelfile import INPUT_NAME, OUTPUT_NAME

__all__ = ["DEVICES", "DevicePeak", "Layer", "NetworkCost", "floor_s", "known_device", "network_cost"]

COUNTED = ("Conv", "Gemm", "MatMul")


@dataclass(frozen=True)
class Layer:
    """What one layer costs for one image.

    Attributes:
        operations: Multiplications and additions, counted separately.
        moved: Numbers that go in and come out, without weights.
        weights: Numbers of its weights, which a batch needs once.
    """

    operations: int
    moved: int
    weights: int


@dataclass(frozen=True)
class NetworkCost:
    """What a network costs.

    Attributes:
        layers: Those that are counted.
        image_bytes: Of one image, as it goes in.
        answers: Numbers that come out for one image.
    """

    layers: tuple[Layer, ...]
    image_bytes: int
    answers: int

    @property
    def operations(self) -> int:
        """For one image."""
        return sum(layer.operations for layer in self.layers)

    @property
    def weights(self) -> int:
        """Numbers of all weights."""
        return sum(layer.weights for layer in self.layers)


@dataclass(frozen=True)
class DevicePeak:
    """What a device can do at most, as its data sheet says; dense arithmetic, without structured sparsity.

    Attributes:
        tflops: 10^12 operations a second by precision: "float32", "TF32", "float16".
        bandwidth_gbs: Of its memory, in 10^9 bytes a second.
    """

    tflops: dict[str, float]
    bandwidth_gbs: float


DEVICES = {
    "H100 PCIe": DevicePeak({"float32": 51, "TF32": 378, "float16": 756}, 2000),
    "H100 NVL": DevicePeak({"float32": 60, "TF32": 417.5, "float16": 835.5}, 3900),
    "H100": DevicePeak({"float32": 67, "TF32": 494.5, "float16": 989.5}, 3350),  # SXM5, which "80GB HBM3" stands for
    "H200 NVL": DevicePeak({"float32": 60, "TF32": 417.5, "float16": 835.5}, 4800),
    "H200": DevicePeak({"float32": 67, "TF32": 494.5, "float16": 989.5}, 4800),
}
"""By a part of the name that the driver has for them; the first that fits counts. From NVIDIA's data sheets."""


def known_device(name: str) -> DevicePeak | None:
    """Return what a device can do by the driver's name for it; None if it is not listed."""
    return next((peak for part, peak in DEVICES.items() if part in name), None)


def network_cost(network: bytes) -> NetworkCost:
    """Count what a network costs.

    Args:
        network: A serialised ONNX model whose input has a free batch axis.

    Raises:
        ValueError: The shape of a counted layer cannot be found out.
    """
    proto = onnx.load_from_string(network)
    proto.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1
    del proto.graph.value_info[:]
    graph = onnx.shape_inference.infer_shapes(proto).graph
    shapes = {value.name: _shape(value) for value in (*graph.input, *graph.value_info, *graph.output)}
    weights = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    layers = [_layer(node, {**shapes, **weights}, set(weights)) for node in graph.node if node.op_type in COUNTED]
    return NetworkCost(tuple(layers), prod(shapes[INPUT_NAME]), prod(shapes[OUTPUT_NAME]))


def floor_s(cost: NetworkCost, peak: DevicePeak, *, precision: str, batch: int) -> tuple[float, float]:
    """Return the seconds below which no run of a batch can be, and those for layers that run one after the other.

    Args:
        cost: Of the network.
        peak: Of the device.
        precision: "float32", "TF32" or "float16".
        batch: Images in a run.

    Returns:
        First the roofline of the whole network: all arithmetic, or weights, images and answers moved once, whichever
        takes longer. Then the sum over the layers of the roofline of each, what goes in and comes out of it being moved
        through memory; caches may beat that in small batches.
    """
    per_s, bytes_per_s = 1e12 * peak.tflops[precision], 1e9 * peak.bandwidth_gbs
    size = 2 if precision == "float16" else 4
    moved = cost.weights * size + batch * (cost.image_bytes + cost.answers * 4)
    whole = max(batch * cost.operations / per_s, moved / bytes_per_s)
    layered = sum(
        max(batch * layer.operations / per_s, (batch * layer.moved + layer.weights) * size / bytes_per_s)
        for layer in cost.layers
    )
    return whole, max(whole, layered)


def _layer(node: Any, shapes: dict[str, tuple[int, ...]], weights: set[str]) -> Layer:
    operands = node.input[:2]  # a bias costs next to nothing
    unknown = [name for name in (*operands, node.output[0]) if not all(shapes.get(name, (0,)))]
    if unknown:
        raise ValueError(f"cannot count the arithmetic of a network: nothing tells the shape of {unknown[0]!r}")
    result = prod(shapes[node.output[0]])
    multiplied = prod(shapes[node.input[1]][1:]) if node.op_type == "Conv" else _inner(node, shapes)
    own = sum(prod(shapes[name]) for name in operands if name in weights)
    moved = result + sum(prod(shapes[name]) for name in operands if name not in weights)
    return Layer(2 * result * multiplied, moved, own)


def _inner(node: Any, shapes: dict[str, tuple[int, ...]]) -> int:
    """Return the length of the sums of a matrix product."""
    turned = any(attribute.name == "transA" and attribute.i for attribute in node.attribute)
    return shapes[node.input[0]][-2 if turned else -1]


def _shape(value: Any) -> tuple[int, ...]:
    """Return the shape of a tensor; 0 for a side that is not known."""
    return tuple(dimension.dim_value for dimension in value.type.tensor_type.shape.dim)
