"""A network for newer processors than this one is used only if its answers are right here."""

from dataclasses import replace
from pathlib import Path

import pytest
from tiny_model import tiny_card, tiny_golden, tiny_onnx

from edgecls import modelfile
from edgecls.errors import ModelFileError
from edgecls.runtime.machine import processor
from edgecls.runtime.machine.processor import Processor, may_overflow_here
from edgecls.runtime.opening import load

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
