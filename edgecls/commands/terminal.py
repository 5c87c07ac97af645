"""The terminal: text of any script in columns, progress, and the noise of libraries."""

import contextlib
import io
import os
import sys
import time
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, TextIO, TypeVar

import click

if TYPE_CHECKING:
    from edgecls.runtime.classifier import Classifier

__all__ = [
    "INTERRUPTED",
    "StatusLine",
    "announce_provider",
    "counted",
    "duration_text",
    "held_back",
    "on_one_line",
    "padded",
    "table_lines",
    "utf8_stdout",
    "width",
    "with_progress",
]

INTERRUPTED = 130
"""The exit code of a command that Ctrl-C ended before it was done: 128 + SIGINT, as in shells."""

BAR_COLUMNS = 24
SHOWN_EVERY_S = 0.1
OF_A_NOTEBOOK = "JPY_PARENT_PID"  # which Jupyter sets for what notebooks start
Item = TypeVar("Item")


def utf8_stdout() -> TextIO:
    """Return standard output, able to print every label and file name whatever the locale."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8", errors="replace")
    return sys.stdout


def on_one_line(name: str) -> str:
    """Return a file name without characters that would move the cursor."""
    if name.isprintable():
        return name
    return "".join("?" if unicodedata.category(char) == "Cc" else char for char in name)


class StatusLine:
    """A line on the terminal that is overwritten while work goes on; nothing where there is no terminal.

    A command that a notebook's cell starts has one in name only: everything written there stays.
    """

    def __init__(self) -> None:
        self._is_terminal = sys.stderr.isatty() and OF_A_NOTEBOOK not in os.environ

    def show(self, text: str) -> None:
        """Replace the line."""
        if self._is_terminal:
            click.echo(f"\r\x1b[K{text}", nl=False, err=True)

    @property
    def is_shown(self) -> bool:
        """True if there is a terminal."""
        return self._is_terminal

    def then(self, text: str) -> None:
        """Clear the line and print a lasting one."""
        if self._is_terminal:
            click.echo("\r\x1b[K", nl=False, err=True)
        click.echo(text)


def counted(count: int, noun: str) -> str:
    """Return a number with what it counts, as "1 image" or "2 images"."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def padded(text: str, columns: int) -> str:
    """Return `text` followed by spaces, so that it takes `columns` columns; a wider text stays as it is."""
    return text + " " * (columns - width(text))


def table_lines(rows: Iterable[Sequence[str]]) -> list[str]:
    """Return a line for each row, its cells under those of the other rows: the first column left, others right.

    Args:
        rows: As many cells in each, no line breaks in them.
    """
    cells = [tuple(row) for row in rows]
    widths = [max(map(width, column)) for column in zip(*cells, strict=True)]
    lines = []
    for first, *others in cells:
        gaps = [" " * (columns - width(cell)) + cell for cell, columns in zip(others, widths[1:], strict=True)]
        lines.append("  ".join([padded(first, widths[0]), *gaps]))
    return lines


def width(text: str) -> int:
    """Return the columns that a text takes on a terminal, where Chinese characters take two."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text
    )


def with_progress(
    items: Iterable[Item], total: int | None, *, clock: Callable[[], float] = time.monotonic
) -> Iterator[Item]:
    """Pass items on and show on the terminal how many have come; nothing where there is no terminal.

    The line is gone while an item is in the caller's hands if standard output is a terminal too, as what is
    printed there would end up behind it.

    Args:
        items: What is waited for.
        total: How many there will be; None if unknown.
        clock: Tells the time in seconds.
    """
    line = StatusLine()
    if not line.is_shown:
        yield from items
        return
    shares_terminal = sys.stdout.isatty()
    start_s = shown_s = clock()
    try:
        for done, item in enumerate(items, 1):
            if shares_terminal:
                line.show("")
            yield item
            now_s = clock()
            if shares_terminal or now_s - shown_s >= SHOWN_EVERY_S:
                line.show(progress_text(done, total, now_s - start_s))
                shown_s = now_s
    finally:
        line.show("")


def progress_text(done: int, total: int | None, elapsed_s: float) -> str:
    """Return the line: a bar, the count, images a second, and the time that is left."""
    rate = f"{done / elapsed_s:.1f}/s" if elapsed_s > 0 else ""
    if total is None:
        return counted(done, "image")
    filled = BAR_COLUMNS * done // total
    left = "" if done == 0 else f"{duration_text(elapsed_s / done * (total - done))} left"
    return f"[{'#' * filled}{'.' * (BAR_COLUMNS - filled)}] {done}/{total}  {rate}  {left}"


def duration_text(seconds: float) -> str:
    """Return a duration as seconds, minutes or hours, as "42 s", "3:05 min" or "1:30 h"."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    return f"{minutes}:{rest:02d} min" if minutes < 60 else f"{minutes // 60}:{minutes % 60:02d} h"


@contextlib.contextmanager
def held_back() -> Iterator[None]:
    """Hold back what is written to standard error in the block, and let it out only if the block raises.

    For messages of libraries that no setting turns off.
    """
    sys.stderr.flush()
    original = os.dup(2)
    import tempfile

    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except BaseException:
            held.seek(0)
            os.write(original, held.read())
            raise
        finally:
            os.dup2(original, 2)
            os.close(original)


def announce_provider(classifier: "Classifier") -> None:
    """Print the tuned setting, and better providers that were skipped; nothing if neither."""
    if classifier.setting is not None:
        click.echo(f"running as tuned for this machine: {classifier.setting}", err=True)
    if classifier.skipped:
        reasons = ". ".join(str(skipped) for skipped in classifier.skipped)
        click.echo(f"running on {classifier.provider}; skipped {reasons}", err=True)
