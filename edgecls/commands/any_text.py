"""Printing labels and file names, whatever is in them."""

import io
import sys
import unicodedata
from typing import TextIO

__all__ = ["on_one_line", "utf8_stdout"]


def utf8_stdout() -> TextIO:
    """Return standard output, able to print every label and file name whatever the locale."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8", errors="replace")
    return sys.stdout


def on_one_line(name: str) -> str:
    """Return a file name without characters that would move the cursor."""
    return "".join("?" if unicodedata.category(char) == "Cc" else char for char in name)
