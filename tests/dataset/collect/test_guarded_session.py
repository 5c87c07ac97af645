"""The one way out, against a real server."""

import gzip
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from local_web import Handler, LocalWeb, answer, local_web

from edgecls.dataset.collect.guarded_session import GuardedSession, SessionSettings
from edgecls.dataset.collect.outcomes import FetchError, StoppedError
from edgecls.errors import DatasetError

MakeSettings = Callable[..., SessionSettings]
LIMIT = 2**20


def _outcome(session: GuardedSession, url: str, *, max_bytes: int = LIMIT) -> str:
    with pytest.raises(FetchError) as caught:
        session.fetch(url, max_bytes=max_bytes)
    return caught.value.outcome


def test_an_address_in_any_script_is_fetched_and_edgecls_says_who_it_is(
    web: LocalWeb, make_settings: MakeSettings
) -> None:
    web.give("/%E7%8C%AB.png", b"a cat", content_type="image/png")

    session = GuardedSession(make_settings(contact="me@example.org"))
    fetched = session.fetch(f"{web.url}/猫.png?大=1#top", max_bytes=LIMIT)

    assert (fetched.content, fetched.content_type) == (b"a cat", "image/png")
    assert web.asked == ["/%E7%8C%AB.png?%E5%A4%A7=1"]
    assert "edgecls/" in web.headers[0]["User-Agent"]
    assert "me@example.org" in web.headers[0]["User-Agent"]


def test_proxies_in_the_environment_are_not_used(
    web: LocalWeb, session: GuardedSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")

    assert session.fetch(web.give("/a", b"direct"), max_bytes=LIMIT).content == b"direct"


def test_a_proxy_that_is_asked_for_gets_the_requests(web: LocalWeb, make_settings: MakeSettings) -> None:
    web.serve("http://far.test/a", lambda handler: answer(handler, b"through the proxy"))
    session = GuardedSession(make_settings(proxy=web.url))

    assert session.fetch("http://far.test/a", max_bytes=LIMIT).content == b"through the proxy"


def test_a_private_address_gets_no_request(web: LocalWeb) -> None:
    session = GuardedSession(SessionSettings())

    assert _outcome(session, web.give("/a", b"secret")) == "refused_address"
    assert web.asked == []


@pytest.mark.parametrize(
    ("url", "outcome"),
    [
        ("file:///etc/passwd", "refused_scheme"),
        ("ftp://example.org/a.jpg", "refused_scheme"),
        ("data:image/png;base64,AAAA", "refused_scheme"),
        ("a.jpg", "refused_scheme"),
        ("", "refused_scheme"),
        ("http:///a.jpg", "bad_url"),
        ("http://[::1/a.jpg", "bad_url"),
        ("http://host:99999/", "bad_url"),
        ("http://a b.test/", "bad_url"),
        ("http://" + "x" * 70 + ".test/", "bad_url"),
        ("http://user@127.0.0.2/", "refused_address"),
        ("http://[::ffff:127.0.0.2]/", "refused_address"),
    ],
)
def test_what_is_no_public_web_address_is_refused(session: GuardedSession, url: str, outcome: str) -> None:
    assert _outcome(session, url) == outcome


def test_redirects_are_followed_and_the_last_address_is_told(web: LocalWeb, session: GuardedSession) -> None:
    target = web.give("/new/b.png", b"moved")
    web.redirect("/old", "new/b.png")
    first = web.redirect("/older", "/old")

    fetched = session.fetch(first, max_bytes=LIMIT)

    assert (fetched.content, fetched.url) == (b"moved", target)


def test_a_redirect_to_a_private_address_is_refused_before_anything_is_sent(
    web: LocalWeb, session: GuardedSession
) -> None:
    with local_web("127.0.0.2") as inside:
        inside.give("/admin", b"secret")

        assert _outcome(session, web.redirect("/a", f"{inside.url}/admin")) == "refused_address"
        assert inside.asked == []


def test_a_redirect_out_of_the_web_is_refused(web: LocalWeb, session: GuardedSession) -> None:
    assert _outcome(session, web.redirect("/a", "file:///etc/passwd")) == "refused_scheme"


def test_a_redirect_in_circles_ends(web: LocalWeb, session: GuardedSession) -> None:
    assert _outcome(session, web.redirect("/round", "/round")) == "too_many_redirects"
    assert len(web.asked) == 6


def test_a_name_that_changes_its_mind_is_believed_once(
    web: LocalWeb, session: GuardedSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DNS rebinding: the answer that was checked is the one that is connected to."""
    port = web.server.server_port
    answers = iter(["127.0.0.1", "127.0.0.2", "127.0.0.2"])

    def look_up(host: str, port: int, **_: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(answers), port))]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    web.give("/a", b"the checked host")

    assert session.fetch(f"http://evil.test:{port}/a", max_bytes=LIMIT).content == b"the checked host"
    assert web.headers[0]["Host"] == f"evil.test:{port}"
    assert _outcome(session, f"http://evil.test:{port}/a") == "refused_address"


def test_a_server_that_never_answers_is_given_up(web: LocalWeb, make_settings: MakeSettings) -> None:
    url = web.serve("/silent", lambda handler: web.closing.wait() and None)
    session = GuardedSession(make_settings(silence_s=0.05, retries=1))
    give_up_s = time.monotonic() + 30

    assert _outcome(session, url) == "timeout"
    while len(web.asked) < 2 and time.monotonic() < give_up_s:  # the server may be slower than the client
        web.closing.wait(0.01)
    assert web.asked == ["/silent", "/silent"]


@pytest.mark.parametrize("part", ["status line", "headers", "body"])
def test_a_server_that_sends_a_byte_now_and_then_is_given_up(
    web: LocalWeb, make_settings: MakeSettings, part: str
) -> None:
    begin = {"status line": b"", "headers": b"HTTP/1.1 200 OK\r\nX-Slow: ", "body": b"HTTP/1.1 200 OK\r\n\r\n"}[part]

    def trickle(handler: Handler) -> None:
        handler.wfile.write(begin)
        while not web.closing.wait(0.01):
            handler.wfile.write(b"H")

    session = GuardedSession(make_settings(deadline_s=0.2, silence_s=20, retries=0))
    started = time.monotonic()

    assert _outcome(session, web.serve("/slow", trickle)) == "timeout"
    assert time.monotonic() - started < 15  # far below the 20 s of silence that it never reaches


def test_the_deadline_counts_over_redirects(web: LocalWeb, make_settings: MakeSettings) -> None:
    web.serve("/end", lambda handler: web.closing.wait() and None)
    session = GuardedSession(make_settings(deadline_s=0.2, retries=0))

    assert _outcome(session, web.redirect("/begin", "/end")) == "timeout"


def _endless(handler: Handler) -> None:
    handler.send_response(200)
    handler.end_headers()
    while True:
        handler.wfile.write(b"x" * 65536)


def test_an_endless_body_is_cut(web: LocalWeb, session: GuardedSession) -> None:
    assert _outcome(session, web.serve("/endless", _endless)) == "too_large"


def test_the_limit_is_on_what_comes_and_not_on_what_was_announced(web: LocalWeb, session: GuardedSession) -> None:
    body = b"x" * 1000

    assert session.fetch(web.give("/exact", body), max_bytes=1000).content == body
    assert _outcome(session, web.give("/over", body), max_bytes=999) == "too_large"


def test_a_gzip_bomb_is_cut_by_its_decompressed_size(web: LocalWeb, session: GuardedSession) -> None:
    bomb = gzip.compress(bytes(64 * 2**20), compresslevel=1)
    assert len(bomb) < LIMIT

    assert _outcome(session, web.give("/bomb", bomb, content_encoding="gzip")) == "too_large"


def test_compressed_answers_are_read(web: LocalWeb, session: GuardedSession) -> None:
    url = web.give("/a", gzip.compress(b"small"), content_encoding="gzip")

    assert session.fetch(url, max_bytes=LIMIT).content == b"small"
    assert _outcome(session, web.give("/b", b"no gzip", content_encoding="gzip")) == "bad_encoding"


def test_a_body_that_ends_early_is_tried_again(web: LocalWeb, make_settings: MakeSettings) -> None:
    session = GuardedSession(make_settings(retries=2))

    assert _outcome(session, web.give("/cut", b"half", content_length="8")) == "connection_lost"
    assert len(web.asked) == 3


def test_what_is_no_http_is_a_lost_connection(web: LocalWeb, make_settings: MakeSettings) -> None:
    url = web.serve("/odd", lambda handler: handler.wfile.write(b"220 mail.test ESMTP\r\n") and None)

    assert _outcome(GuardedSession(make_settings(retries=0)), url) == "connection_lost"


def test_a_closed_port_is_a_failed_connection(make_settings: MakeSettings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]

    assert _outcome(GuardedSession(make_settings(retries=0)), f"http://127.0.0.1:{port}/") == "connection_failed"


def _after_failures(count: int, **failure: Any) -> Callable[[Handler], None]:
    left = count

    def page(handler: Handler) -> None:
        nonlocal left
        left -= 1
        answer(handler, **failure) if left >= 0 else answer(handler, b"at last")

    return page


@pytest.mark.parametrize("failure", [{"status": 500}, {"status": 503}, {"status": 429, "retry_after": "0"}])
def test_passing_faults_are_tried_again(web: LocalWeb, session: GuardedSession, failure: dict[str, Any]) -> None:
    url = web.serve("/a", _after_failures(2, **failure))

    assert session.fetch(url, max_bytes=LIMIT).content == b"at last"
    assert len(web.asked) == 3


@pytest.mark.parametrize("status", [204, 401, 404, 410])
def test_lasting_faults_are_not(web: LocalWeb, session: GuardedSession, status: int) -> None:
    assert _outcome(session, web.give("/a", status=status)) == f"http_{status}"
    assert len(web.asked) == 1


def test_a_host_that_asks_to_be_left_alone_for_long_is_left_alone(web: LocalWeb, session: GuardedSession) -> None:
    assert _outcome(session, web.give("/a", status=429, retry_after="3600")) == "http_429"
    assert _outcome(session, web.give("/b", b"another image")) == "host_busy"
    assert web.asked == ["/a"]


def test_a_short_wish_to_be_left_alone_is_waited_for(web: LocalWeb, session: GuardedSession) -> None:
    started = time.monotonic()

    session.fetch(web.serve("/a", _after_failures(1, status=429, retry_after="1")), max_bytes=LIMIT)

    assert time.monotonic() - started >= 1


def test_stopping_ends_a_fetch_that_hangs(web: LocalWeb, session: GuardedSession) -> None:
    asked = threading.Event()

    def hang(handler: Handler) -> None:
        asked.set()
        web.closing.wait()

    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(session.fetch, web.serve("/hang", hang), max_bytes=LIMIT)
        assert asked.wait(30)
        session.stop()

        with pytest.raises(StoppedError):
            future.result(timeout=120)
    with pytest.raises(StoppedError):
        session.fetch(web.url, max_bytes=LIMIT)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs the openssl command to make a certificate")
def test_tls_is_verified_for_the_name_while_the_connection_goes_to_the_checked_address(
    tmp_path: Path, make_settings: MakeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    made = ("-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate, "-days", "2")
    name = ("-subj", "/CN=images.test", "-addext", "subjectAltName=DNS:images.test")
    subprocess.run(["openssl", "req", "-x509", *made, *name], check=True, capture_output=True)

    def look_up(host: str, port: int, **_: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    with local_web() as web:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate, key)
        web.server.socket = context.wrap_socket(web.server.socket, server_side=True)
        web.give("/a", b"over TLS")
        port = web.server.server_port
        strangers = GuardedSession(make_settings(retries=0))
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        friends = GuardedSession(make_settings(retries=0))

        assert _outcome(strangers, f"https://images.test:{port}/a") == "tls_failed"
        assert friends.fetch(f"https://images.test:{port}/a", max_bytes=LIMIT).content == b"over TLS"
        assert _outcome(friends, f"https://other.test:{port}/a") == "tls_failed"

        web.serve("/hang", lambda handler: web.closing.wait() and None)
        hasty = GuardedSession(make_settings(retries=0, deadline_s=0.3))
        assert _outcome(hasty, f"https://images.test:{port}/hang") == "timeout"


@pytest.mark.parametrize(
    "setting",
    [
        {"requests_per_s": 0},
        {"deadline_s": float("nan")},
        {"silence_s": float("inf")},
        {"retries": -1},
        {"contact": "a\r\nHost: b"},
        {"proxy": "socks5://127.0.0.1"},
    ],
)
def test_settings_out_of_bounds_are_refused(make_settings: MakeSettings, setting: dict[str, Any]) -> None:
    with pytest.raises(DatasetError):
        make_settings(**setting)
