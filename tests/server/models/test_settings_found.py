"""Which settings the models of a server run with, and which are measured for it."""

import json
from dataclasses import replace
from functools import partial
from pathlib import Path
from urllib.request import urlopen

import pytest
from tiny_model import tiny_card, tiny_model_bytes, tiny_onnx

import edgecls
from edgecls import modelfile
from edgecls.errors import ServerError
from edgecls.modelfile import ModelFile, read_model
from edgecls.runtime.execution.providers import Provider
from edgecls.runtime.setting import Setting
from edgecls.runtime.tuned import Choice, choices_folder, keep_choice, this_hardware
from edgecls.runtime.tuning import first_use
from edgecls.runtime.tuning.first_use import FirstUse, measure_first_use
from edgecls.server.models.settings_found import FoundSettings

MANY = Setting(Provider.CPU, 3, 1, 1)
CHOICE = Choice(MANY, Setting(Provider.CPU, 1, 1, 1), "2026")


def _never() -> bool:
    return False


@pytest.fixture
def model(tmp_path: Path, own_cache: Path) -> ModelFile:
    path = tmp_path / "colors.onnx"
    path.write_bytes(tiny_model_bytes())
    return read_model(path)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The models for which a measurement was asked, which finds CHOICE at once."""
    names: list[str] = []

    def measure(model: ModelFile, provider: Provider, **options: object) -> FirstUse:
        names.append(Path(model.path).stem)
        return FirstUse(CHOICE, this_hardware(), 3, ())

    monkeypatch.setattr(first_use, "measure_first_use", measure)
    return names


def test_a_server_measures_its_models_while_it_starts(model: ModelFile, monkeypatch: pytest.MonkeyPatch) -> None:
    # A busy machine may take longer than two seconds.
    monkeypatch.setattr(first_use, "measure_first_use", partial(measure_first_use, seconds=2.0, clock=lambda: 0.0))
    said: list[str] = []

    with edgecls.serve(model.path, tune=True, provider="cpu", tell=said.append) as url:
        (facts,) = json.load(urlopen(f"{url}/status", timeout=60))["models"]

    assert any(line.startswith("measuring for up to 2 s how colors runs best") for line in said)
    assert said.index("ready: colors") == len(said) - 1
    assert facts["tuned"]["provider"] == "cpu"
    assert f"running as tuned for this machine: {Setting(**{**facts['tuned'], 'provider': Provider.CPU})}" in said


def test_each_model_is_measured_once_and_the_next_server_finds_what_was_kept(
    model: ModelFile, tmp_path: Path, asked: list[str]
) -> None:
    other = tmp_path / "other.onnx"
    card = tiny_card()
    card = replace(card, golden=replace(card.golden, tolerance=1.0))
    other.write_bytes(modelfile.describe(tiny_onnx(matrix=[[2, 0, 0], [0, 2, 0], [0, 0, 2]]), card))
    for _ in range(2):
        with edgecls.serve([model.path, other], tune=True):
            pass

    assert asked == ["colors", "other"]


def test_a_model_that_comes_later_is_not_measured_but_told(model: ModelFile, asked: list[str]) -> None:
    said: list[str] = []
    found = FoundSettings(Provider.AUTO, said.append, shared=None)
    with found.starting(measures=True, is_stopped=_never):
        pass

    assert found.setting_of(model, None) is None
    assert asked == []
    (line,) = said
    assert line.startswith(f"{model.path} was not measured on this machine, and runs with the defaults; ")


def test_of_several_processes_one_measures_and_the_others_find_even_what_cannot_be_kept(
    model: ModelFile, asked: list[str], own_cache: Path, tmp_path: Path
) -> None:
    own_cache.parent.mkdir(parents=True)
    own_cache.write_text("a file, where the cache should be")
    said: list[str] = []
    first, second = (FoundSettings(Provider.AUTO, said.append, shared=tmp_path / "board") for _ in range(2))

    with first.starting(measures=True, is_stopped=_never):
        assert first.setting_of(model, None) == MANY
    with second.starting(measures=False, is_stopped=_never):
        assert second.setting_of(model, None) == MANY

    assert asked == ["colors"]
    (line,) = said
    assert line.startswith("the choice is for this run only: ")


def test_alone_it_remembers_what_cannot_be_kept(model: ModelFile, asked: list[str], own_cache: Path) -> None:
    own_cache.parent.mkdir(parents=True)
    own_cache.write_text("a file, where the cache should be")
    found = FoundSettings(Provider.AUTO, lambda line: None, shared=None)
    with found.starting(measures=True, is_stopped=_never):
        found.setting_of(model, None)

    assert found.setting_of(model, 5) == Setting(Provider.CPU, 5, 1, 1)
    assert asked == ["colors"]


def test_another_process_than_the_first_measures_nothing_and_says_nothing(
    model: ModelFile, asked: list[str], tmp_path: Path
) -> None:
    said: list[str] = []
    found = FoundSettings(Provider.AUTO, said.append, shared=tmp_path)
    with found.starting(measures=False, is_stopped=_never):
        assert found.setting_of(model, None) is None

    assert (asked, said) == ([], [])


def test_a_server_that_is_stopped_measures_no_more(model: ModelFile, asked: list[str]) -> None:
    found = FoundSettings(Provider.AUTO, lambda line: None, shared=None)
    with found.starting(measures=True, is_stopped=lambda: True):
        assert found.setting_of(model, None) is None

    assert asked == []


def test_a_stored_setting_for_another_provider_is_none_for_this_one(model: ModelFile, asked: list[str]) -> None:
    elsewhere = Setting(Provider.OPENVINO, 2, 1, 1)
    folder = choices_folder()
    assert folder is not None
    keep_choice(Choice(elsewhere, elsewhere, "2026"), model.network_sha256, this_hardware(), folder=folder)
    found = FoundSettings(Provider.CPU, lambda line: None, shared=None)

    with found.starting(measures=True, is_stopped=_never):
        assert found.setting_of(model, None) == MANY
    assert FoundSettings(Provider.AUTO, lambda line: None, shared=None).setting_of(model, None) == elsewhere


def test_to_measure_without_using_it_is_refused(model: ModelFile) -> None:
    with pytest.raises(ServerError, match="tune needs tuned"):
        edgecls.serve(model.path, tune=True, tuned=False)
