"""Reading pages without Beautiful Soup's advice to programmers."""

import contextlib
import warnings
from collections.abc import Iterator

from bs4 import MarkupResemblesLocatorWarning, XMLParsedAsHTMLWarning

__all__ = ["quiet_soup"]


@contextlib.contextmanager
def quiet_soup() -> Iterator[None]:
    """Silence what Beautiful Soup says about pages that are XHTML, or a bare address."""
    with warnings.catch_warnings():
        for category in (MarkupResemblesLocatorWarning, XMLParsedAsHTMLWarning):
            warnings.simplefilter("ignore", category)
        yield
