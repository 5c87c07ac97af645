"""Which names the server answers to."""

import pytest
from sent_requests import sent

from edgecls.errors import ServerError
from edgecls.server.http.messages import Request
from edgecls.server.middleware.hosts import AllowedHosts


def _allowed(*names: str, listening_on: str = "127.0.0.1", bound_to: str = "127.0.0.1") -> AllowedHosts:
    return AllowedHosts(names, listening_on=listening_on, bound_to=bound_to)


def _for(*hosts: str) -> Request:
    request = sent()
    request.headers = [("host", host) for host in hosts]
    return request


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "localhost:8000",
        "LocalHost:8000",
        "localhost.",
        "localhost.:8000",
        "localhost:",
        "127.0.0.1",
        "127.0.0.1:8000",
        "[::1]",
        "[::1]:8000",
        "[0:0:0:0:0:0:0:1]:8000",
        "localhost:1",
    ],
)
@pytest.mark.parametrize("bound_to", ["127.0.0.1", "::1"])
def test_on_loopback_the_names_of_this_machine_are_answered_at_any_port(host: str, bound_to: str) -> None:
    assert _allowed(listening_on="localhost", bound_to=bound_to).check(_for(host)) is None


@pytest.mark.parametrize(
    "host",
    [
        "rebound.example",
        "rebound.example:8000",
        "localhost.rebound.example",
        "127.0.0.1.rebound.example",
        "localhost..",
        "xlocalhost",
        "user@localhost",
        "localhost@rebound.example",
        "localhost, rebound.example",
        "localhost rebound.example",
        "localhost/rebound.example",
        "localhost:8000:9000",
        "localhost:many",
        "localhost:99999",
        "0.0.0.0:8000",
        "127.0.0.2",
        "2130706433",
        "0x7f.1",
        "::1",
        "[::1",
        "[::2]",
        "[::]",
        "[::ffff:10.0.0.1]",
        "[localhost]",
        "löcalhost",
        "",
        ".",
        " ",
    ],
)
def test_on_loopback_every_other_name_is_refused_and_the_remedy_said(host: str) -> None:
    refusal = _allowed().check(_for(host))

    assert refusal is not None
    assert (refusal.status, refusal.kind) == (421, "MisdirectedRequest")
    assert "--allowed-host NAME" in str(refusal)


def test_of_several_host_fields_all_have_to_fit() -> None:
    assert _allowed().check(_for("localhost", "rebound.example")) is not None
    assert _allowed().check(_for("localhost", "127.0.0.1")) is None


def test_a_request_without_a_host_comes_from_no_browser() -> None:
    assert _allowed().check(_for()) is None


@pytest.mark.parametrize(
    ("listening_on", "bound_to", "host"),
    [
        ("127.0.0.7", "127.0.0.7", "127.0.0.7:8000"),
        ("Printer.local", "127.0.1.1", "printer.local"),
        ("::ffff:127.0.0.1", "::ffff:127.0.0.1", "[::ffff:127.0.0.1]:80"),
    ],
)
def test_the_name_it_was_told_to_listen_on_is_answered_too(listening_on: str, bound_to: str, host: str) -> None:
    allowed = _allowed(listening_on=listening_on, bound_to=bound_to)

    assert allowed.check(_for(host)) is None
    assert allowed.check(_for("rebound.example")) is not None


def test_names_can_be_added_on_loopback() -> None:
    allowed = _allowed("Api.Example.", "192.168.1.20", "[fe80:0::1]")

    for host in ("api.example", "API.example:443", "192.168.1.20:8000", "[fe80::1]:80", "localhost"):
        assert allowed.check(_for(host)) is None, host
    assert allowed.check(_for("example")) is not None
    assert allowed.check(_for("www.api.example")) is not None


@pytest.mark.parametrize(
    ("listening_on", "bound_to"), [("0.0.0.0", "0.0.0.0"), ("::", "::"), ("192.168.1.20", "192.168.1.20")]
)
def test_elsewhere_every_name_is_answered_until_some_are_allowed(listening_on: str, bound_to: str) -> None:
    anyone = _allowed(listening_on=listening_on, bound_to=bound_to)
    some = _allowed("api.example", "b.example", listening_on=listening_on, bound_to=bound_to)

    assert anyone.check(_for("rebound.example")) is None
    assert some.check(_for("rebound.example")) is not None
    for host in ("api.example:8000", "b.example", "localhost:8000"):
        assert some.check(_for(host)) is None, host


def test_a_star_allows_every_name() -> None:
    assert _allowed("*").check(_for("rebound.example")) is None
    assert _allowed("*").check(_for("")) is None


@pytest.mark.parametrize("name", ["", "https://api.example", "api.example:8000", "[::1]:80", "a b", "*.example", "a/b"])
def test_what_is_no_host_is_refused_at_the_start(name: str) -> None:
    with pytest.raises(ServerError, match="is not a host to allow; give a name or an address"):
        _allowed(name)
