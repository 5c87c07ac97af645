"""What processor this is, and whether networks made for another kind may overflow here."""

import platform
from dataclasses import replace
from pathlib import Path

import pytest
from tiny_model import tiny_card, tiny_golden, tiny_onnx

from edgecls import modelfile
from edgecls.errors import ModelFileError
from edgecls.runtime.machine import processor
from edgecls.runtime.machine.processor import Processor, may_overflow_here, read_processor
from edgecls.runtime.opening import load

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


OLD, NEW = Processor("old", "x86_64", ("avx2",)), Processor("new", "x86_64", ("avx2", "avx512_vnni"))


RASPBERRY = Processor("raspberry", "aarch64", ("asimd",))


@pytest.mark.parametrize(
    ("recipe", "here", "may"),
    [
        ("x86-vnni", OLD, True),
        ("x86-vnni", NEW, False),
        ("x86-vnni", RASPBERRY, False),
        ("x86", OLD, False),
        (None, OLD, False),
    ],
    ids=["old", "vnni", "arm", "narrow-weights", "float"],
)
def test_only_old_x86_may_overflow(
    recipe: str | None, here: Processor, may: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processor, "read_processor", lambda: here)

    assert may_overflow_here(tiny_card(training={} if recipe is None else {"int8_recipe": recipe})) is may


def _model(folder: Path, *, right: bool) -> Path:
    golden = tiny_golden()
    if not right:
        first = golden.samples[0]
        swapped = replace(first, probabilities=first.probabilities[::-1])
        golden = replace(golden, samples=(swapped, *golden.samples[1:]))
    card = tiny_card(precision="int8", training={"int8_recipe": "x86-vnni"}, golden=golden)
    modelfile.write_model(folder / "int8.onnx", tiny_onnx(), card)
    return folder / "int8.onnx"


def test_wrong_answers_on_an_old_processor_are_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processor, "read_processor", lambda: OLD)

    with pytest.raises(ModelFileError, match="quantise it again with --cpu x86"):
        load(_model(tmp_path, right=False), "cpu")


def test_right_answers_on_an_old_processor_are_fine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processor, "read_processor", lambda: OLD)

    assert load(_model(tmp_path, right=True), "cpu").card.precision == "int8"
