"""Search engines as sources: icrawler builds their addresses and parses their pages; the requests are ours."""

import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from queue import Queue
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from icrawler.builtin.baidu import BaiduFeeder, BaiduParser
from icrawler.builtin.bing import BingFeeder, BingParser
from icrawler.builtin.flickr import FlickrFeeder, FlickrParser
from icrawler.builtin.google import GoogleFeeder, GoogleParser
from icrawler.utils import Signal

from edgecls.dataset.collect.guarded_session import Fetched
from edgecls.dataset.collect.outcomes import FetchError
from edgecls.dataset.collect.sources import MAX_PAGE_BYTES, Candidate, Reader, quiet_soup
from edgecls.errors import DatasetError

__all__ = ["ENGINES", "Engine", "KeywordSearch"]

MAX_RESULTS = 1000
"""Largest number of results of an engine for one keyword."""

MAX_IDLE_PAGES = 3
"""Consecutive pages without a new address after which an engine is done."""

_UNREADABLE = (KeyError, TypeError, ValueError, AttributeError, IndexError, RecursionError)
"""What icrawler's parsers raise on pages of unknown structure."""

_FLICKR_SIZES = (
    *("large 2048", "large 1600", "large", "medium 800", "original"),
    *("medium 640", "medium", "small 320", "small"),
)

_QUIET = logging.Logger("icrawler")  # outside the tree of loggers: errors become notes instead
_QUIET.addHandler(logging.NullHandler())


@dataclass(frozen=True)
class Engine:
    """A search engine as icrawler knows it.

    Attributes:
        feeder: icrawler's class that builds the addresses of result pages.
        parser: icrawler's class that finds images in them.
        feed: Returns the arguments of `feeder.feed` for a keyword, filters and an API key.
        read: Returns the arguments of `parser.parse` after the page, for an API key.
        key_variable: Environment variable of the API key, if the engine needs one.
    """

    feeder: type[Any]
    parser: type[Any]
    feed: Callable[[str, Mapping[str, str], str | None], dict[str, Any]]
    read: Callable[[str | None], dict[str, Any]] = field(default=lambda key: {})
    key_variable: str | None = None


def _quoted(keyword: str, filters: Mapping[str, str], key: str | None) -> dict[str, Any]:
    # These two feeders put the keyword into the address as it is, an & or # included.
    return {**_plain(keyword, filters, key), "keyword": quote(keyword, safe="")}


def _plain(keyword: str, filters: Mapping[str, str], key: str | None) -> dict[str, Any]:
    return {"keyword": keyword, "offset": 0, "max_num": MAX_RESULTS, "filters": dict(filters) or None}


def _flickr(keyword: str, filters: Mapping[str, str], key: str | None) -> dict[str, Any]:
    return {**filters, "apikey": key, "text": keyword, "sort": "relevance"}


ENGINES: dict[str, Engine] = {
    "baidu": Engine(BaiduFeeder, BaiduParser, _quoted),
    "bing": Engine(BingFeeder, BingParser, _quoted),
    "flickr": Engine(
        FlickrFeeder,
        FlickrParser,
        _flickr,
        lambda key: {"apikey": key, "size_preference": _FLICKR_SIZES},
        key_variable="FLICKR_APIKEY",
    ),
    "google": Engine(GoogleFeeder, GoogleParser, _plain),
}


class _ParsersSession:
    """The session of icrawler's parsers; the one for Flickr sends a request for each image."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self.end: BaseException | None = None

    def get(self, url: str) -> Fetched:
        try:
            return self._reader.session.fetch(url, max_bytes=MAX_PAGE_BYTES)
        except FetchError:
            raise
        except BaseException as error:
            # The parser catches every exception and continues, even after Ctrl-C.
            self.end = self.end or error
            self._reader.session.stop()
            raise


@dataclass(frozen=True)
class KeywordSearch:
    """Several keywords in several engines, one engine after the other.

    Attributes:
        keywords: What to search for, in any script.
        engines: Names from `ENGINES`.
        filters: icrawler's filters, as ``{"license": "creativecommons", "size": "large"}``.
        api_key: For the engine that needs one.

    Raises:
        DatasetError: An engine or filter is unknown, an API key is missing, or a keyword is empty.
    """

    keywords: Sequence[str]
    engines: Sequence[str] = ("bing",)
    filters: Mapping[str, str] = field(default_factory=dict)
    api_key: str | None = None

    def __post_init__(self) -> None:
        if not self.keywords or not all(keyword.strip() for keyword in self.keywords):
            raise DatasetError("a keyword is empty or missing; give what to search for")
        for name in self.engines:
            if name not in ENGINES:
                raise DatasetError(f"unknown search engine {name!r}; choose from {', '.join(sorted(ENGINES))}")
            if ENGINES[name].key_variable and not self.api_key:
                raise DatasetError(f"{name} needs an API key; set the environment variable FLICKR_APIKEY")
            self._result_pages(name, self.keywords[0])

    def candidates(self, reader: Reader) -> Iterator[Candidate]:
        """Yield what the engines find; the keywords take turns."""
        for name in self.engines:
            searches = [self._search(name, keyword, reader) for keyword in self.keywords]
            while searches:
                for search in list(searches):
                    candidate = next(search, None)
                    if candidate is None:
                        searches.remove(search)
                    else:
                        yield candidate

    def _search(self, name: str, keyword: str, reader: Reader) -> Iterator[Candidate]:
        """Yield each address once, as result pages are read."""
        seen: set[str] = set()
        idle_pages = 0
        for number, url in enumerate(self._result_pages(name, keyword), 1):
            idle_pages += 1
            for found in self._read_page(name, url, f"{name}, {keyword!r}, page {number}", reader):
                if found not in seen:
                    seen.add(found)
                    idle_pages = 0
                    yield Candidate(found, name, keyword)
            if idle_pages == MAX_IDLE_PAGES:
                reader.note(f"{name}: nothing new for {keyword!r} on {idle_pages} pages in a row, stopped")
                return

    def _result_pages(self, name: str, keyword: str) -> list[str]:
        engine = ENGINES[name]
        feeder = engine.feeder(1, Signal(), None)
        feeder.logger = _QUIET
        feeder.out_queue = Queue()  # its own blocks after a few addresses
        try:
            feeder.feed(**engine.feed(keyword, self.filters, self.api_key))
        except (*_UNREADABLE, AssertionError) as error:
            raise DatasetError(f"{name} cannot search with the filters {dict(self.filters)}: {error}") from error
        urls = list(feeder.out_queue.queue)
        if name == "flickr" and not self.filters.keys() <= parse_qs(urlsplit(urls[0]).query).keys():
            raise DatasetError(f"flickr does not know all of the filters {dict(self.filters)}; see its photos.search")
        return urls

    def _read_page(self, name: str, url: str, title: str, reader: Reader) -> Iterator[str]:
        parts = urlsplit(url)
        page = reader.page(url, asks_robots=False, name=title, referer=f"{parts.scheme}://{parts.netloc}")
        if page is None:
            return
        session = _ParsersSession(reader)
        parser = ENGINES[name].parser(1, Signal(), session)
        parser.logger = _QUIET
        try:
            for task in _parsed(parser, page, ENGINES[name].read(self.api_key)):
                yield _unescaped(str(task["file_url"]))
        except _UNREADABLE as error:
            reader.note(f"{title}: not in the structure that icrawler reads ({type(error).__name__}: {error})")
        if session.end is not None:
            raise session.end


def _parsed(parser: Any, page: Fetched, arguments: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield what a parser of icrawler finds; some return None instead of an empty list."""
    with quiet_soup():
        tasks = iter(parser.parse(page, **arguments) or ())
    while True:
        with quiet_soup():
            task = next(tasks, None)
        if task is None:
            return
        yield task


def _unescaped(url: str) -> str:
    """Undo JSON escapes, which icrawler leaves in addresses that it extracts from scripts."""
    if "\\" not in url:
        return url
    try:
        return str(json.loads(f'"{url}"'))
    except ValueError:
        return url
