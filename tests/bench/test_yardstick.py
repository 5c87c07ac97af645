"""The yardstick measures the machine."""

import pytest

from edgecls.bench.yardstick import Load, Yardstick


@pytest.mark.parametrize("load", Load)
def test_the_work_takes_some_time_every_time(load: Load) -> None:
    yardstick = Yardstick(load)

    assert all(1e-4 < yardstick.measure() < 60 for _ in range(2))
