"""The images of a page, and of a site."""

import pytest
from local_web import LocalWeb, answer

from edgecls.dataset.collect.gallery import GalleryPages, Site, read_html
from edgecls.dataset.collect.guarded_session import Fetched, GuardedSession
from edgecls.dataset.collect.robots import Robots
from edgecls.dataset.collect.sources import Reader, Source

PAGE = "http://a.test/album/index.html"


def _images(html: str, *, content_type: str = "text/html; charset=utf-8") -> list[str]:
    return list(read_html(Fetched(PAGE, html.encode(), content_type)).images)


@pytest.mark.parametrize(
    ("html", "urls"),
    [
        ('<img src="1.png">', ["http://a.test/album/1.png"]),
        ('<img src="/1.png"><img src="//b.test/2.png">', ["http://a.test/1.png", "http://b.test/2.png"]),
        ('<img src="猫.png?大=1#x">', ["http://a.test/album/猫.png?大=1"]),
        ('<img src=" 1.png ">', ["http://a.test/album/1.png"]),
        ('<img src="1.png"><img src="1.png">', ["http://a.test/album/1.png"]),
        ('<img src="no-suffix">', ["http://a.test/album/no-suffix"]),
        ('<img src="wait.gif" data-src="1.png">', ["http://a.test/album/1.png"]),
        ('<img src="s.png" srcset="m.png 640w, l.png 1280w, s.png 320w">', ["http://a.test/album/l.png"]),
        ('<img srcset="1.png, 2.png 1.5x">', ["http://a.test/album/2.png"]),
        ('<img srcset="w_1,h_2/a.png 2x,b.png">', ["http://a.test/album/w_1,h_2/a.png"]),
        ('<a href="big.JPG?x=1"><img src="small.jpg"></a>', ["http://a.test/album/big.JPG?x=1"]),
        ('<a href="photo.html"><img src="1.png"></a>', ["http://a.test/album/1.png"]),
        ('<a href="notes.pdf">notes</a>', []),
        ('<meta property="og:image" content="/lead.jpg">', ["http://a.test/lead.jpg"]),
        ('<meta name="twitter:image" content="lead.jpg">', ["http://a.test/album/lead.jpg"]),
        ('<meta name="description" content="lead.jpg">', []),
        ('<base href="http://c.test/x/"><img src="1.png">', ["http://c.test/x/1.png"]),
        ('<img src="data:image/png;base64,AA"><img src="javascript:x()"><img src="file:///etc/a.png">', []),
        ('<img src="http://[broken"><a href="http://[broken.jpg">x</a><img src=""><img>', []),
        ('<p>unclosed <img src="1.png"', []),
        ("", []),
        (
            '<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><img src="1.png"/></html>',
            ["http://a.test/album/1.png"],
        ),
        ("http://a.test/1.png", []),
    ],
)
def test_a_page_shows_links_to_or_declares_its_images(html: str, urls: list[str]) -> None:
    assert _images(html) == urls


def test_what_is_no_html_has_no_images() -> None:
    assert _images('<img src="1.png">', content_type="application/json") == []


def test_a_page_in_another_encoding_is_read() -> None:
    page = Fetched(PAGE, '<img src="猫.png">'.encode("gb18030"), "text/html; charset=gb18030")

    assert read_html(page).images == ("http://a.test/album/猫.png",)


def _find(source: Source, session: GuardedSession) -> tuple[list[str], list[str]]:
    notes: list[str] = []
    reader = Reader(session, Robots(session), notes.append)
    return [candidate.url for candidate in source.candidates(reader)], notes


def test_gallery_pages_are_read_and_their_links_are_not_followed(web: LocalWeb, session: GuardedSession) -> None:
    first = web.give("/1.html", b'<img src="a.png"><a href="2.html">next</a>', content_type="text/html")
    third = web.give("/3.html", b'<img src="c.png">', content_type="text/html")

    found, notes = _find(GalleryPages([first, f"{web.url}/gone.html", third]), session)

    assert found == [f"{web.url}/a.png", f"{web.url}/c.png"]
    assert notes == [f"cannot read {web.url}/gone.html: the server answered 404 (http_404)"]
    assert web.asked == ["/robots.txt", "/1.html", "/gone.html", "/3.html"]


def test_robots_txt_is_asked_before_a_page_is(web: LocalWeb, session: GuardedSession) -> None:
    web.give("/robots.txt", b"User-agent: *\nDisallow: /private")

    found, notes = _find(GalleryPages([f"{web.url}/private/1.html"]), session)

    assert (found, web.asked) == ([], ["/robots.txt"])
    assert "refused_robots" in notes[0]


def test_a_site_is_read_page_by_page_on_one_host(web: LocalWeb, session: GuardedSession) -> None:
    web.give("/", b'<a href="/x/">x</a><a href="http://b.test/">other</a><img src="1.png">', content_type="text/html")
    web.give("/x/", b'<a href="y.html#top">y</a><a href="/">home</a><a href="z.zip">z</a>', content_type="text/html")
    web.give("/x/y.html", b'<img src="http://cdn.test/2.png">', content_type="text/html")

    found, notes = _find(Site(f"{web.url}/"), session)

    assert found == [f"{web.url}/1.png", "http://cdn.test/2.png"]
    assert (web.asked, notes) == (["/robots.txt", "/", "/x/", "/x/y.html"], [])


def test_a_site_without_end_is_left_after_some_pages(web: LocalWeb, session: GuardedSession) -> None:
    count = iter(range(1000))
    web.serve(
        "/",
        lambda handler: answer(handler, f'<a href="/?page={next(count)}">more</a>'.encode(), content_type="text/html"),
    )

    _, notes = _find(Site(f"{web.url}/", max_pages=3), session)

    assert len(web.asked) == 1 + 3
    assert "--max-pages" in notes[0]
