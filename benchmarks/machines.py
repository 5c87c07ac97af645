"""The machines that results come from: each has a folder of its own in benchmarks/results.

Two machines are the same if their processors have the same name, as many cores may be used, and their memory is of the
same class; so is one that got another name, or a virtual machine that was made anew.
"""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["CITED", "QUOTED", "STORED", "machine_key", "memory_class_gb", "quoted_machine"]

STORED = Path(__file__).parent / "results"
CITED = Path(__file__).parent / "report" / "cited.toml"
GIB = 2**30


def memory_class_gb(total_bytes: int | None) -> int | None:
    """Return the size in which memory like this is sold, in GiB: 1, 2, 3, 4, 6, 8, 12, 16, 24 and so on.

    Firmware and kernel keep some for themselves, so what the system reports is a little less.
    """
    if total_bytes is None:
        return None
    size = 1
    while size * GIB < total_bytes:
        size = size * 3 // 2 if size > 1 and size & (size - 1) == 0 else _power_of_two_above(size)
    return size


def _power_of_two_above(size: int) -> int:
    return 1 << size.bit_length()


def machine_key(facts: Mapping[str, Any]) -> str:
    """Return the name of a machine's folder, from the facts in its results."""
    words = [facts["processor"], f"{facts['usable_cores']} cores"]
    if facts.get("memory_gb") is not None:
        words.append(f"{facts['memory_gb']} GB")
    kept = re.sub(r"\((?:R|TM)\)|\bCPU\b|@", " ", " ".join(words))
    return re.sub(r"[^a-z0-9.]+", "-", kept.lower()).strip("-")


def quoted_machine() -> str:
    """Return the key of the machine whose figures other documents cite, as cited.toml says."""
    key: str = tomllib.loads(CITED.read_text(encoding="utf-8"))["machine"]
    return key


QUOTED = STORED / quoted_machine()
"""The results that other documents cite."""
