"""How far a run over many pictures is, on the terminal."""

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from edgecls.commands.status_line import StatusLine

__all__ = ["duration_text", "with_progress"]

BAR_COLUMNS = 24
SHOWN_EVERY_S = 0.1

Item = TypeVar("Item")


def with_progress(
    items: Iterable[Item], total: int | None, *, clock: Callable[[], float] = time.monotonic
) -> Iterator[Item]:
    """Pass items on and show on the terminal how many have come; nothing where there is no terminal.

    The line is gone while an item is in the caller's hands if standard output is a terminal too, as what is
    printed there would end up behind it.

    Args:
        items: What is waited for.
        total: How many there will be; None if nobody knows.
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
    """Return the line: a bar, the count, pictures a second, and the time that is left."""
    rate = f"{done / elapsed_s:.1f}/s" if elapsed_s > 0 else ""
    if total is None:
        return f"{done} pictures"
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
