"""Whose a request is that came through a proxy."""

import pytest
from sent_requests import sent

from edgecls.errors import ServerError
from edgecls.server.http.forwarded import TrustedProxies
from edgecls.server.http.limits import BodiesBudget, HttpLimits
from edgecls.server.http.messages import Request
from edgecls.server.http.request_parser import RequestParser

PEER = sent().client


def _noted(*trusted: str, **headers: str) -> Request:
    request = sent(**headers)
    TrustedProxies(trusted).note_origin(request)
    return request


@pytest.mark.parametrize(
    ("forwarded", "client"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("6.6.6.6, 203.0.113.9", "203.0.113.9"),  # what the client wrote itself stands first
        ("6.6.6.6, 203.0.113.9, 10.1.2.3", "203.0.113.9"),  # two proxies
        ("10.1.2.3", "10.1.2.3"),
        ("203.0.113.9:4711", "203.0.113.9"),
        ("[2001:db8::1]:4711", "2001:db8::1"),
        ("2001:DB8:0::1", "2001:db8::1"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("6.6.6.6, unknown", PEER),
        ("6.6.6.6, unknown, 203.0.113.9", "203.0.113.9"),
        ("6.6.6.6, nonsense, 10.1.2.3", "10.1.2.3"),
        ("", PEER),
        (" , ", PEER),
    ],
)
def test_the_client_is_the_last_address_that_is_no_trusted_proxy(forwarded: str, client: str) -> None:
    assert _noted("10.0.0.0/8", X_Forwarded_For=forwarded).client == client


@pytest.mark.parametrize("trusted", [(), ("192.168.0.0/16", "::1")])
def test_nobody_else_is_believed(trusted: tuple[str, ...]) -> None:
    request = _noted(
        *trusted, X_Forwarded_For="203.0.113.9", X_Forwarded_Proto="https", X_Forwarded_Prefix="/elsewhere"
    )

    assert (request.client, request.scheme, request.prefix) == (PEER, "", "")


@pytest.mark.parametrize(
    ("given", "prefix"),
    [
        ("/images", "/images"),
        ("/a/b-c.d/", "/a/b-c.d"),
        ("/", ""),
        ("images", ""),
        ("//elsewhere.example", ""),
        ('/a"><script>', ""),
        ("/forged, /images", "/images"),
    ],
)
def test_a_prefix_is_a_path_and_nothing_else(given: str, prefix: str) -> None:
    assert _noted(PEER, X_Forwarded_Prefix=given).prefix == prefix


@pytest.mark.parametrize(("given", "scheme"), [("https", "https"), ("HTTP", "http"), ("gopher", ""), ("", "")])
def test_a_scheme_is_http_or_https(given: str, scheme: str) -> None:
    assert _noted(PEER, X_Forwarded_Proto=given).scheme == scheme


@pytest.mark.parametrize("name", ["proxy.example", "10.0.0.0/33", "", "10.0.0"])
def test_what_is_no_address_is_refused(name: str) -> None:
    with pytest.raises(ServerError, match="is not a proxy to trust"):
        TrustedProxies([name])


def test_an_address_in_a_network_with_further_bits_stands_for_the_network() -> None:
    assert _noted("10.0.0.7/8", X_Forwarded_For="203.0.113.9").client == "203.0.113.9"


def _post(client: str, size: int, sent_now: int) -> memoryview:
    head = f"POST / HTTP/1.1\r\nHost: test\r\nX-Forwarded-For: {client}\r\nContent-Length: {size}\r\n\r\n"
    return memoryview(head.encode() + bytes(sent_now))


def _parser(budget: BodiesBudget, limits: HttpLimits) -> RequestParser:
    proxies = TrustedProxies([PEER])
    return RequestParser(limits, budget.share_of(PEER), lambda request: None, PEER, proxies.note_origin)


def test_memory_for_bodies_is_shared_out_by_client_and_not_by_proxy() -> None:
    budget, limits = BodiesBudget(1000), HttpLimits(max_body_bytes=500)
    parsers = [_parser(budget, limits) for _ in range(2)]

    parsers[0].feed(_post("203.0.113.1", 500, 500))  # all that one client may have

    with pytest.raises(Exception, match="too many of yours"):
        parsers[1].feed(_post("203.0.113.1", 100, 0))
    other = _parser(budget, limits)
    other.feed(_post("203.0.113.2", 250, 250))
    assert budget.used_bytes == 750
    for parser in (*parsers, other):
        parser.discard()
    assert budget.used_bytes == 0


def test_what_one_connection_holds_for_several_clients_is_given_back() -> None:
    budget, limits = BodiesBudget(1000), HttpLimits(max_body_bytes=500)
    parser = _parser(budget, limits)

    parser.feed(_post("203.0.113.1", 300, 300))
    parser.feed(_post("203.0.113.2", 200, 100))

    assert budget.used_bytes == 400
    assert [request.client for request in parser.whole] == ["203.0.113.1"]
    parser.discard()
    assert budget.used_bytes == 0
    assert budget.share_of("203.0.113.1").has_room(500)
    assert budget.share_of("203.0.113.2").has_room(500)
