"""Who may change something: the server's own page, named sites, and what is no browser."""

import pytest

from edgecls.server.http.messages import Refusal
from edgecls.server.middleware.cross_site import CrossSiteGuard

SITE = "https://app.example"


def _refused(guard: CrossSiteGuard, scheme: str = "http", **fields: str) -> bool:
    environ = {f"HTTP_{name.upper()}": value for name, value in fields.items()}
    try:
        guard.check({"wsgi.url_scheme": scheme, **environ})
    except Refusal as refusal:
        return refusal.status == 403 and refusal.kind == "CrossSite" and "--cors-origin" in str(refusal)
    return False


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("192.168.1.20:8000", "http://192.168.1.20:8000"),
        ("Camera.local:8000", "http://camera.local:8000"),
        ("camera.local.:8000", "HTTP://CAMERA.local:8000"),
        ("camera.local", "http://camera.local"),
        ("camera.local:80", "http://camera.local"),
        ("camera.local", "http://camera.local:80"),
        ("[fe80::1]:8000", "http://[fe80::1]:8000"),
        ("[FE80:0:0:0:0:0:0:1]:8000", "http://[fe80::1]:8000"),
    ],
)
def test_the_servers_own_page_may(host: str, origin: str) -> None:
    assert not _refused(CrossSiteGuard(), host=host, origin=origin)
    assert not _refused(CrossSiteGuard(), host=host, referer=origin + "/page?q#f")


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("camera.local:8000", "http://evil.example"),
        ("camera.local:8000", "http://camera.local"),
        ("camera.local:8000", "http://camera.local:8001"),
        ("camera.local:8000", "https://camera.local:8000"),
        ("camera.local", "https://camera.local"),
        ("camera.local:443", "http://camera.local"),
        ("camera.local:8000", "http://camera.local:8000.evil.example"),
        ("camera.local:8000", "http://camera.local:8000@evil.example"),
        ("camera.local:8000", "http://evil.example#http://camera.local:8000"),
        ("camera.local:8000", "http://www.camera.local:8000"),
        ("camera.local:8000", "http://local:8000"),
        ("camera.local:8000", "http://camera.local:8000/"),
        ("camera.local:8000", "http://camera.local:8000,http://evil.example"),
        ("camera.local:8000", "http://camera.local:8000 http://evil.example"),
        ("camera.local:8000", "camera.local:8000"),
        ("camera.local:8000", "file://"),
        ("camera.local:8000", "null"),
        ("camera.local:8000", ""),
        ("[::1]:8000", "http://[::2]:8000"),
        ("", "http://"),
        ("", ""),
    ],
)
def test_no_other_origin_may(host: str, origin: str) -> None:
    assert _refused(CrossSiteGuard(), host=host, origin=origin)


def test_an_origin_without_a_host_to_compare_it_with_may_not() -> None:
    assert _refused(CrossSiteGuard(), origin="http://camera.local")


def test_what_says_nothing_of_a_page_is_no_browser() -> None:
    assert not _refused(CrossSiteGuard(), host="camera.local")
    assert not _refused(CrossSiteGuard())


@pytest.mark.parametrize(
    "referer", ["http://evil.example/http://camera.local", "http://camera.local@evil.example/", "about:blank", ""]
)
def test_a_referer_counts_where_there_is_no_origin(referer: str) -> None:
    assert _refused(CrossSiteGuard(), host="camera.local", referer=referer)
    assert not _refused(CrossSiteGuard(), host="camera.local", origin="http://camera.local", referer=referer)
    assert _refused(CrossSiteGuard(), host="camera.local", origin="null", referer="http://camera.local/")


@pytest.mark.parametrize("site", ["cross-site", "same-site", "strange", ""])
def test_the_browsers_own_judgement_counts(site: str) -> None:
    assert _refused(CrossSiteGuard(), host="camera.local", sec_fetch_site=site)
    assert _refused(CrossSiteGuard(), host="camera.local", origin="http://camera.local", sec_fetch_site=site)


def test_behind_a_proxy_that_names_another_host_the_browser_knows_its_own_page() -> None:
    fields = {"host": "127.0.0.1:8000", "origin": "https://public.example"}

    assert not _refused(CrossSiteGuard(), sec_fetch_site="same-origin", **fields)
    assert _refused(CrossSiteGuard(), sec_fetch_site="none", **fields)
    assert _refused(CrossSiteGuard(), **fields)
    assert not _refused(CrossSiteGuard(["https://public.example"]), **fields)


@pytest.mark.parametrize("site", [{}, {"sec_fetch_site": "cross-site"}, {"sec_fetch_site": "same-site"}])
def test_a_named_site_may_and_no_other(site: dict[str, str]) -> None:
    guard = CrossSiteGuard([SITE, "http://localhost:3000"])

    assert not _refused(guard, host="camera.local", origin=SITE, **site)
    assert not _refused(guard, host="camera.local", origin=SITE + ":443", **site)
    assert _refused(guard, host="camera.local", origin="http://app.example", **site)
    assert _refused(guard, host="camera.local", origin=SITE + ".evil.example", **site)


def test_a_star_names_no_site() -> None:
    assert _refused(CrossSiteGuard(["*"]), host="camera.local", origin=SITE)


def test_over_https_the_own_page_is_there_too() -> None:
    for guard, scheme in ((CrossSiteGuard(https=True), "http"), (CrossSiteGuard(), "https")):
        assert not _refused(guard, scheme, host="camera.local", origin="https://camera.local")
        assert not _refused(guard, scheme, host="camera.local:443", origin="https://camera.local")
        assert _refused(guard, scheme, host="camera.local", origin="http://camera.local")
