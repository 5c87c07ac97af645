"""What this processor can compute with, as far as it matters for 8-bit networks."""

import platform
from dataclasses import dataclass
from pathlib import Path

__all__ = ["CpuFeatures", "cpu_features"]

X86 = {"x86_64", "amd64", "i386", "i686", "x86"}
ARM = {"aarch64", "arm64", "armv7l", "armv8l", "arm"}
BYTE_DOT_PRODUCTS = {"avx512_vnni", "avx_vnni", "avx_vnni_int8", "amx_int8"}
"""Names that Linux has for them. They add products of bytes up in 32 bits; older instructions in 16, which overflow."""


@dataclass(frozen=True)
class CpuFeatures:
    """A processor.

    Attributes:
        machine: Its architecture, by the name that the system has for it, in lower case.
        flags: What it can do beyond that, by the names that Linux has; empty where nobody can tell.
    """

    machine: str
    flags: frozenset[str] = frozenset()

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
        return not self.flags.isdisjoint(BYTE_DOT_PRODUCTS)


def cpu_features(*, root: Path = Path("/")) -> CpuFeatures:
    """Return the features of this machine's processor. Only Linux tells flags without a helper program.

    Args:
        root: Where /proc is found; another folder only in tests.
    """
    try:
        lines = (root / "proc/cpuinfo").read_text(errors="replace").splitlines()
    except OSError:
        lines = []
    found = next((line.partition(":")[2] for line in lines if line.startswith("flags")), "")
    return CpuFeatures(platform.machine().lower(), frozenset(found.split()))
