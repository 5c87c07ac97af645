"""Reading JSON that somebody else may have written."""

import json
from typing import Any

__all__ = ["parse_json"]

MOST_DIGITS = 300  # of a whole number; the largest float has 309


def parse_json(text: str | bytes) -> Any:
    """Return what a JSON text holds.

    Bytes may be in UTF-8, UTF-16 or UTF-32. Whole numbers fit into a float.

    Raises:
        ValueError: It is not JSON, is nested too deeply to be read, or has a number that is too large.
    """
    try:
        return _DECODER.decode(text if isinstance(text, str) else text.decode(json.detect_encoding(text)))
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _whole_number(digits: str) -> int:
    if len(digits) > MOST_DIGITS:
        raise ValueError(f"a number has {len(digits)} digits")
    return int(digits)


_DECODER = json.JSONDecoder(parse_int=_whole_number)
