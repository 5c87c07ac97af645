"""Whether a program printed what a document shows: numbers within tolerance, times and speeds not compared."""

import difflib
import re
from collections.abc import Sequence

OUTPUT_TOLERANCE = 0.05
"""Share by which a decimal number may differ; a whole number has to be the same."""

_LEAST_TOLERANCE = 0.02  # of probabilities and the like
_SIZE_TOLERANCE = 0.1

_DIGITS = r"[-+]?\d+(?:,\d{3})*(?:\.\d+)?(?:[eE][-+]?\d+)?"
_TIME_UNIT = r"(?:ns|µs|us|ms|s|sec|min|h|(?:micro|milli)?seconds?|minutes?|hours?|秒|毫秒|分钟)"
_RATE_UNIT = r"[A-Za-z]*/(?:s|sec|second|min|minute)"
_TOKENS = [
    ("any", r"\.\.\.|…"),
    ("instant", r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?"),
    ("clock", r"(?<![\w:.])\d+:\d\d(?::\d\d)?(?:\.\d+)?(?![\w:])"),
    ("version", r"(?<![\w.])\d+\.\d+\.\d+[\w.]*"),
    ("timed", rf'"\w*_(?:ms|s)": {_DIGITS}'),
    ("rate", rf"(?<![\w.]){_DIGITS} ?{_RATE_UNIT}(?!\w)"),
    ("time", rf"(?<![\w.]){_DIGITS} ?{_TIME_UNIT}(?: {_DIGITS} ?{_TIME_UNIT})*(?![\w/])"),
    ("gain", r"(?<![\w.])\d+\.\d+ times(?!\w)"),
    ("size", rf"(?<![\w.]){_DIGITS} ?(?:[kKMG]i?)?B(?!\w)"),
    ("number", rf"(?<![\w.-]){_DIGITS}(?![\w]|\.\w)"),
]
_TOKEN = re.compile("|".join(f"(?P<{name}>{pattern})" for name, pattern in _TOKENS))
_PATTERNS = {
    "any": ".*?",
    "instant": _TOKENS[1][1],
    "clock": r"\d+:\d\d(?::\d\d)?(?:\.\d+)?",
    "rate": rf"{_DIGITS} ?{_RATE_UNIT}",
    "time": rf"{_DIGITS} ?{_TIME_UNIT}(?: {_DIGITS} ?{_TIME_UNIT})*",
    "timed": rf'"\w*_(?:ms|s)": {_DIGITS}',
    "gain": r"\d+(?:\.\d+)? times",
}


def difference(shown: Sequence[str], stdout: str, stderr: str, *, tolerance: float | None = None) -> str | None:
    """Return how what was printed differs from the lines shown, or None where it is the same.

    A line `...` stands for any lines, and three dots within a line for any text. What is shown is either all of
    standard output, or all of both streams in the order of each; widths of columns are not compared.

    Args:
        shown: Lines of the document.
        stdout: Standard output.
        stderr: Standard error.
        tolerance: Share by which decimal numbers may differ.
    """
    share = OUTPUT_TOLERANCE if tolerance is None else tolerance
    wanted = [_plain(line) for line in shown]
    out, err = _lines(stdout), _lines(stderr)
    if _is_merged(wanted, out, [], share) or (err and _is_merged(wanted, out, err, share)):
        return None
    printed = [*out, *(f"(stderr) {line}" for line in err)]
    return "\n".join(difflib.unified_diff(wanted, printed, "shown", "printed", lineterm="", n=max(len(wanted), 3)))


def _plain(line: str) -> str:
    return re.sub(r"\s+", " ", line.rstrip())


def _lines(printed: str) -> list[str]:
    lines = [_plain(line.rpartition("\r")[2]) for line in re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", printed).split("\n")]
    while lines and not lines[-1]:
        lines.pop()
    return lines


def _is_merged(wanted: list[str], out: list[str], err: list[str], share: float) -> bool:
    """Return whether the lines shown are those of both streams, in some order that keeps that of each."""
    states = {(0, 0)}
    for line in wanted:
        if line == "...":
            states = {
                (a, b) for first in states for a in range(first[0], len(out) + 1) for b in range(first[1], len(err) + 1)
            }
            continue
        states = {(a + 1, b) for a, b in states if a < len(out) and line_matches(line, out[a], share)} | {
            (a, b + 1) for a, b in states if b < len(err) and line_matches(line, err[b], share)
        }
    return (len(out), len(err)) in states


def line_matches(shown: str, printed: str, tolerance: float = OUTPUT_TOLERANCE) -> bool:
    """Return whether a printed line is the one shown, as `difference` compares them."""
    shown, printed = _plain(shown), _plain(printed)
    pattern, compared, end = "", [], 0
    for token in _TOKEN.finditer(shown):
        kind = str(token.lastgroup)
        pattern += re.escape(shown[end : token.start()])
        end = token.end()
        if kind in _PATTERNS:
            pattern += _PATTERNS[kind]
        elif kind in ("number", "size"):
            compared.append((kind, token.group()))
            pattern += rf"({_DIGITS})" if kind == "number" else rf"({_DIGITS} ?(?:[kKMG]i?)?B)"
        else:
            pattern += re.escape(token.group())
    found = re.fullmatch(pattern + re.escape(shown[end:]), printed)
    return found is not None and all(
        _close(kind, expected, got, tolerance) for (kind, expected), got in zip(compared, found.groups(), strict=True)
    )


_FACTORS = {"": 1, "k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9, "ki": 2**10, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30}


def _close(kind: str, expected: str, got: str, share: float) -> bool:
    if kind == "size":
        return abs(_bytes(expected) - _bytes(got)) <= _SIZE_TOLERANCE * _bytes(expected)
    if re.fullmatch(r"[-+]?[\d,]+", expected) and re.fullmatch(r"[-+]?[\d,]+", got):
        return _number(expected) == _number(got)
    wanted = _number(expected)
    return abs(wanted - _number(got)) <= max(_LEAST_TOLERANCE, share * abs(wanted))


def _number(text: str) -> float:
    return float(text.replace(",", ""))


def _bytes(text: str) -> float:
    found = re.fullmatch(rf"({_DIGITS}) ?((?:[kKMG]i?)?)B", text)
    if found is None:
        raise ValueError(text)
    return _number(found[1]) * _FACTORS[found[2]]
