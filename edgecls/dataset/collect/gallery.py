"""Web pages as sources: the images that a page shows or links to, and those of a whole site."""

import os
import re
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import urldefrag, urljoin, urlsplit

from bs4 import BeautifulSoup, Tag

from edgecls.dataset.collect.guarded_session import Fetched
from edgecls.dataset.collect.sources import Candidate, Reader, quiet_soup
from edgecls.image_files import IMAGE_SUFFIXES

__all__ = ["GalleryPages", "PageContent", "Site", "read_html"]

_CANDIDATE = re.compile(r"([^\s,]\S*[^\s,]|[^\s,])(?:\s+(\d+(?:\.\d+)?)[wx])?[^,]*(?:,|$)")
"""One entry of a srcset: address, then width or density."""

_PAGE_SUFFIXES = frozenset(["", ".html", ".htm", ".xhtml", ".shtml", ".php", ".asp", ".aspx", ".jsp"])

_LAZY_SOURCES = ("data-original", "data-src", "data-lazy-src", "src")
"""Attributes of an img, the most reliable first: pages that load lazily keep a placeholder in src."""

_LEAD_IMAGES = frozenset(["og:image", "og:image:url", "og:image:secure_url", "twitter:image", "twitter:image:src"])


@dataclass(frozen=True)
class GalleryPages:
    """The images of some pages; links to other pages are not followed.

    Attributes:
        urls: Addresses of the pages.
    """

    urls: Sequence[str]

    def candidates(self, reader: Reader) -> Iterator[Candidate]:
        """Yield the images of each page, in its order."""
        for url in self.urls:
            page = reader.page(url, asks_robots=True)
            if page is None:
                continue
            found = read_html(page).images
            if not found:
                reader.note(f"page {url} has no images; if it is an image itself, list it in a file for --urls")
            for image in found:
                yield Candidate(image, url, asks_robots=True)


@dataclass(frozen=True)
class Site:
    """A whole site, page by page; links to pages of other hosts are not followed, their images are taken.

    Attributes:
        url: The page to start from.
        max_pages: Largest number of pages to read.
    """

    url: str
    max_pages: int = 100

    def candidates(self, reader: Reader) -> Iterator[Candidate]:
        """Yield the images of the pages, breadth first."""
        pages, known = deque([self.url]), {self.url}
        for _ in range(self.max_pages):
            if not pages:
                return
            page = reader.page(pages.popleft(), asks_robots=True)
            if page is None or _host(page.url) != _host(self.url):
                continue
            content = read_html(page)
            for image in content.images:
                yield Candidate(image, self.url, asks_robots=True)
            for link in content.pages:
                if link not in known and _host(link) == _host(self.url):
                    known.add(link)
                    pages.append(link)
        if pages:
            reader.note(f"stopped after {self.max_pages} pages of {self.url}; raise --max-pages to read more")


def _host(url: str) -> str:
    return urlsplit(url).netloc.lower()


@dataclass(frozen=True)
class PageContent:
    """The references of an HTML page, in its order, each address once, only http and https.

    Attributes:
        images: Images that it shows, links to, or declares as its lead image.
        pages: Links that may lead to other pages.
    """

    images: tuple[str, ...]
    pages: tuple[str, ...]


def read_html(page: Fetched) -> PageContent:
    """Find the references of an HTML page; none if the content is not HTML.

    A link to an image replaces the small image inside the link; of a srcset the largest is taken.
    """
    if page.content_type and "html" not in page.content_type.lower():
        return PageContent((), ())
    with quiet_soup():
        soup = BeautifulSoup(page.content, "lxml", from_encoding=_charset(page.content_type))
    base = _absolute(page.url, _attribute(soup.find("base", href=True), "href")) or page.url
    tags = soup.find_all(["a", "img", "meta"])
    images = (_absolute(base, _image(tag)) for tag in tags)
    pages = (_absolute(base, _attribute(tag, "href")) for tag in tags if tag.name == "a" and _may_be_page(tag))
    return PageContent(
        tuple(dict.fromkeys(url for url in images if url)), tuple(dict.fromkeys(url for url in pages if url))
    )


def _absolute(base: str, reference: str | None) -> str | None:
    """Return the address of a reference, None if it is not an http or https address."""
    try:
        url = urldefrag(urljoin(base, (reference or "").strip())).url
        return url if reference and urlsplit(url).scheme in ("http", "https") else None
    except ValueError:  # as in http://[
        return None


def _image(tag: Tag) -> str | None:
    """Return the reference to an image in a tag."""
    if tag.name == "a":
        return _linked_image(tag)
    if tag.name == "meta":
        kind = _attribute(tag, "property") or _attribute(tag, "name")
        return _attribute(tag, "content") if kind in _LEAD_IMAGES else None
    link = tag.find_parent("a")
    if link is not None and _linked_image(link):
        return None
    return _largest(_attribute(tag, "srcset") or _attribute(tag, "data-srcset")) or next(
        (value for name in _LAZY_SOURCES if (value := _attribute(tag, name))), None
    )


def _linked_image(link: Tag) -> str | None:
    target = _attribute(link, "href")
    return target if target and _suffix(target) in IMAGE_SUFFIXES else None


def _may_be_page(link: Tag) -> bool:
    return _suffix(_attribute(link, "href") or "") in _PAGE_SUFFIXES


def _suffix(reference: str) -> str:
    path = reference.partition("?")[0].partition("#")[0]
    return os.path.splitext(path.rpartition("/")[2])[1].lower()


def _largest(srcset: str | None) -> str | None:
    entries = [(float(size or 1), url) for url, size in _CANDIDATE.findall(srcset or "")]
    return max(entries, key=lambda entry: entry[0])[1] if entries else None


def _attribute(tag: object, name: str) -> str | None:
    value = tag.get(name) if isinstance(tag, Tag) else None
    return value if isinstance(value, str) else None


def _charset(content_type: str) -> str | None:
    match = re.search(r"charset=[\"']?([\w.:-]+)", content_type, re.IGNORECASE)
    return match.group(1) if match else None
