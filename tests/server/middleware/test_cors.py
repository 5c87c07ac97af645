import pytest
from sent_requests import sent

from edgecls.errors import ServerError
from edgecls.server.middleware.cors import Cors

SITE = "https://app.example"


def test_an_allowed_origin_may_read_the_answer() -> None:
    fields = dict(Cors([SITE, "http://localhost:3000"]).headers(sent(origin=SITE)))

    assert fields["Access-Control-Allow-Origin"] == SITE
    assert fields["Vary"] == "Origin"
    assert "X-Request-Id" in fields["Access-Control-Expose-Headers"]


@pytest.mark.parametrize(
    "headers",
    [{}, {"origin": "https://evil.example"}, {"origin": SITE + ".evil.example"}, {"origin": "null"}],
    ids=["none", "other", "longer", "null"],
)
def test_no_other_may_and_caches_know(headers: dict[str, str]) -> None:
    assert Cors([SITE]).headers(sent(**headers)) == [("Vary", "Origin")]


def test_a_star_allows_all_alike() -> None:
    fields = dict(Cors(["*"]).headers(sent(origin="https://any.example")))

    assert fields["Access-Control-Allow-Origin"] == "*"
    assert "Vary" not in fields


def test_what_a_browser_asks_beforehand_is_answered() -> None:
    answer = Cors([SITE]).preflight(sent("OPTIONS", origin=SITE, access_control_request_method="POST"))

    assert answer is not None
    assert answer.status == "204 No Content"
    fields = dict(answer.headers)
    assert "POST" in fields["Access-Control-Allow-Methods"]
    assert {"Authorization", "Content-Type", "X-API-Key"} <= set(fields["Access-Control-Allow-Headers"].split(", "))


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("OPTIONS", {"origin": "https://evil.example", "access_control_request_method": "POST"}),
        ("OPTIONS", {"origin": SITE}),
        ("POST", {"origin": SITE, "access_control_request_method": "POST"}),
    ],
    ids=["other-origin", "plain-options", "no-options"],
)
def test_all_else_is_not_a_question_beforehand(method: str, headers: dict[str, str]) -> None:
    assert Cors([SITE]).preflight(sent(method, **headers)) is None


@pytest.mark.parametrize("origin", ["app.example", SITE + "/", SITE + "/page", "https://App.example", "", "null", "*."])
def test_what_is_no_origin_is_refused(origin: str) -> None:
    with pytest.raises(ServerError, match=r"is not an origin; give scheme"):
        Cors([SITE, origin])


@pytest.mark.parametrize("origin", ["http://127.0.0.1:8080", "http://[::1]:8080", "https://a-b.example"])
def test_every_form_of_an_origin_is_taken(origin: str) -> None:
    assert ("Access-Control-Allow-Origin", origin) in Cors([origin]).headers(sent(origin=origin))
