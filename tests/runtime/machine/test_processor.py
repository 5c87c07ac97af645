"""What processor this is."""

import platform
from pathlib import Path

import pytest

from edgecls.runtime.machine.processor import Processor, read_processor

HERE = platform.machine().lower()
X86 = "processor\t: 0\nmodel name\t: Some CPU @ 2 GHz\nflags\t\t: fpu avx2\n\nprocessor\t: 1\nmodel name\t: Other\n"
ARM = "processor\t: 0\nFeatures\t: fp asimd\nCPU implementer\t: 0x41\nCPU variant\t: 0x3\nCPU part\t: 0xd0c\n\n"


@pytest.mark.parametrize(
    ("text", "processor"),
    [
        (X86, Processor("Some CPU @ 2 GHz", HERE, ("fpu", "avx2"))),
        (ARM, Processor("ARM 0x41 0xd0c 0x3", HERE, ("fp", "asimd"))),
        ("", Processor(platform.machine(), HERE)),
    ],
    ids=["x86", "arm", "nothing"],
)
def test_the_first_processor_counts(tmp_path: Path, text: str, processor: Processor) -> None:
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc" / "cpuinfo").write_text(text)

    assert read_processor(root=tmp_path) == processor


def test_a_system_without_proc_tells_its_family(tmp_path: Path) -> None:
    assert read_processor(root=tmp_path) == Processor(platform.machine(), HERE)


@pytest.mark.parametrize(
    ("machine", "features", "x86", "arm", "dot_products"),
    [
        ("x86_64", ("avx2", "avx512_vnni"), True, False, True),
        ("amd64", ("amx_int8",), True, False, True),
        ("x86_64", ("avx2", "avx512_vnni_not"), True, False, False),
        ("amd64", (), True, False, False),
        ("aarch64", ("fp", "asimd"), False, True, False),
        ("arm64", (), False, True, False),
        ("riscv64", (), False, False, False),
    ],
    ids=["vnni", "amx", "no-vnni", "windows", "arm", "mac", "another"],
)
def test_families_and_instructions_are_told_apart(
    machine: str, features: tuple[str, ...], x86: bool, arm: bool, dot_products: bool
) -> None:
    processor = Processor("any", machine, features)

    assert (processor.is_x86, processor.is_arm, processor.has_byte_dot_products) == (x86, arm, dot_products)
