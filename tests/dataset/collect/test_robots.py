"""What robots.txt allows."""

import time
from collections.abc import Callable

import pytest
from local_web import LocalWeb

from edgecls.dataset.collect.guarded_session import GuardedSession, SessionSettings
from edgecls.dataset.collect.outcomes import FetchError
from edgecls.dataset.collect.robots import Robots


def test_rules_for_edgecls_are_kept_and_asked_for_once(web: LocalWeb, session: GuardedSession) -> None:
    web.give("/robots.txt", b"User-agent: *\nAllow: /\n\nUser-agent: edgecls\nDisallow: /no\n")
    robots = Robots(session)

    robots.check(f"{web.url}/yes.png")
    with pytest.raises(FetchError, match="does not allow"):
        robots.check(f"{web.url}/no/a.png")

    assert web.asked == ["/robots.txt"]


def test_a_host_without_robots_txt_allows_all(web: LocalWeb, session: GuardedSession) -> None:
    Robots(session).check(f"{web.url}/a.png")

    assert web.asked == ["/robots.txt"]


def test_a_host_whose_robots_txt_cannot_be_had_allows_nothing(
    web: LocalWeb, make_settings: Callable[..., SessionSettings]
) -> None:
    web.give("/robots.txt", status=500)

    with pytest.raises(FetchError, match="cannot be read") as caught:
        Robots(GuardedSession(make_settings(retries=0))).check(f"{web.url}/a.png")
    assert caught.value.outcome == "refused_robots"


def test_a_crawl_delay_is_kept(web: LocalWeb, session: GuardedSession) -> None:
    web.give("/robots.txt", b"User-agent: *\nCrawl-delay: 1\n")
    web.give("/a", b"a")
    started = time.monotonic()

    Robots(session).check(f"{web.url}/a")
    session.fetch(f"{web.url}/a", max_bytes=100)
    session.fetch(f"{web.url}/a", max_bytes=100)

    assert time.monotonic() - started >= 1
