import pytest

from edgecls.runtime.prediction import Prediction
from edgecls.server.dispatch.wsgi import WORK_KEY, Work, work_of


def test_images_and_batches_add_up() -> None:
    work = Work()
    first = Prediction("a.png", ("rose", "tulip"), (0.2, 0.8), time_ms=30.0, decode_ms=20.0)
    second = Prediction("b.png", ("rose", "tulip"), (0.6, 0.4), 30.0, 0.7, decode_ms=10.0, batch_size=8)
    batch = [Prediction("", ("rose", "tulip"), row, 0.0) for row in ((0.9, 0.1), (0.2, 0.8))]
    work.classified(first, b"")
    work.classified(second, b"")
    work.ran(batch, infer_s=0.1)

    assert (work.decode_s, work.infer_s) == pytest.approx((0.03, 0.13))
    assert work.predictions == [first, second, *batch]
    assert work.batch_sizes == [1, 8, 2, 2]


def test_a_route_finds_the_record_of_its_request_or_one_that_nobody_reads() -> None:
    work = Work(model="a")

    assert work_of({WORK_KEY: work}) is work
    assert work_of({}) == Work()
