"""Measuring a model for real, with a network so small that it takes a second."""

import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_model import TINY_SPEC, tiny_answer, tiny_card, tiny_onnx

from edgecls import image, modelfile
from edgecls.errors import ProviderError
from edgecls.modelfile import ModelFile
from edgecls.runtime.execution.gpu import this_machine
from edgecls.runtime.execution.providers import Provider
from edgecls.runtime.machine.cores import usable_cores
from edgecls.runtime.opening import open_classifier
from edgecls.runtime.session import try_provider
from edgecls.runtime.setting import Setting
from edgecls.runtime.tuned import find_choice, this_hardware
from edgecls.runtime.tuning import candidates as candidates_module
from edgecls.runtime.tuning.candidates import candidate_settings, open_candidates
from edgecls.runtime.tuning.tune import Standing, Tuning, tune

IMAGES = [image.encode_png(np.full((20, 30, 3), value, np.uint8)) for value in (10, 90, 200)]


def _other_model() -> ModelFile:
    """Return a model of another network."""
    card = tiny_card(precision="int8", metrics={"accuracy": 0.9})
    onnx = tiny_onnx(matrix=[[0, 1, 0], [1, 0, 0], [0, 0, 1]])
    card = replace(card, golden=replace(card.golden, tolerance=1.0))
    return ModelFile("other.onnx", card, modelfile.describe(onnx, card))


@pytest.fixture(scope="module")
def found(tiny_model: ModelFile) -> Tuning:
    return tune([tiny_model, _other_model()], IMAGES, provider=Provider.CPU, seconds=2)


def test_every_setting_of_every_model_is_measured_or_named(found: Tuning) -> None:
    settings = candidate_settings(Provider.CPU, cores=usable_cores())
    for model in found.models:
        measured = [row.setting for row in model.rows]
        named = [
            one for one in settings if any(f"with {one} not measured" in str(skipped) for skipped in found.skipped)
        ]
        assert measured[0] == settings[0]
        assert set(measured) | set(named) == set(settings)
        assert all(row.images_per_s > 0 and row.latency_ms > 0 and row.rounds >= 1 for row in model.rows)
        assert all(row.spread >= 0 for row in model.rows)  # whatever else the machine does
    assert found.hardware == this_hardware()


def test_the_choice_is_what_came_out_best_or_level_with_it(found: Tuning) -> None:
    for model in found.models:
        many, one = model.row_of(model.choice.throughput), model.row_of(model.choice.latency)
        assert many.throughput is Standing.CHOSEN
        assert one.latency is Standing.CHOSEN
        assert (one.setting.workers, one.setting.batch_size) == (1, 1)
        assert [row.throughput for row in model.rows].count(Standing.CHOSEN) == 1
        assert all((row.latency is None) == (row.setting.workers > 1) for row in model.rows)


def test_the_choices_are_kept_one_for_each_model(found: Tuning, tmp_path: Path) -> None:
    found.keep(tmp_path)

    for model in found.models:
        assert find_choice(model.model.network_sha256, found.hardware, folder=tmp_path) == model.choice
    assert len(list(tmp_path.iterdir())) == 2


def test_the_time_is_kept_within_a_little(tiny_model: ModelFile) -> None:
    start_s = time.perf_counter()
    tune([tiny_model], IMAGES, provider=Provider.CPU, seconds=1)

    assert time.perf_counter() - start_s < 30  # a busy machine takes longer for the round it has begun


def test_a_provider_by_name_that_does_not_work_is_an_error(tiny_model: ModelFile) -> None:
    absent = Provider.DIRECTML if this_machine().problem is None else Provider.CUDA

    with pytest.raises(ProviderError, match=f"cannot run model .* on {absent}"):
        tune([tiny_model], IMAGES, provider=absent, seconds=1)


def test_after_the_deadline_only_the_indispensable_is_opened(tiny_model: ModelFile) -> None:
    candidates, skipped = open_candidates([tiny_model], Provider.CPU, deadline_s=-1, on_progress=lambda text: None)

    assert {candidate.setting.intra_op_threads for candidate in candidates} == {1}
    assert candidates[0].setting == Setting(Provider.CPU, usable_cores(), 1, 1)
    assert Setting(Provider.CPU, 1, 1, 1) in [candidate.setting for candidate in candidates]
    assert all("opening the others took so long; give more --seconds" in str(one) for one in skipped)
    assert bool(skipped) == (usable_cores() > 1)


def test_a_provider_that_takes_too_long_to_open_is_not_waited_for(
    tiny_model: ModelFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_measured, opened = threading.Event(), []

    def slow_elsewhere(model: ModelFile, provider: Provider, **options: Any) -> Any:
        if provider is not Provider.CPU:
            is_measured.wait(60)
        opened.append(provider)
        return try_provider(model, Provider.CPU, **options)

    monkeypatch.setattr(candidates_module, "installed_providers", lambda: [Provider.OPENVINO, Provider.CPU])
    monkeypatch.setattr(candidates_module, "try_provider", slow_elsewhere)
    sessions = len({setting.intra_op_threads for setting in candidate_settings(Provider.CPU, cores=usable_cores())})

    candidates, skipped = open_candidates(
        [tiny_model],
        Provider.AUTO,
        deadline_s=1e9,
        wait_until_s=0.0,
        on_progress=lambda text: None,
        clock=lambda: -0.01 if len(opened) == sessions else -1e6,
    )
    is_measured.set()

    assert {candidate.setting.provider for candidate in candidates} == {Provider.CPU}
    assert [str(one) for one in skipped] == [
        "openvino: not measured: it took too long to open; 'edgecls tune' waits for it"
    ]


@pytest.mark.skipif(usable_cores() == 1, reason="one core has one session")
def test_networks_that_do_not_fit_into_memory_are_left_out(
    tiny_model: ModelFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(candidates_module, "available_memory_bytes", lambda: len(tiny_model.onnx))

    candidates, skipped = open_candidates([tiny_model], Provider.CPU, deadline_s=1e9, on_progress=lambda text: None)

    assert {candidate.setting.intra_op_threads for candidate in candidates} == {1}
    assert "too little free memory" in str(skipped[0])


def test_settings_that_differ_in_workers_only_share_a_network(tiny_model: ModelFile) -> None:
    candidates, _ = open_candidates([tiny_model], Provider.CPU, deadline_s=1e9, on_progress=lambda text: None)

    threads = {candidate.setting.intra_op_threads for candidate in candidates}
    assert len({id(candidate.classifier._session) for candidate in candidates}) == len(threads)


@pytest.mark.gpu
def test_a_gpu_is_measured_with_batches_and_the_choice_opens(tiny_model: ModelFile) -> None:
    found = tune([tiny_model], IMAGES, provider=Provider.CUDA, seconds=20)
    (model,) = found.models

    assert {row.setting.batch_size for row in model.rows} == {1, 8, 32, 128}
    assert found.hardware.gpus
    classifier = open_classifier(tiny_model, Provider.AUTO, setting=model.choice.throughput)
    assert classifier.provider is Provider.CUDA
    batch = np.random.default_rng(1).integers(0, 256, (128, *TINY_SPEC.shape_hwc), dtype=np.uint8)
    np.testing.assert_allclose(classifier.probabilities(batch), tiny_answer(batch), rtol=0, atol=1e-3)


@pytest.mark.gpu
def test_on_a_gpu_a_folder_in_batches_gives_the_answers_of_the_cpu(tiny_model: ModelFile, images: Path) -> None:
    paths = sorted(images.iterdir()) * 100
    cpu = open_classifier(tiny_model, Provider.CPU, setting=None)
    cuda = open_classifier(tiny_model, Provider.CUDA, setting=Setting(Provider.CUDA, 64, 1, 32))

    both = zip(cpu.predict_many(paths), cuda.predict_many(paths), strict=True)

    assert cuda.provider is Provider.CUDA
    for one, other in both:
        np.testing.assert_allclose(one.result.probabilities, other.result.probabilities, rtol=0, atol=1e-3)
