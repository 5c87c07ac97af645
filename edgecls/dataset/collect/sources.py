"""Sources of images: what all of them share (candidates, reading pages), and the simplest one, a list of addresses."""

import contextlib
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bs4 import MarkupResemblesLocatorWarning, XMLParsedAsHTMLWarning

from edgecls.dataset.collect.guarded_session import Fetched, GuardedSession
from edgecls.dataset.collect.outcomes import FetchError
from edgecls.dataset.collect.robots import Robots
from edgecls.dataset.formats.lists import read_text
from edgecls.errors import DatasetError

__all__ = ["MAX_PAGE_BYTES", "Candidate", "Reader", "Source", "UrlList", "quiet_soup", "read_url_list"]

MAX_PAGE_BYTES = 10 * 2**20


class Source(Protocol):
    """Finds addresses of images."""

    def candidates(self, reader: "Reader") -> "Iterator[Candidate]":
        """Yield addresses, the best first; pages are read as more addresses are needed."""
        ...


@dataclass(frozen=True)
class Candidate:
    """An address that may be an image.

    Attributes:
        url: The address.
        source: Where it was found: a search engine, a page, a list.
        keyword: What was searched for, if it was found by searching.
        asks_robots: Whether the robots.txt of its host applies.
    """

    url: str
    source: str
    keyword: str | None = None
    asks_robots: bool = False


@dataclass(frozen=True)
class Reader:
    """How a source reads pages.

    Attributes:
        session: Makes all requests.
        robots: What robots.txt files allow.
        note: Called with what the user should know: a page that cannot be fetched, an answer that cannot be read.
    """

    session: GuardedSession
    robots: Robots
    note: Callable[[str], None]

    def page(
        self, url: str, *, asks_robots: bool, name: str | None = None, referer: str | None = None
    ) -> Fetched | None:
        """Fetch a page; None, after a note, if it cannot be fetched.

        Args:
            url: Its address.
            asks_robots: Whether the robots.txt of its host applies.
            name: Its name in the note, instead of its address.
            referer: The page that contains the address.

        Raises:
            StoppedError: The collection was stopped.
        """
        try:
            if asks_robots:
                self.robots.check(url)
            return self.session.fetch(url, max_bytes=MAX_PAGE_BYTES, referer=referer)
        except FetchError as error:
            self.note(f"cannot read {name or url}: {error} ({error.outcome})")
            return None


@contextlib.contextmanager
def quiet_soup() -> Iterator[None]:
    """Silence Beautiful Soup's advice to programmers about pages that are XHTML, or a bare address."""
    with warnings.catch_warnings():
        for category in (MarkupResemblesLocatorWarning, XMLParsedAsHTMLWarning):
            warnings.simplefilter("ignore", category)
        yield


@dataclass(frozen=True)
class UrlList:
    """A list of addresses.

    Attributes:
        urls: The addresses.
        source: The name of the list.
    """

    urls: Iterable[str]
    source: str

    def candidates(self, reader: Reader) -> Iterator[Candidate]:
        """Yield the addresses in their order."""
        for url in self.urls:
            yield Candidate(url, self.source)


def read_url_list(path: Path, *, default_label: str | None = None) -> dict[str, list[str]]:
    """Read a file that has one address a line, or a label, a tab and an address.

    The file is UTF-8 text; empty lines and lines that start with # are ignored.

    Args:
        path: The file.
        default_label: Label of the lines without one.

    Returns:
        The addresses of each label, in the order of the file, each once.

    Raises:
        DatasetError: The file cannot be read, has no address, or has one without a label.
    """
    found: dict[str, dict[str, None]] = {}
    for number, line in enumerate(read_text(path).splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        before, tab, after = line.rpartition("\t")
        label = before.strip() if tab else default_label
        if not label:
            raise DatasetError(
                f"line {number} of {str(path)!r} has no label; write LABEL<tab>ADDRESS, or give one with --class"
            )
        if not after.strip():
            raise DatasetError(f"line {number} of {str(path)!r} has no address after the tab; add it")
        found.setdefault(label, {})[after.strip()] = None
    if not found:
        raise DatasetError(f"the list {str(path)!r} has no addresses; write one a line")
    return {label: list(urls) for label, urls in found.items()}
