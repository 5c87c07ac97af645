"""What comes from the web while images are collected: pages, result pages of search engines, robots.txt."""

import functools
import html
import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from edgecls.dataset.collect.gallery import read_html
from edgecls.dataset.collect.guarded_session import Fetched
from edgecls.dataset.collect.outcomes import FetchError
from edgecls.dataset.collect.robots import Robots
from edgecls.dataset.collect.search import ENGINES, KeywordSearch
from edgecls.dataset.collect.sources import Reader
from fuzz.target import Target, check

MOST = 50  # addresses that are taken of one page


class _Session:
    """Stands for the web: it answers everything alike, without a connection."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def fetch(self, url: str, *, max_bytes: int, referer: str | None = None) -> Fetched:
        return Fetched(url, self._data[:max_bytes], "text/html")

    def slow_down(self, url: str, interval_s: float) -> None:
        check(interval_s >= 0, f"a delay of {interval_s} s")

    def stop(self) -> None:
        pass


def read_page(data: bytes, folder: Path) -> None:
    """A page, after a line with its Content-Type: addresses of HTTP, each once."""
    kind, _, body = data.partition(b"\n")
    found = read_html(Fetched("http://site.test/a/b.html", body, kind.decode("latin-1")))
    for urls in (found.images, found.pages):
        check(len(set(urls)) == len(urls), "an address is there twice")
        check(all(urlsplit(url).scheme in ("http", "https") for url in urls), f"addresses {urls[:5]}")


def read_robots(data: bytes, folder: Path) -> None:
    """A robots.txt: it allows an address, or does not."""
    session: Any = _Session(data)
    Robots(session).check("http://site.test/a/b.png?c=d")


def read_results(data: bytes, folder: Path, engine: str) -> None:
    """A page of results of a search engine: addresses, or a note that it cannot be read."""
    session: Any = _Session(data)
    notes: list[str] = []
    search = KeywordSearch(keywords=["rose"], engines=[engine], api_key="key" if ENGINES[engine].key_variable else None)
    candidates = search.candidates(Reader(session, Robots(session), notes.append))
    for _, found in zip(range(MOST), candidates, strict=False):
        check(isinstance(found.url, str), f"an address that is a {type(found.url)}")
    check(all(note.strip() for note in notes), "an empty note")


_PAGE = """<html><head><base href="/b/"><meta property="og:image" content="lead.jpg"></head><body>
<a href="big.jpg"><img src="small.png"></a><img srcset="a.png 1x, b.png 2.5x" data-src="c.png">
<img src="data:image/png;base64,AA=="><a href="next.html?page=2#top">next</a><a href="http://[::1">x</a>
<img src="//other.test/é.png"></body></html>"""


def _results(engine: str) -> list[bytes]:
    url = "http://a.test/rose.jpg"
    if engine == "bing":
        fact = html.escape(json.dumps({"murl": url}))
        page = f'<html><body><ul><div class="imgpt"><a class="iusc" m="{fact}"></a></div></ul></body></html>'
    elif engine == "google":
        page = (
            f'<script>AF_initDataCallback({{"data": ["{url}",120,80]}});</script><img src="http:\\/\\/a.test\\/2.png">'
        )
    elif engine == "baidu":
        page = json.dumps(
            {"data": [{"replaceUrl": [{"ObjURL": url}], "objURL": "ippr_z2C$qAzdH3FAzdH3F", "thumbURL": url}]}
        )
    else:
        page = json.dumps(
            {"photos": {"photo": [{"id": "1", "owner": "me"}]}, "sizes": {"size": [{"label": "Large", "source": url}]}}
        )
    return [page.encode(), b"", b"{}", b"[]"]


_PAGE_WORDS = (
    b"<img src=",
    b"<a href=",
    b"srcset=",
    b"javascript:",
    b"//",
    b"http://[",
    b"&#0;",
    b"<base href=",
    b"<!--",
    b"charset=utf-7",
)

TARGETS = (
    Target(
        "web_page",
        read_page,
        lambda: [
            b"text/html; charset=utf-8\n" + _PAGE.encode(),
            b"text/html; charset=no\n" + _PAGE.encode("utf-16"),
            b"\n<img src=a.png>",
        ],
        (),
        words=_PAGE_WORDS,
        needs=("bs4", "lxml", "icrawler"),
    ),
    Target(
        "robots_txt",
        read_robots,
        lambda: [
            b"User-agent: *\nAllow: /\nCrawl-delay: 2\n\nUser-agent: edgecls\nDisallow: /a/*.png$\nRequest-rate: 1/5\n"
        ],
        (FetchError,),
        words=(b"User-agent: *", b"Disallow: ", b"Crawl-delay: ", b"Request-rate: ", b"Sitemap: ", b"inf"),
        needs=("icrawler",),
    ),
    *(
        Target(
            f"search_{engine}",
            functools.partial(read_results, engine=engine),
            functools.partial(_results, engine),
            (),
            words=_PAGE_WORDS,
            needs=("bs4", "lxml", "icrawler"),
        )
        for engine in ENGINES
    ),
)
