"""Calibration: between which numbers the inner tensors of a network lie, seen on pictures."""

from collections.abc import Mapping
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from edgecls.export.precision.float_network import FloatNetwork, load_onnx_package
from edgecls.in_order import map_in_order
from edgecls.modelfile import INPUT_NAME
from edgecls.runtime.raw_network import open_raw_network

__all__ = ["CalibrationMethod", "Extremes", "Ranges", "observe_extremes", "ranges_from"]

Extremes = Mapping[str, npt.NDArray[np.float32]]
"""For each tensor its smallest and its largest number in each picture: ``[N, 2]``."""

Ranges = Mapping[str, tuple[float, float]]
"""For each tensor what the smallest and the largest byte stand for; zero is always between."""


class CalibrationMethod(StrEnum):
    """How ranges come from pictures.

    MIN_MAX: the extremes over all pictures; nothing seen is cut off.
    MEAN_MIN_MAX: the mean of the extremes of each picture; rare large numbers are cut off, the others get finer steps.
    """

    MIN_MAX = "min-max"
    MEAN_MIN_MAX = "mean min-max"


def observe_extremes(network: FloatNetwork, pixels: npt.NDArray[np.uint8], *, workers: int) -> Extremes:
    """Run a network over pictures one by one and note the extremes of the tensors around its layers.

    Args:
        network: In float32.
        pixels: uint8, ``[N, height, width, channels]``.
        workers: Number of pictures at once.
    """
    onnx = load_onnx_package()
    names = network.tensors
    proto = onnx.ModelProto()
    proto.CopyFrom(network.proto)
    there = {value.name for value in proto.graph.output}
    proto.graph.output.extend(
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in names if name not in there
    )
    session = open_raw_network(proto.SerializeToString(), name=network.name)

    def extremes(picture: npt.NDArray[np.uint8]) -> list[tuple[float, float]]:
        values = session.run(picture[np.newaxis], input_name=INPUT_NAME)
        return [(values[name].min(), values[name].max()) for name in names]

    seen = np.asarray(list(map_in_order(extremes, pixels, workers=workers)), np.float32)
    return {name: seen[:, index] for index, name in enumerate(names)}


def ranges_from(extremes: Extremes, method: CalibrationMethod) -> Ranges:
    """Return the range of each tensor."""
    if method is CalibrationMethod.MIN_MAX:
        return {name: (min(0.0, seen[:, 0].min()), max(0.0, seen[:, 1].max())) for name, seen in extremes.items()}
    return {name: (min(0.0, seen[:, 0].mean()), max(0.0, seen[:, 1].mean())) for name, seen in extremes.items()}
