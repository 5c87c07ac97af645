"""Looking up how a model runs best here, and opening it so."""

from dataclasses import replace
from pathlib import Path

import pytest

import edgecls
from edgecls.modelfile import ModelFile
from edgecls.runtime.execution.providers import Provider, ready_made_providers
from edgecls.runtime.setting import Setting
from edgecls.runtime.tuned import Choice, Goal, choices_folder, keep_choice, this_hardware, tuned_setting

MANY = Setting(Provider.CPU, 3, 2, 4)
ONE = Setting(Provider.CPU, 1, 2, 1)
CHOICE = Choice(MANY, ONE, "2026-11-21T09:00:00+00:00")


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
    absent = next(one for one in (Provider.DIRECTML, Provider.COREML) if one not in ready_made_providers())
    choice = replace(CHOICE, throughput=Setting(absent, 2, 1, 1))
    keep_choice(choice, tiny_model.network_sha256, this_hardware(), folder=choices_folder())

    with edgecls.load(tiny_model.path, tuned="throughput") as classifier:
        assert classifier.setting is None
        assert classifier.provider is not absent
