"""What notebooks show: pieces of HTML that need nothing else, and progress.

Text takes the colour of the notebook and lines are half transparent, so that a dark theme is fine. Every text is
escaped.
"""

import importlib
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

__all__ = ["BLUE", "GREY", "Bar", "Progress", "bars", "bold", "escaped", "facts", "in_notebook", "with_progress"]

BLUE, GREY = "#3b6ea5", "#8a8f98"
BAR_PIXELS = 160
SHOWN_EVERY_S = 0.1
_CELL = '<td style="text-align:left;border:none;padding:1px 8px 1px 0">'

Item = TypeVar("Item")


@dataclass(frozen=True)
class Bar:
    """A line of a chart.

    Attributes:
        label: Its name.
        length: From 0 to 1.
        text: Its value.
        color: As CSS has it.
    """

    label: str
    length: float
    text: str
    color: str = BLUE


def escaped(text: str) -> str:
    """Return a text as HTML; what no encoding can express becomes a question mark."""
    import html  # only a notebook pays for it

    return html.escape(text.encode(errors="replace").decode())


def bold(text: str) -> str:
    """Return a text in bold, as HTML."""
    return f"<b>{escaped(text)}</b>"


def bars(lines: Iterable[Bar]) -> str:
    """Return bars with their names and values, one below the other."""
    rows = "".join(
        f"<tr>{_CELL}{escaped(bar.label)}</td>"
        f'{_CELL}<div style="background:{bar.color};height:10px;width:{_width(bar.length)}px"></div></td>'
        f"{_CELL}{escaped(bar.text)}</td></tr>"
        for bar in lines
    )
    return f'<table style="border:none;margin:0">{rows}</table>'


def facts(values: Mapping[str, str]) -> str:
    """Return names with their values, one below the other; what has no value is left out."""
    rows = "".join(
        f'<tr><td style="text-align:left;border:none;padding:1px 12px 1px 0;opacity:0.7">{escaped(name)}</td>'
        f"{_CELL}{escaped(value)}</td></tr>"
        for name, value in values.items()
        if value
    )
    return f'<table style="border:none;margin:0">{rows}</table>'


def in_notebook() -> bool:
    """Return whether this is the process of a notebook, which displays HTML."""
    python = sys.modules.get("IPython")
    return python is not None and hasattr(python.get_ipython(), "kernel")


class Progress:
    """A bar in a notebook that is replaced while work goes on, and stays when it is over; nothing elsewhere.

    A context manager, at whose end the latest state is shown. It may be used by several threads.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._is_shown, self._clock = in_notebook(), clock
        self._lock = threading.Lock()
        self._handle: Any = None
        self._latest: dict[str, str] | None = None
        self._shown_s = float("-inf")

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *error: object) -> None:
        with self._lock:
            self._flush()

    def show(self, text: str, done: int | None = None, total: int | None = None) -> None:
        """Replace what is shown.

        Args:
            text: What is being done.
            done: How much of it is done; None if that is unknown.
            total: How much there is; None if that is unknown.
        """
        if not self._is_shown:
            return
        line = text + ("" if done is None else f" {done}" if total is None else f" {done}/{total}")
        bar = "" if done is None or not total else _track(done / total)
        with self._lock:
            self._latest = {
                "text/plain": line,
                "text/html": f'<div style="display:flex;gap:12px;align-items:center">{bar}{escaped(line)}</div>',
            }
            if self._clock() - self._shown_s >= SHOWN_EVERY_S:
                self._flush()

    def _flush(self) -> None:
        if self._latest is None:
            return
        if self._handle is None:
            display = importlib.import_module("IPython.display").display
            self._handle = display(self._latest, raw=True, display_id=True)
        else:
            self._handle.update(self._latest, raw=True)
        self._latest, self._shown_s = None, self._clock()


def with_progress(items: Iterable[Item], text: str, total: int | None) -> Iterator[Item]:
    """Pass items on, and show in a notebook how many have come.

    Args:
        items: What is waited for.
        text: What is being done.
        total: How many there will be; None if unknown.
    """
    with Progress() as progress:
        for done, item in enumerate(items, 1):
            progress.show(text, done, total)
            yield item


def _track(share: float) -> str:
    return (
        f'<div style="background:{GREY}55;width:{BAR_PIXELS}px">'
        f'<div style="background:{BLUE};height:10px;width:{_width(share)}px"></div></div>'
    )


def _width(share: float) -> int:
    return round(max(0.0, min(1.0, share)) * BAR_PIXELS)
