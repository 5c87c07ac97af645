"""What a network cannot be run for less: its arithmetic and the bytes that it has to move, counted from its graph."""

from dataclasses import dataclass
from typing import Any

import onnx
from onnx import numpy_helper, shape_inference

__all__ = ["GPUS", "Gpu", "NetworkCost", "network_cost"]


@dataclass(frozen=True)
class Gpu:
    """What a GPU can do at most, by its data sheet, without sparsity.

    Attributes:
        tflops: By precision: 10^12 floating-point operations a second.
        gigabytes_per_s: 10^9 bytes a second from its memory.
    """

    tflops: dict[str, float]
    gigabytes_per_s: float


_HOPPER = {"float32": 67.0, "TF32": 494.7, "float16": 989.4}
GPUS = {"H100": Gpu(_HOPPER, 3350), "H200": Gpu(_HOPPER, 4800)}
"""By a part of the name that the driver gives."""


@dataclass(frozen=True)
class NetworkCost:
    """Of one picture.

    Attributes:
        flops: Multiplications and additions of convolutions and matrix products.
        weight_bytes: Of all weights, which a batch reads once.
        picture_bytes: Of the picture and of what each convolution or product writes and the next reads again.
    """

    flops: int
    weight_bytes: int
    picture_bytes: int

    def floor_s(self, batch: int, gpu: Gpu, precision: str) -> float:
        """Return the least time for a batch: its arithmetic or its bytes at the peak, whichever takes longer."""
        width = 2 if precision == "float16" else 4
        moved = (self.weight_bytes + batch * self.picture_bytes) * width / 4
        return max(batch * self.flops / (1e12 * gpu.tflops[precision]), moved / (1e9 * gpu.gigabytes_per_s))


def network_cost(network: bytes) -> NetworkCost:
    """Count the cost of a float32 network for one picture.

    Args:
        network: A serialised ONNX model with input "image" ``[N, H, W, C]``.
    """
    model = onnx.load_model_from_string(network)
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1
    inferred = shape_inference.infer_shapes(model)
    shapes = {value.name: _sizes(value) for value in [*inferred.graph.value_info, *inferred.graph.output]}
    weights = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    flops = moved = 0
    for node in inferred.graph.node:
        if node.op_type not in ("Conv", "Gemm", "MatMul") or node.output[0] not in shapes:
            continue
        written = _product(shapes[node.output[0]])
        kernel = next((weights[name] for name in node.input[1:2] if name in weights), None)
        if kernel is None:
            continue
        # A kernel is [out, in, h, w] for a convolution, [in, out] or [out, in] for a product.
        outputs = kernel.shape[0] if node.op_type == "Conv" else shapes[node.output[0]][-1]
        flops += 2 * written * kernel.size // outputs
        moved += 2 * 4 * written
    pixels = _product([dim.dim_value for dim in model.graph.input[0].type.tensor_type.shape.dim])
    return NetworkCost(flops, sum(array.nbytes for array in weights.values()), moved + pixels)


def _sizes(value: Any) -> list[int]:
    return [dim.dim_value or 1 for dim in value.type.tensor_type.shape.dim]


def _product(sizes: list[int]) -> int:
    result = 1
    for size in sizes:
        result *= size
    return result
