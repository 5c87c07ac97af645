"""What processor this is."""

import platform
from pathlib import Path

import pytest

from edgecls.runtime.processor import Processor, read_processor

X86 = "processor\t: 0\nmodel name\t: Some CPU @ 2 GHz\nflags\t\t: fpu avx2\n\nprocessor\t: 1\nmodel name\t: Other\n"
ARM = "processor\t: 0\nFeatures\t: fp asimd\nCPU implementer\t: 0x41\nCPU variant\t: 0x3\nCPU part\t: 0xd0c\n\n"


@pytest.mark.parametrize(
    ("text", "processor"),
    [
        (X86, Processor("Some CPU @ 2 GHz", ("fpu", "avx2"))),
        (ARM, Processor("ARM 0x41 0xd0c 0x3", ("fp", "asimd"))),
        ("", Processor(platform.machine(), ())),
    ],
    ids=["x86", "arm", "nothing"],
)
def test_the_first_processor_counts(tmp_path: Path, text: str, processor: Processor) -> None:
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc" / "cpuinfo").write_text(text)

    assert read_processor(root=tmp_path) == processor


def test_a_system_without_proc_tells_its_family(tmp_path: Path) -> None:
    assert read_processor(root=tmp_path) == Processor(platform.machine(), ())
