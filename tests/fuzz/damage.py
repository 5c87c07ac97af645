"""Ways to damage an input: its bytes, and what stands in it where its structure can be seen."""

import io
import json
import random
import re
import struct
import warnings
import zipfile
import zlib
from collections.abc import Callable, Sequence
from typing import Any

__all__ = ["damaged_bytes", "mutated"]

WORDS = (
    *(b"", b"\0", b"\n", b"\r", b"\r\n", b"\t", b" ", b",", b";", b'"', b"'", b"\\", b"/", b"%", b"=", b":"),
    *(b"..", b"../../x", b"/etc/x", b"C:\\x", b"~", b"-", b"--x", b".x", b"CON", b"nul.txt", b"x" * 300),
    *(b"0", b"-1", b"1e999", b"NaN", b"-Infinity", b"1" * 5000, b"0x10", b"\xd9\xa3", b"\xc2\xb2"),  # ٣ and ²
    *(b"\xef\xbb\xbf", b"\xff\xfe", b"\xff", b"\xc3", b"\xed\xa0\x80", b"e\xcc\x81", b"\xc3\xa9", b"\xe2\x80\xa8"),
    *(b"\xe2\x80\xae", b"\xf0\x9f\x92\xa5", b"%00", b"%2e%2e%2f", b"%ff", b"[" * 3000, b"{", b"}", b"]", b"(" * 2000),
)
NUMBERS = (0, 1, 2, 3, 4, 7, 8, 16, 127, 128, 255, 256, 1000, 32767, 32768, 65535, 65536, 2**31 - 1, 2**31, 2**32 - 1)
_DEEP = "DEEP"
_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2**31, 2**53 + 1, 2**63, 10**400, 0.5, -0.0, 1e-320, 1e308, float("nan")),
    *(float("inf"), "", "a", "\0", "\n", "\ud800", "../../x", "/etc/x", "é", "é", "\u2028", "x" * 3000, "1", "0.5"),
    *([], {}, [[]], {"a": 1}, [0] * 50, [1, "a", None], _DEEP),
)


def mutated(data: bytes, chance: random.Random, words: Sequence[bytes] = ()) -> bytes:
    """Return a damaged copy of an input.

    Args:
        data: The input.
        chance: Decides what is done.
        words: What may be put in, besides the usual.
    """
    for _ in range(chance.choice((1, 1, 1, 2, 3, 6))):
        ways = [damaged_bytes, damaged_bytes, *_structural(data)]
        data = chance.choice(ways)(data, chance, words)
    return data


_Way = Callable[[bytes, random.Random, Sequence[bytes]], bytes]


def _structural(data: bytes) -> list[_Way]:
    """Return ways to damage an input that keep what is around the damage whole."""
    start = data[:200].lstrip()
    ways: list[_Way] = []
    if data[:4] == b"PK\x03\x04":
        return [_damaged_zip] * 4
    if start[:1] in (b"{", b"["):
        ways += [_damaged_json] * 3
    if b"\n" in data:
        ways += [_damaged_lines] * 2
    return ways


def damaged_bytes(data: bytes, chance: random.Random, words: Sequence[bytes] = ()) -> bytes:
    """Return an input with some bytes changed, removed, repeated or put in."""
    changed, size = bytearray(data), max(1, len(data))
    at, span = chance.randrange(size), chance.choice((1, 2, 4, 16, 64, size // 2))
    match chance.randrange(10):
        case 0:
            changed[at : at + 1] = bytes((chance.randrange(256),))
        case 1:
            changed[at : at + 1] = bytes((data[at] ^ 1 << chance.randrange(8),)) if data else b""
        case 2:
            del changed[at : at + span]
        case 3:
            changed[at:at] = chance.randbytes(min(span, 64))
        case 4:
            other = chance.randrange(size)
            changed[at : at + span] = data[other : other + span]
        case 5:
            changed[at : at + span] = bytes((chance.choice((0, 32, 255)),)) * min(span, 64)
        case 6:  # a number, as formats store them
            order = chance.choice("<>") + chance.choice("BHIQ")
            largest = (1 << 8 * struct.calcsize(order)) - 1
            changed[at : at + struct.calcsize(order)] = struct.pack(
                order, min(chance.choice((*NUMBERS, len(data))), largest)
            )
        case 7:
            return data[:at]
        case 8:  # a run of digits becomes another number
            runs = list(re.finditer(rb"\d+", data[:100_000]))
            if runs:
                run = chance.choice(runs)
                number = chance.choice((*NUMBERS, -1, 10**30))
                changed[run.start() : run.end()] = str(number).encode()
        case _:
            word = chance.choice((*words, *words, *words, *WORDS))
            changed[at : at + chance.choice((0, 0, 1, len(word)))] = word
    return bytes(changed)


def _damaged_lines(data: bytes, chance: random.Random, words: Sequence[bytes]) -> bytes:
    lines = data.split(b"\n")
    at = chance.randrange(len(lines))
    match chance.randrange(6):
        case 0:
            del lines[at]
        case 1:
            lines.insert(chance.randrange(len(lines) + 1), lines[at])
        case 2:
            other = chance.randrange(len(lines))
            lines[at], lines[other] = lines[other], lines[at]
        case 3 if lines[at].lstrip()[:1] in (b"{", b"["):
            lines[at] = _damaged_json(lines[at], chance, words)
        case 4:
            lines[at] = damaged_bytes(lines[at], chance, words)
        case _:  # a cell
            separator = chance.choice(
                [one for one in (b",", b"\t", b";", b": ", b"=", b" ") if one in lines[at]] or [b","]
            )
            cells = lines[at].split(separator)
            cells[chance.randrange(len(cells))] = chance.choice((*words, *WORDS, *cells))
            lines[at] = separator.join(cells)
    return b"\n".join(lines)


def _damaged_json(data: bytes, chance: random.Random, words: Sequence[bytes]) -> bytes:
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return damaged_bytes(data, chance, words)
    holders = _holders(document)
    if not holders:
        return json.dumps(chance.choice(_VALUES)).encode()
    holder = chance.choice(holders)
    keys: Sequence[Any] = list(holder) if isinstance(holder, dict) else range(len(holder))
    key = chance.choice(keys)
    text = chance.choice((*words, *WORDS)).decode("utf-8", "surrogateescape")
    match chance.randrange(7):
        case 0:
            del holder[key]
        case 1 if isinstance(holder, list):
            holder.insert(chance.randrange(len(holder) + 1), holder[key])
        case 1:
            holder[text] = holder.pop(key)
        case 2:
            other = chance.choice(holders)
            others: Sequence[Any] = list(other) if isinstance(other, dict) else range(len(other))
            holder[key] = json.loads(json.dumps(other[chance.choice(others)]))
        case 3:
            holder[key] = text
        case 4 if isinstance(holder[key], int | float) and abs(holder[key]) < 1e9:
            holder[key] = chance.choice((holder[key] + 1, -holder[key], holder[key] * 1e6, str(holder[key])))
        case 5 if isinstance(holder[key], str):
            as_bytes = holder[key].encode("utf-8", "surrogatepass")
            holder[key] = damaged_bytes(as_bytes, chance, words).decode("utf-8", "surrogateescape")
        case _:
            holder[key] = chance.choice(_VALUES)
    written = json.dumps(document, ensure_ascii=chance.random() < 0.5)
    written = written.replace(f'"{_DEEP}"', "[" * 3000 + "]" * 3000)
    return written.encode("utf-8", "surrogatepass" if chance.random() < 0.1 else "backslashreplace")


def _holders(value: Any) -> list[Any]:
    """Return all lists and objects in a JSON document that have something in them."""
    found, waiting = [], [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict | list) and one:
            found.append(one)
            waiting += one.values() if isinstance(one, dict) else one
    return found


def _damaged_zip(data: bytes, chance: random.Random, words: Sequence[bytes]) -> bytes:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = [(info.filename, archive.read(info)) for info in archive.infolist() if info.file_size < 1 << 20]
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, ValueError, OSError):
        return damaged_bytes(data, chance, words)
    if not members or chance.random() < 0.15:
        return damaged_bytes(data, chance, words)
    at = chance.randrange(len(members))
    name, content = members[at]
    match chance.randrange(6):
        case 0:
            del members[at]
        case 1:
            members.append((name, mutated(content, chance, words)))
        case 2:
            text = damaged_bytes(name.encode(), chance, words).decode("utf-8", "replace")
            members[at] = text.replace("\0", "") or "x", content
        case _:
            members[at] = name, mutated(content, chance, words)
    stream = io.BytesIO()
    kind = chance.choice((zipfile.ZIP_STORED, zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))
    with warnings.catch_warnings(), zipfile.ZipFile(stream, "w", kind) as archive:
        warnings.simplefilter("ignore")  # of two members of one name
        for name, content in members:
            archive.writestr(name, content)
    return stream.getvalue()
