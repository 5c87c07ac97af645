"""How a model runs best on a machine: what decides it, where it is kept, how it is found and opened."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from runtime_wheels import install

import edgecls
from edgecls.errors import OutputError
from edgecls.modelfile import ModelFile
from edgecls.runtime import tuned as choice_module
from edgecls.runtime.execution.gpu import this_machine
from edgecls.runtime.execution.ort import load_onnxruntime
from edgecls.runtime.execution.providers import Provider, installed_providers, openvino_version
from edgecls.runtime.machine.cores import usable_cores
from edgecls.runtime.machine.processor import read_processor
from edgecls.runtime.setting import Setting
from edgecls.runtime.tuned import (
    Choice,
    Goal,
    Hardware,
    choices_folder,
    find_choice,
    keep_choice,
    this_hardware,
    tuned_setting,
)


def test_this_machine_is_told_apart_by_processor_cores_and_runtime() -> None:
    hardware = this_hardware()

    assert hardware == this_hardware()
    assert hardware.processor == read_processor().name
    assert len(hardware.features) == 64
    assert hardware.cores == usable_cores()
    assert hardware.onnxruntime == load_onnxruntime().__version__
    assert hardware.openvino == (openvino_version() or "")
    assert Provider.CPU in hardware.providers


def test_another_openvino_is_other_hardware(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = this_hardware()
    install(tmp_path, "openvino", "2026.99")
    monkeypatch.syspath_prepend(tmp_path)

    assert this_hardware() == replace(before, openvino="2026.99", providers=this_hardware().providers)
    assert Provider.OPENVINO in this_hardware().providers


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs taskset")
def test_fewer_usable_cores_are_other_hardware() -> None:
    script = "import os; os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])\n"
    script += "from edgecls.runtime.tuned import this_hardware; print(this_hardware().cores)"

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert done.stdout == "1\n"


@pytest.mark.skipif(Provider.CUDA in installed_providers(), reason="needs a wheel without CUDA")
def test_a_runtime_that_cannot_use_a_gpu_does_not_ask_for_one() -> None:
    before = this_machine.cache_info()

    assert (this_hardware().gpus, this_hardware().driver) == ((), "")
    assert this_machine.cache_info() == before


@pytest.mark.gpu
def test_the_gpu_and_its_driver_count() -> None:
    assert this_hardware().gpus[0] == this_machine().gpus[0].name
    assert this_hardware().driver


MANY = Setting(Provider.CPU, 3, 2, 4)


ONE = Setting(Provider.CPU, 1, 2, 1)


CHOICE = Choice(MANY, ONE, "2026-11-21T09:00:00+00:00")


MACHINE = Hardware("A CPU", "f" * 64, 4, ("H200",), "580.65", "1.31.1", "", (Provider.CUDA, Provider.CPU))


def test_what_is_kept_is_found_again(tmp_path: Path) -> None:
    folder = tmp_path / "made" / "here"
    path = keep_choice(CHOICE, "a1", MACHINE, folder=folder)

    assert find_choice("a1", MACHINE, folder=folder) == CHOICE
    assert list(folder.iterdir()) == [path]
    assert json.loads(path.read_text())["key"]["hardware"]["processor"] == "A CPU"


def test_a_choice_for_one_provider_is_none_for_those_who_want_the_best_of_all(tmp_path: Path) -> None:
    keep_choice(CHOICE, "a1", MACHINE, folder=tmp_path, provider=Provider.CPU)

    assert find_choice("a1", MACHINE, folder=tmp_path) is None
    assert find_choice("a1", MACHINE, folder=tmp_path, provider=Provider.CPU) == CHOICE


def test_who_names_a_provider_gets_what_was_found_for_it_whatever_is_best_of_all(
    tiny_model: ModelFile, tmp_path: Path
) -> None:
    digest, here = tiny_model.network_sha256, this_hardware()
    best = replace(MANY, provider=Provider.OPENVINO)
    keep_choice(Choice(best, best, "2026"), digest, here, folder=tmp_path)
    keep_choice(CHOICE, digest, here, folder=tmp_path, provider=Provider.CPU)

    assert tuned_setting(tiny_model, Goal.THROUGHPUT, folder=tmp_path) == best
    assert tuned_setting(tiny_model, Goal.THROUGHPUT, provider=Provider.CPU, folder=tmp_path) == MANY
    assert tuned_setting(tiny_model, Goal.THROUGHPUT, provider=Provider.CUDA, folder=tmp_path) is None


def test_a_later_choice_takes_the_place_of_the_earlier_one(tmp_path: Path) -> None:
    keep_choice(CHOICE, "a1", MACHINE, folder=tmp_path)
    keep_choice(replace(CHOICE, throughput=ONE), "a1", MACHINE, folder=tmp_path)

    found = find_choice("a1", MACHINE, folder=tmp_path)
    assert found is not None
    assert found.throughput == ONE
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"processor": "Another"},
        {"features": "e" * 64},
        {"cores": 2},
        {"gpus": ()},
        {"driver": "580.66"},
        {"onnxruntime": "1.31.2"},
        {"providers": (Provider.CPU,)},
    ],
    ids=lambda change: next(iter(change)),
)
def test_on_other_hardware_nothing_is_found(tmp_path: Path, change: dict[str, Any]) -> None:
    keep_choice(CHOICE, "a1", MACHINE, folder=tmp_path)

    assert find_choice("a1", replace(MACHINE, **change), folder=tmp_path) is None


def test_for_another_network_or_by_another_format_nothing_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_choice(CHOICE, "a1", MACHINE, folder=tmp_path)

    assert find_choice("a2", MACHINE, folder=tmp_path) is None
    monkeypatch.setattr(choice_module, "FORMAT", choice_module.FORMAT + 1)
    assert find_choice("a1", MACHINE, folder=tmp_path) is None


def _damage(record: dict[str, Any], place: tuple[str, ...], value: Any) -> str:
    target = record
    for name in place[:-1]:
        target = target[name]
    target[place[-1]] = value
    return json.dumps(record)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("throughput", "workers"), 0),
        (("throughput", "workers"), 10**9),
        (("throughput", "workers"), "2"),
        (("throughput", "batch_size"), True),
        (("throughput", "provider"), "auto"),
        (("latency", "provider"), "abacus"),
        (("latency",), {}),
        (("latency",), None),
        (("key", "network_sha256"), "a2"),
        (("key",), []),
    ],
    ids=str,
)
def test_a_damaged_or_foreign_record_is_passed_over(tmp_path: Path, place: tuple[str, ...], value: Any) -> None:
    path = keep_choice(CHOICE, "a1", MACHINE, folder=tmp_path)
    path.write_text(_damage(json.loads(path.read_text()), place, value))

    assert find_choice("a1", MACHINE, folder=tmp_path) is None


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 100_000], ids=repr)
def test_a_record_that_is_no_record_is_passed_over(tmp_path: Path, text: bytes) -> None:
    keep_choice(CHOICE, "a1", MACHINE, folder=tmp_path).write_bytes(text)

    assert find_choice("a1", MACHINE, folder=tmp_path) is None


def test_a_folder_in_the_place_of_the_record_is_passed_over(tmp_path: Path) -> None:
    path = keep_choice(CHOICE, "a1", MACHINE, folder=tmp_path)
    path.unlink()
    path.mkdir()

    assert find_choice("a1", MACHINE, folder=tmp_path) is None


def test_a_place_where_nothing_can_be_kept_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(OutputError, match=r"cannot keep the choice in '.*file.*tuning'"):
        keep_choice(CHOICE, "a1", MACHINE, folder=tmp_path / "file" / "tuning")


@pytest.fixture
def tuned(own_cache: Path, tiny_model: ModelFile) -> ModelFile:
    keep_choice(CHOICE, tiny_model.network_sha256, this_hardware(), folder=choices_folder())
    return tiny_model


def test_each_goal_has_its_setting(tuned: ModelFile) -> None:
    assert tuned_setting(tuned, Goal.THROUGHPUT) == MANY
    assert tuned_setting(tuned, Goal.LATENCY) == ONE


def test_what_the_caller_wants_wins(tuned: ModelFile) -> None:
    assert tuned_setting(tuned, Goal.THROUGHPUT, provider=Provider.CPU) == MANY
    assert tuned_setting(tuned, Goal.THROUGHPUT, provider=Provider.CUDA) is None
    assert tuned_setting(tuned, Goal.THROUGHPUT, workers=7) == Setting(Provider.CPU, 7, 1, 4)


def test_without_a_measurement_there_is_no_setting(own_cache: Path, tiny_model: ModelFile) -> None:
    assert tuned_setting(tiny_model, Goal.LATENCY) is None
    keep_choice(CHOICE, "of another network", this_hardware(), folder=choices_folder())
    assert tuned_setting(tiny_model, Goal.LATENCY) is None


def test_a_classifier_is_opened_as_tuned_if_that_is_wanted(tuned: ModelFile, images: Path) -> None:
    usual, one, many = (edgecls.load(tuned.path, tuned=goal) for goal in (None, "latency", Goal.THROUGHPUT))

    assert (usual.setting, one.setting, many.setting) == (None, ONE, MANY)
    assert (one.workers, many.workers) == (1, 3)
    paths = sorted(images.iterdir())
    labels = [[outcome.result.label for outcome in each.predict_many(paths)] for each in (usual, one, many)]  # type: ignore[union-attr]
    assert labels == [["blue", "green", "red"]] * 3


def test_an_unknown_goal_is_refused(tuned: ModelFile) -> None:
    with pytest.raises(ValueError, match="'speed' is not a valid Goal"):
        edgecls.load(tuned.path, tuned="speed")


def test_where_the_tuned_provider_no_longer_works_the_usual_way_is_taken(
    own_cache: Path, tiny_model: ModelFile
) -> None:
    absent = next(one for one in (Provider.DIRECTML, Provider.COREML) if one not in installed_providers())
    choice = replace(CHOICE, throughput=Setting(absent, 2, 1, 1))
    keep_choice(choice, tiny_model.network_sha256, this_hardware(), folder=choices_folder())

    with edgecls.load(tiny_model.path, tuned="throughput") as classifier:
        assert classifier.setting is None
        assert classifier.provider is not absent
