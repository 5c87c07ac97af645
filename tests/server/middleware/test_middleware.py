import json
from collections.abc import Callable
from pathlib import Path

import pytest
from sent_requests import sent

from edgecls.server.dispatch.wsgi import Work, WorkedAnswer
from edgecls.server.endpoints.answers import error_body
from edgecls.server.http.messages import Answer, Refusal, Request, Ticket, refusal_answer
from edgecls.server.metrics.request_metrics import RequestMetrics
from edgecls.server.middleware.access_log import AccessLog
from edgecls.server.middleware.api_keys import ApiKeys
from edgecls.server.middleware.cors import Cors
from edgecls.server.middleware.middleware import Middleware


class Inner:
    """Answers everything, and notes what it was asked."""

    def __init__(self) -> None:
        self.handled: list[Request] = []

    def check(self, request: Request) -> Refusal | None:
        return None if request.path == "/predict" else Refusal(404, "NotFound", "nothing here")

    def handle(self, request: Request, answer: Callable[[Answer], None]) -> Ticket | Answer:
        self.handled.append(request)
        return Answer("200 OK")

    def answered(self, request: Request, answer: Answer) -> None:
        answer.headers.append(("X-Inner", "seen"))


def _ignore(answer: Answer) -> None:
    raise AssertionError("it is answered at once")


def test_every_answer_gets_the_security_headers_refusals_too() -> None:
    answer = refusal_answer(Refusal(408, "RequestTimeout", "late"))
    Middleware(Inner(), RequestMetrics()).answered(sent("", ""), answer)

    fields = dict(answer.headers)
    assert fields["X-Content-Type-Options"] == "nosniff"
    assert "default-src 'none'" in fields["Content-Security-Policy"]
    assert fields["X-Inner"] == "seen"
    assert "X-Request-Id" not in fields
    assert len(fields) == len(answer.headers)


def test_a_refusal_of_any_layer_takes_the_shape_of_its_address() -> None:
    middleware = Middleware(Inner(), RequestMetrics(), error_body=error_body)
    plain, v2 = (refusal_answer(Refusal(503, "Busy", "come back, 猫")) for _ in range(2))

    middleware.answered(sent("GET", "/v2x"), plain)
    middleware.answered(sent("GET", "/v2/models/a/infer"), v2)

    assert json.loads(plain.body) == {"error": {"type": "Busy", "message": "come back, 猫"}}
    assert json.loads(v2.body) == {"error": "come back, 猫"}


def test_without_keys_the_inner_handler_decides() -> None:
    middleware = Middleware(Inner(), RequestMetrics())

    assert middleware.check(sent()) is None
    assert str(middleware.check(sent(path="/other"))) == "nothing here"


def test_keys_come_before_all_else(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("secret")
    middleware = Middleware(Inner(), RequestMetrics(), keys=ApiKeys(tmp_path / "keys"))

    refused = middleware.check(sent(path="/other"))
    assert refused is not None
    assert refused.status == 401
    assert middleware.check(sent(x_api_key="secret")) is None


def test_what_browsers_ask_beforehand_does_not_reach_the_application() -> None:
    inner = Inner()
    middleware = Middleware(inner, RequestMetrics(), cors=Cors(["https://a.example"]))
    asked = sent("OPTIONS", origin="https://a.example", access_control_request_method="POST")

    answer = middleware.handle(asked, _ignore)
    assert isinstance(answer, Answer)
    assert answer.status.startswith("204")
    assert inner.handled == []
    middleware.answered(asked, answer)
    assert ("Access-Control-Allow-Origin", "https://a.example") in answer.headers


@pytest.mark.parametrize(("given", "kept"), [("trace-7", True), ("no good", False)])
def test_a_request_is_logged_under_the_name_that_the_client_gets(tmp_path: Path, given: str, kept: bool) -> None:
    (tmp_path / "keys").write_text("secret gate")
    log = AccessLog(str(tmp_path / "log"))
    middleware = Middleware(Inner(), RequestMetrics(), keys=ApiKeys(tmp_path / "keys"), log=log)
    answer = WorkedAnswer("200 OK", [], b"four", Work(queue_s=0.25, model="flowers"))

    middleware.answered(sent(body=b"123", x_request_id=given, x_api_key="secret"), answer)
    log.close()

    facts = json.loads((tmp_path / "log").read_text())
    assert dict(answer.headers)["X-Request-Id"] == facts["id"]
    assert (facts["id"] == given) == kept
    assert (facts["bytes_in"], facts["bytes_out"], facts["queue_ms"]) == (3, 4, 250)
    assert (facts["model"], facts["key"], facts["client"], facts["status"]) == ("flowers", "gate", "10.0.0.1", 200)
    assert "secret" not in (tmp_path / "log").read_text()


def test_a_line_that_the_log_drops_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgecls.server.middleware.access_log.MAX_UNWRITTEN", 0)
    log, metrics = AccessLog(str(tmp_path / "log")), RequestMetrics()
    Middleware(Inner(), metrics, log=log).answered(sent(), Answer("200 OK"))
    log.close()

    assert metrics.snapshot()["edgecls_access_log_dropped_total"] == {(): [1]}
