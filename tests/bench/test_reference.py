"""The reference workload measures the machine."""

import pytest

from edgecls.bench.reference import Load, ReferenceWorkload


@pytest.mark.parametrize("load", Load)
def test_the_work_takes_some_time_every_time(load: Load) -> None:
    workload = ReferenceWorkload(load)

    assert all(1e-4 < workload.measure() < 60 for _ in range(2))
