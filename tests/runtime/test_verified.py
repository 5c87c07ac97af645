"""A model file proves itself once on a machine, and again when anything that matters changed."""

from dataclasses import replace
from pathlib import Path

import pytest
from tiny_model import tiny_card, tiny_golden, tiny_onnx

from edgecls import modelfile
from edgecls.errors import ModelFileError
from edgecls.model_card import Golden
from edgecls.runtime import verified
from edgecls.runtime.classifier import Classifier
from edgecls.runtime.opening import load
from edgecls.runtime.verified import verify_once


def _with_a_changed_answer() -> Golden:
    golden = tiny_golden()
    first = golden.samples[0]
    return replace(golden, samples=(replace(first, probabilities=first.probabilities[::-1]), *golden.samples[1:]))


def _prove(path: Path) -> None:
    verify_once(modelfile.read_model(path), load(path, "cpu"))


def _write(path: Path, golden: Golden) -> Path:
    modelfile.write_model(path, tiny_onnx(), tiny_card(golden=golden))
    return path


def _count_proofs(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    proofs: list[str] = []
    verify = Classifier.verify
    monkeypatch.setattr(Classifier, "verify", lambda self: (proofs.append(self.card.name), verify(self))[1])
    return proofs


def test_the_second_time_nothing_is_proved(tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = _write(tmp_path / "m.onnx", tiny_golden())
    proofs = _count_proofs(monkeypatch)

    _prove(model)
    _prove(_write(tmp_path / "copy.onnx", tiny_golden()))

    assert proofs == ["colors"]


def test_a_changed_answer_is_found_although_the_network_was_proved(tmp_path: Path, own_cache: Path) -> None:
    _prove(_write(tmp_path / "m.onnx", tiny_golden()))

    for _ in range(2):
        with pytest.raises(ModelFileError, match=r"wrong answers on this machine: golden sample 'sample 0'"):
            _prove(_write(tmp_path / "m.onnx", _with_a_changed_answer()))


def test_without_a_place_for_records_it_is_proved_each_time(
    tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own_cache.parent.mkdir(parents=True)
    own_cache.write_text("in the way")
    proofs = _count_proofs(monkeypatch)

    for _ in range(2):
        _prove(_write(tmp_path / "m.onnx", tiny_golden()))

    assert len(proofs) == 2


def test_records_do_not_grow_without_end(tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verified, "MOST_RECORDS", 2)

    for seed in range(4):
        _prove(_write(tmp_path / "m.onnx", tiny_golden(seed)))

    assert len(list((own_cache / "verified").iterdir())) == 2
