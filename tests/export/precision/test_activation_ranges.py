"""Ranges of tensors, seen on images."""

import numpy as np
import pytest

from edgecls.export.precision.float_network import FloatNetwork
from edgecls.export.precision.int8_graph import CalibrationMethod, observe_extremes, ranges_from


def _flat(*levels: int) -> np.ndarray:
    return np.stack([np.full((8, 8, 3), level, np.uint8) for level in levels])


def test_extremes_are_those_of_each_image(network: FloatNetwork) -> None:
    extremes = observe_extremes(network, _flat(0, 51, 255), workers=2)

    assert set(extremes) == set(network.tensors)
    np.testing.assert_allclose(extremes["mean"], [[0, 0], [0.4, 0.4], [2, 2]], rtol=1e-6)


@pytest.mark.parametrize(
    ("method", "low", "high"), [(CalibrationMethod.MIN_MAX, -3, 5), (CalibrationMethod.MEAN_MIN_MAX, -2, 3)]
)
def test_each_method_has_its_range(method: CalibrationMethod, low: float, high: float) -> None:
    assert ranges_from({"t": np.float32([[-1, 1], [-3, 5]])}, method)["t"] == (low, high)


@pytest.mark.parametrize("method", CalibrationMethod)
@pytest.mark.parametrize(("seen", "expected"), [([2, 5], (0, 5)), ([-5, -2], (-5, 0))], ids=["above", "below"])
def test_zero_is_always_within(method: CalibrationMethod, seen: list[float], expected: tuple[float, float]) -> None:
    assert ranges_from({"t": np.float32([seen])}, method)["t"] == expected
