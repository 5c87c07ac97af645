"""What a source of images is: something that finds addresses, fetching pages through the guarded session."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from edgecls.dataset.collect.guarded_session import Fetched, GuardedSession
from edgecls.dataset.collect.outcomes import FetchError
from edgecls.dataset.collect.robots import Robots
from edgecls.errors import DatasetError
from edgecls.regular_file import read_regular

__all__ = ["MAX_PAGE_BYTES", "Candidate", "Reader", "Source", "UrlList", "read_url_list"]

MAX_PAGE_BYTES = 10 * 2**20


@dataclass(frozen=True)
class Candidate:
    """The address of what may be an image.

    Attributes:
        url: The address.
        source: Where it was found: a search engine, a page, a list.
        keyword: What was searched for, if it was found by searching.
        asks_robots: Whether the robots.txt of its host decides if it may be fetched.
    """

    url: str
    source: str
    keyword: str | None = None
    asks_robots: bool = False


@dataclass(frozen=True)
class Reader:
    """How a source reads pages.

    Attributes:
        session: The way out.
        robots: What robots.txt files allow.
        remark: Takes what the user should know: a page that cannot be had, an answer that cannot be read.
    """

    session: GuardedSession
    robots: Robots
    remark: Callable[[str], None]

    def page(
        self, url: str, *, asks_robots: bool, name: str | None = None, referer: str | None = None
    ) -> Fetched | None:
        """Fetch a page; None, after a remark, if it cannot be had.

        Args:
            url: Its address.
            asks_robots: Whether the robots.txt of its host decides if it may be fetched.
            name: What to call it in the remark, instead of its address.
            referer: The page that the address is said to come from.

        Raises:
            StoppedError: The work was stopped.
        """
        try:
            if asks_robots:
                self.robots.check(url)
            return self.session.fetch(url, max_bytes=MAX_PAGE_BYTES, referer=referer)
        except FetchError as error:
            self.remark(f"cannot read {name or url}: {error} ({error.outcome})")
            return None


class Source(Protocol):
    """Finds addresses of images."""

    def candidates(self, reader: Reader) -> Iterator[Candidate]:
        """Yield addresses, the best first; pages are read as more addresses are asked for."""
        ...


@dataclass(frozen=True)
class UrlList:
    """Addresses that somebody wrote down.

    Attributes:
        urls: The addresses.
        source: What the list is called.
    """

    urls: Iterable[str]
    source: str

    def candidates(self, reader: Reader) -> Iterator[Candidate]:
        """Yield the addresses in their order."""
        for url in self.urls:
            yield Candidate(url, self.source)


def read_url_list(path: Path, *, default_label: str | None = None) -> dict[str, list[str]]:
    """Read a file that has one address a line, or a label, a tab and an address.

    The file is UTF-8 text; empty lines and lines that begin with # are passed over.

    Args:
        path: The file.
        default_label: Label of the lines that give none.

    Returns:
        The addresses of each label, in the order of the file, each once.

    Raises:
        DatasetError: The file cannot be read, has no address, or has one without a label.
    """
    try:
        text = read_regular(path).decode("utf-8-sig")
    except OSError as error:
        raise DatasetError(f"cannot read the list {str(path)!r}: {error.strerror}; check the path") from error
    except UnicodeDecodeError as error:
        raise DatasetError(f"the list {str(path)!r} is not UTF-8 text: {error}; save it as UTF-8") from error
    found: dict[str, dict[str, None]] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        before, tab, after = line.rpartition("\t")
        label = before.strip() if tab else default_label
        if not label:
            raise DatasetError(
                f"line {number} of {str(path)!r} gives no label; write LABEL<tab>ADDRESS, or give one with --class"
            )
        found.setdefault(label, {})[after.strip()] = None
    if not found:
        raise DatasetError(f"the list {str(path)!r} has no addresses; write one a line")
    return {label: list(urls) for label, urls in found.items()}
