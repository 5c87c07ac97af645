"""What processor this is."""

import platform
import sys
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Processor", "read_processor"]


@dataclass(frozen=True)
class Processor:
    """A processor.

    Attributes:
        name: As its maker calls it, or its family where nobody can tell.
        features: Its instruction sets and the like, as Linux names them; empty elsewhere.
    """

    name: str
    features: tuple[str, ...]


def read_processor(*, root: Path = Path("/")) -> Processor:
    """Return the processor of this machine; reads the first entry of /proc/cpuinfo and starts no other program.

    Args:
        root: Where /proc is found; another folder only in tests.
    """
    facts: dict[str, str] = {}
    try:
        with open(root / "proc/cpuinfo", encoding="utf-8", errors="replace") as stream:
            for line in stream:
                name, separator, value = line.partition(":")
                if not separator:
                    break  # a blank line ends the first entry
                facts[name.strip()] = value.strip()
    except OSError:
        pass
    features = facts.get("flags") or facts.get("Features") or ""  # x86; ARM
    return Processor(facts.get("model name") or _arm_name(facts) or _name_elsewhere(), tuple(features.split()))


def _arm_name(facts: dict[str, str]) -> str:
    """Return the numbers that ARM processors have in place of a name."""
    numbers = (facts.get(f"CPU {fact}", "") for fact in ("implementer", "part", "variant"))
    return " ".join(["ARM", *filter(None, numbers)]) if "CPU part" in facts else ""


def _name_elsewhere() -> str:
    # On others than Windows, platform.processor() starts a program.
    return (platform.processor() if sys.platform == "win32" else "") or platform.machine()
