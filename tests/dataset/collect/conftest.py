"""A local web, and a session that may go there."""

import ipaddress
from collections.abc import Callable, Iterator

import pytest
from local_web import LocalWeb, local_web

from edgecls.dataset.collect.connections import AddressPolicy
from edgecls.dataset.collect.guarded_session import GuardedSession, SessionSettings

HERE = AddressPolicy((ipaddress.ip_network("127.0.0.1/32"),))
"""Allows the local web, and nothing else on this machine."""

QUICK = {"addresses": HERE, "requests_per_s": 10_000, "back_off_s": 0.001, "deadline_s": 30, "silence_s": 20}


@pytest.fixture
def web() -> Iterator[LocalWeb]:
    with local_web() as running:
        yield running


@pytest.fixture
def make_settings() -> Callable[..., SessionSettings]:
    return lambda **settings: SessionSettings(**{**QUICK, **settings})


@pytest.fixture
def session(make_settings: Callable[..., SessionSettings]) -> GuardedSession:
    return GuardedSession(make_settings())
