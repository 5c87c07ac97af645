import time

import pytest
from sent_requests import sent

from edgecls.runtime.prediction import Prediction
from edgecls.server.dispatch.wsgi import Work, WorkedAnswer
from edgecls.server.http.messages import Answer
from edgecls.server.metrics.request_metrics import RequestMetrics


def test_a_request_that_classified_is_counted_in_every_way() -> None:
    metrics = RequestMetrics()
    work = Work(queue_s=0.2, total_s=0.1, decode_s=0.03, model="flowers")
    labels = ("rose", "tulip")
    unlike = {"familiarity": 0.3, "min_familiarity": 0.5}
    predictions = [
        Prediction("", labels, (0.93, 0.07), 0.0, 0.5),
        Prediction("", labels, (0.4, 0.4), 0.0, 0.5),
        Prediction("", labels, (0.4, 0.4), 0.0, **unlike),
        Prediction("", labels, (0.4, 0.4), 0.0, 0.5, **unlike),
    ]
    work.ran(predictions, infer_s=0.05)
    request = sent()
    request.began_s = time.monotonic() - 0.4
    request.whole_s = request.began_s + 0.05

    metrics.answered(request, WorkedAnswer("200 OK", [], b"", work))

    found = metrics.snapshot()
    assert found["edgecls_requests_total"] == {("flowers", "200"): [1]}
    assert found["edgecls_predictions_total"] == {("flowers", "rose"): [1], ("flowers", "unknown"): [3]}
    assert found["edgecls_unknown_total"] == {("flowers", "undecided"): [1], ("flowers", "unlike"): [2]}
    assert found["edgecls_confidence"][("flowers",)][-1] == pytest.approx(0.93 + 3 * 0.4)
    assert found["edgecls_batch_size"][("flowers",)][-1] == 16
    assert 0.4 <= found["edgecls_request_duration_seconds"][("flowers",)][-1] < 10
    stages = {stage: numbers[-1] for (_, stage), numbers in found["edgecls_stage_duration_seconds"].items()}
    assert stages == pytest.approx({"receive": 0.05, "queue": 0.2, "decode": 0.03, "infer": 0.05, "rest": 0.02})


@pytest.mark.parametrize(
    "answer",
    [Answer("503 Service Unavailable"), WorkedAnswer("404 Not Found")],
    ids=["refused-before-work", "no-model"],
)
def test_a_request_without_a_model_is_counted_without_stages(answer: Answer) -> None:
    metrics = RequestMetrics()
    metrics.answered(sent("GET", "/x"), answer)

    found = metrics.snapshot()
    assert found["edgecls_requests_total"] == {("", answer.status[:3]): [1]}
    assert sum(found["edgecls_request_duration_seconds"][("",)][:-1]) == 1
    assert found["edgecls_stage_duration_seconds"] == {}
    assert found["edgecls_predictions_total"] == {}


def test_lines_that_the_log_dropped_are_counted_from_zero() -> None:
    metrics = RequestMetrics()
    before = metrics.snapshot()["edgecls_access_log_dropped_total"]
    metrics.log_dropped()

    assert (before, metrics.snapshot()["edgecls_access_log_dropped_total"]) == ({(): [0]}, {(): [1]})
