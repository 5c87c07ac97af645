"""The processor of this machine."""

import platform
import sys
from dataclasses import dataclass
from pathlib import Path

from edgecls.model_card import ModelCard

__all__ = ["Processor", "may_overflow_here", "read_processor"]


X86 = {"x86_64", "amd64", "i386", "i686", "x86"}
ARM = {"aarch64", "arm64", "armv7l", "armv8l", "arm"}
NEEDS_DOT_PRODUCTS = "x86-vnni"  # the recipe of `edgecls quantize` whose weights have all of their 8 bits
BYTE_DOT_PRODUCTS = {"avx512_vnni", "avx_vnni", "avx_vnni_int8", "amx_int8"}
"""Names that Linux has for them. They add products of bytes up in 32 bits; older instructions in 16, which overflow."""


@dataclass(frozen=True)
class Processor:
    """A processor.

    Attributes:
        name: The vendor's name for it, or its family if unknown.
        machine: Its architecture, by the name that the system has for it, in lower case.
        features: Its instruction sets and the like, as Linux names them; empty elsewhere.
    """

    name: str
    machine: str
    features: tuple[str, ...] = ()

    @property
    def is_x86(self) -> bool:
        """True for processors of Intel's and AMD's kind."""
        return self.machine in X86

    @property
    def is_arm(self) -> bool:
        """True for ARM's kind."""
        return self.machine in ARM

    @property
    def has_byte_dot_products(self) -> bool:
        """True if VNNI or AMX is known to be there."""
        return not BYTE_DOT_PRODUCTS.isdisjoint(self.features)


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
    name = facts.get("model name") or _arm_name(facts) or _name_elsewhere()
    return Processor(name, platform.machine().lower(), tuple(features.split()))


def _arm_name(facts: dict[str, str]) -> str:
    """Return the numbers that ARM processors have in place of a name."""
    numbers = (facts.get(f"CPU {fact}", "") for fact in ("implementer", "part", "variant"))
    return " ".join(["ARM", *filter(None, numbers)]) if "CPU part" in facts else ""


def _name_elsewhere() -> str:
    # On others than Windows, platform.processor() starts a program.
    return (platform.processor() if sys.platform == "win32" else "") or platform.machine()


def may_overflow_here(card: ModelCard) -> bool:
    """True for networks made for processors that add products of bytes up in 32 bits, unless this is known to be one.

    Others add them up in 16 bits, silently cut off at the ends; only checking the answers shows whether that matters.
    """
    if card.training.get("int8_recipe") != NEEDS_DOT_PRODUCTS:
        return False
    from edgecls.runtime.machine import processor

    here = processor.read_processor()
    return here.is_x86 and not here.has_byte_dot_products
