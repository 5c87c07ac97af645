"""The tolerance of golden samples follows what was measured, between two bounds."""

import pytest

from edgecls.export.precision.budget import golden_tolerance, largest_golden_difference
from edgecls.export.precision.recipe import ReducedPrecision
from edgecls.model_card import Golden, GoldenSample


def _golden(*best: float) -> Golden:
    return Golden(1e-3, tuple(GoldenSample("a", b"", (value, 1 - value)) for value in best))


@pytest.mark.parametrize(
    ("precision", "best", "limit"),
    [
        (ReducedPrecision.INT8, [1.0], 0.125),
        (ReducedPrecision.INT8, [0.5, 1.0], 0.125),
        (ReducedPrecision.FLOAT16, [1.0], 0.05),
        # A network that finds both labels equally likely is 0.2 off: half of that may be the tolerance.
        (ReducedPrecision.INT8, [0.7, 0.6], 0.05),
    ],
)
def test_the_allowed_difference_has_a_bound(precision: ReducedPrecision, best: list[float], limit: float) -> None:
    assert largest_golden_difference(_golden(*best), precision) == pytest.approx(limit)


@pytest.mark.parametrize(
    ("difference", "tolerance"), [(0.0, 0.02), (0.003, 0.02), (0.03, 0.06), (0.125, 0.25)], ids=str
)
def test_the_tolerance_is_twice_what_was_measured(difference: float, tolerance: float) -> None:
    assert golden_tolerance(_golden(1.0), ReducedPrecision.INT8, difference) == pytest.approx(tolerance)


def test_an_undecided_network_never_passes_for_an_unsure_one() -> None:
    golden = _golden(0.51)

    assert golden_tolerance(golden, ReducedPrecision.INT8, 0.0) == pytest.approx(0.005)
