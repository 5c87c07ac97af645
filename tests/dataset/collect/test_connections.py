"""Checked connections: which addresses may be connected to, and looking them up."""

import ipaddress
import socket
import threading

import pytest

from edgecls.dataset.collect.connections import EVERYWHERE, PUBLIC_ONLY, AddressPolicy, is_public, resolve
from edgecls.dataset.collect.outcomes import FetchError


@pytest.mark.parametrize("text", ["8.8.8.8", "93.184.216.34", "2606:4700::1", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_addresses_of_the_open_internet_are_public(text: str) -> None:
    assert is_public(ipaddress.ip_address(text))


@pytest.mark.parametrize(
    "text",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1",
        "fd00::1",
        "fec0::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::7f00:1",
        "2002:7f00:1::",
        "64:ff9b::7f00:1",
    ],
)
def test_all_others_are_not(text: str) -> None:
    assert not is_public(ipaddress.ip_address(text))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "0", "::1"])
def test_a_private_host_is_refused_however_it_is_written(host: str) -> None:
    with pytest.raises(FetchError, match="--allow-private") as caught:
        resolve(host, 80, PUBLIC_ONLY, timeout_s=30)

    assert caught.value.outcome == "refused_address"


def test_an_allowed_network_is_allowed_and_no_other() -> None:
    policy = AddressPolicy((ipaddress.ip_network("127.0.0.1/32"),))

    assert resolve("127.0.0.1", 80, policy, timeout_s=30)[0][1] == ("127.0.0.1", 80)
    assert resolve("127.0.0.2", 80, EVERYWHERE, timeout_s=30)[0][1] == ("127.0.0.2", 80)
    with pytest.raises(FetchError):
        resolve("127.0.0.2", 80, policy, timeout_s=30)


def test_one_private_address_among_public_ones_is_enough_to_refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", (text, 80)) for text in ("93.184.216.34", "192.168.0.1", "8.8.8.8")
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answers)

    with pytest.raises(FetchError, match=r"images\.test is 192\.168\.0\.1"):
        resolve("images.test", 80, PUBLIC_ONLY, timeout_s=30)


def test_a_lookup_that_takes_too_long_is_a_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    asked_again = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: asked_again.wait(30) and [])

    with pytest.raises(FetchError, match=r"looking up slow\.test") as caught:
        resolve("slow.test", 80, PUBLIC_ONLY, timeout_s=0.01)
    asked_again.set()

    assert (caught.value.outcome, caught.value.transient) == ("timeout", True)
