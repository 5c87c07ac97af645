"""Which instructions a processor has, from made-up /proc folders."""

import platform
from pathlib import Path

import pytest

from edgecls.runtime.cpu_features import CpuFeatures, cpu_features

INTEL = "processor\t: 0\nflags\t\t: fpu sse2 avx2 avx512f avx512_vnni\npower management:\n"
OLD_INTEL = "processor\t: 0\nflags\t\t: fpu sse2 avx2\n"
RASPBERRY = "processor\t: 0\nFeatures\t: fp asimd crc32\n"


@pytest.mark.parametrize(
    ("machine", "cpuinfo", "x86", "arm", "dot_products"),
    [
        ("x86_64", INTEL, True, False, True),
        ("AMD64", INTEL.replace("avx512_vnni", "amx_int8"), True, False, True),
        ("x86_64", OLD_INTEL, True, False, False),
        ("AMD64", None, True, False, False),
        ("aarch64", RASPBERRY, False, True, False),
        ("arm64", None, False, True, False),
        ("riscv64", "isa : rv64", False, False, False),
    ],
    ids=["vnni", "amx", "no-vnni", "windows", "arm", "mac", "another"],
)
def test_flags_come_from_linux_and_the_architecture_from_the_system(
    machine: str,
    cpuinfo: str | None,
    x86: bool,
    arm: bool,
    dot_products: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(platform, "machine", lambda: machine)
    if cpuinfo is not None:
        (tmp_path / "proc").mkdir()
        (tmp_path / "proc" / "cpuinfo").write_text(cpuinfo)

    features = cpu_features(root=tmp_path)

    assert (features.is_x86, features.is_arm, features.has_byte_dot_products) == (x86, arm, dot_products)


def test_this_machine_has_an_architecture() -> None:
    assert cpu_features().machine == platform.machine().lower()


def test_flags_that_only_begin_alike_do_not_count() -> None:
    assert not CpuFeatures("x86_64", frozenset({"avx512_vnni_not"})).has_byte_dot_products
