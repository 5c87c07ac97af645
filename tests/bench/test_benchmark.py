"""Measuring a model for real, with a network so small that it takes seconds, and the labelled images for it."""

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from color_folders import write_color_folders

from edgecls.bench.benchmark import MOST_LABELLED, Benchmark, benchmark, known_to_all, some_of
from edgecls.bench.document import FORMAT, as_document, recorded_from
from edgecls.bench.reference import Load
from edgecls.dataset.formats.labelled_images import LabelledImages
from edgecls.dataset.formats.read import read_dataset
from edgecls.errors import DatasetError, ProviderError
from edgecls.modelfile import ModelFile, read_model
from edgecls.runtime.execution.gpu import this_machine
from edgecls.runtime.execution.providers import Provider
from edgecls.runtime.machine.cores import usable_cores
from edgecls.runtime.tuning.candidates import candidate_settings
from edgecls.runtime.tuning.timed_images import camera_like_jpegs

IMAGES = camera_like_jpegs(2)


@pytest.fixture(scope="module")
def model(tiny_model_path: Path) -> ModelFile:
    return read_model(tiny_model_path)


@pytest.fixture(scope="module")
def found(model: ModelFile, tmp_path_factory: pytest.TempPathFactory) -> Benchmark:
    labelled = read_dataset(write_color_folders(tmp_path_factory.mktemp("labelled"))).whole
    return benchmark([model], IMAGES, provider=Provider.CPU, labelled=labelled, seconds=2, pace_s=0.005)


def test_every_setting_is_measured_or_named(found: Benchmark) -> None:
    settings = candidate_settings(Provider.CPU, cores=usable_cores())
    named = [one for one in settings if any(f"with {one} not measured" in str(skipped) for skipped in found.skipped)]

    assert {row.setting for row in found.rows} | set(named) == set(settings)
    for row in found.rows:
        assert row.first.times
        assert row.back_to_back.images >= len(row.back_to_back.latency_ms) >= 1


def test_what_works_on_one_image_at_a_time_is_measured_at_a_pace_too(found: Benchmark) -> None:
    for row in found.rows:
        assert (row.paced is not None) == (row.setting.workers == 1)


@pytest.mark.parametrize("load", Load)
def test_the_reference_workloads_take_part_in_every_round(found: Benchmark, load: Load) -> None:
    taken = found.reference_times
    assert {len(row.back_to_back.latency_ms) for row in found.rows} == {len(taken.back_to_back[load])}
    assert {len(row.paced.latency_ms) for row in found.rows if row.paced} == {len(taken.paced[load])}
    assert {len(place.starts) for place in found.placements} == {len(taken.start[load])}


def test_one_image_in_one_thread_is_held_against_one_core_and_all_else_against_all(found: Benchmark) -> None:
    for row in found.rows:
        alone = (row.setting.workers, row.setting.intra_op_threads) == (1, 1)
        assert row.load is (Load.ONE_CORE if alone else Load.ALL_CORES)


def test_a_model_on_a_provider_has_starts_and_accuracy(found: Benchmark) -> None:
    (place,) = found.placements

    assert place.provider is Provider.CPU
    assert place.nodes == {}
    assert place.starts
    assert place.evaluation is not None
    assert place.evaluation.accuracy == pytest.approx(8 / 9)


def test_the_document_holds_all_of_it_and_where_it_was_measured(found: Benchmark, tmp_path: Path) -> None:
    document = json.loads(json.dumps(as_document(found, ["colors"], folder=tmp_path), allow_nan=False))

    assert set(document) == {
        "kind",
        "format",
        "machine",
        "seconds",
        "pace_s",
        "images",
        "models",
        "settings",
        "placements",
        "reference_s",
        "skipped",
    }
    assert document["format"] == FORMAT
    assert {"processor", "usable_cores", "packages", "revision", "time", "gpus"} <= set(document["machine"])
    (described,) = document["models"]
    assert described["network_sha256"] == found.models[0].network_sha256
    assert len(described["file_sha256"]) == 64
    assert document["placements"][0]["accuracy"]["images"] == 9
    for row in document["settings"]:
        assert {"low", "value", "high", "rounds"} == set(row["back_to_back"]["images_per_s"])
        assert isinstance(row["back_to_back"]["too_noisy"], bool)
        assert row["warm_up"]["first_image_ms"] > 0


def test_the_document_can_be_read_for_a_comparison(found: Benchmark, tmp_path: Path) -> None:
    recorded = recorded_from(as_document(found, ["colors"], folder=tmp_path), name="it")

    alone = sum(row.paced is not None for row in found.rows)
    assert len(recorded.series) == len(found.rows) + alone + len(found.placements)
    assert "colors, cpu, start" in recorded.series
    assert "colors, cpu, 1 image at a time, paced" in recorded.series


def test_a_provider_by_name_that_does_not_work_is_an_error(model: ModelFile) -> None:
    absent = Provider.DIRECTML if this_machine().problem is None else Provider.CUDA

    with pytest.raises(ProviderError, match=f"cannot run model .* on {absent}"):
        benchmark([model], IMAGES, provider=absent, seconds=1, pace_s=0.01)


@pytest.mark.gpu
def test_a_gpu_is_measured_with_its_nodes(model: ModelFile) -> None:
    found = benchmark([model], IMAGES, provider=Provider.CUDA, seconds=20, pace_s=0.05)

    (place,) = found.placements
    assert place.nodes
    assert {row.setting.batch_size for row in found.rows} == {1, 8, 32, 128}


def _images(**counts: int) -> LabelledImages:
    labels = tuple(sorted(counts))
    ids = tuple(label_id for label_id, label in enumerate(labels) for _ in range(counts[label]))
    return LabelledImages(labels, tuple(Path(f"{number}.png") for number in range(len(ids))), ids)


def test_of_many_images_as_many_of_each_label_are_taken_as_it_has_a_part() -> None:
    taken = some_of(_images(blue=5000, green=2500, red=2500))

    assert Counter(taken.label_ids) == {0: MOST_LABELLED // 2, 1: MOST_LABELLED // 4, 2: MOST_LABELLED // 4}
    assert taken == some_of(_images(blue=5000, green=2500, red=2500))


def test_of_few_images_all_are_taken() -> None:
    assert some_of(_images(blue=2, red=3)) == _images(blue=2, red=3)


def test_a_label_that_a_model_does_not_know_is_refused_at_once(tiny_model: ModelFile) -> None:
    with pytest.raises(DatasetError, match=r"does not know 1 label.*'violet'"):
        known_to_all(_images(red=1, violet=2), [tiny_model], ignore_unknown_labels=False)


def test_images_with_other_labels_are_left_out_on_demand(tiny_model: ModelFile) -> None:
    kept = known_to_all(_images(red=1, violet=2), [tiny_model], ignore_unknown_labels=True)

    assert kept == replace(_images(red=1), paths=kept.paths)
