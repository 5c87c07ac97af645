"""HTML from a template file, in which every value is escaped unless it is HTML already."""

import html
import re
from collections.abc import Iterable
from pathlib import Path
from string import Template

__all__ = ["HTML", "Fragments", "Html", "joined"]

_MARK = re.compile(r"^<!-- fragment: (\w+) -->\n", re.MULTILINE)


class Html(str):
    """Text that is HTML; only `Fragments` makes it, from a template and escaped values."""

    __slots__ = ()


class Fragments:
    """The pieces of HTML in a template file, each under a line ``<!-- fragment: NAME -->``.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        _, *parts = _MARK.split(path.read_text(encoding="utf-8"))
        self._templates = {name: Template(text.strip()) for name, text in zip(parts[::2], parts[1::2], strict=True)}

    def fill(self, name: str, /, **values: object) -> Html:
        """Return a piece with its $placeholders replaced.

        Args:
            name: Which one.
            values: What to put in; escaped, but for Html.

        Raises:
            KeyError: There is no such piece, or a placeholder has no value.
        """
        safe = {key: value if isinstance(value, Html) else html.escape(str(value)) for key, value in values.items()}
        return Html(self._templates[name].substitute(safe))


def joined(parts: Iterable[Html]) -> Html:
    """Return pieces one after the other."""
    return Html("\n".join(parts))


HTML = Fragments(Path(__file__).with_name("page.html"))
"""The pieces of the report."""
