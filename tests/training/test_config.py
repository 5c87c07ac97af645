"""Settings of a training run."""

from dataclasses import replace

import pytest

from edgecls.errors import TrainingError
from edgecls.image_spec import ImageSpec
from edgecls.training.config import Augmentation, Device, Schedule, TrainConfig

SPEC = ImageSpec(32, 32)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epochs": 0}, "epochs must be at least 1, got 0"),
        ({"batch_size": -1}, "batch size must be at least 1, got -1"),
        ({"learning_rate": 0.0}, "learning rate must be above 0"),
        ({"learning_rate": float("nan")}, "learning rate must be above 0"),
        ({"validation_fraction": 1.0}, "validation split must be above 0 and below 1"),
        ({"seed": -1}, "seed must be from 0"),
        ({"backbone_factor": 1.5}, "backbone factor must be above 0 and at most 1, got 1.5"),
        ({"plateau_patience": 0}, "plateau patience must be at least 1"),
        ({"plateau_factor": 1.0}, "plateau factor must be above 0 and below 1"),
        ({"early_stopping_patience": -1}, "early stopping patience must be at least 0"),
        ({"label_smoothing": 1.0}, "label smoothing must be from 0 to below 1"),
        ({"dropout": 1.0}, "dropout must be from 0 to below 1"),
        ({"hidden_units": -1}, "hidden units must be at least 0"),
        ({"schedule": "linear"}, "schedule must be one of cosine, plateau, constant, got linear"),
        ({"cache": "disc"}, "cache must be one of auto, memory, disk, stream, got disc"),
        ({"unknown_threshold": "some"}, "unknown threshold must be none, auto, or a probability"),
        ({"unknown_threshold": 1.0}, "unknown threshold must be none, auto, or a probability"),
    ],
)
def test_values_outside_their_limits_are_refused(change: dict[str, float], message: str) -> None:
    with pytest.raises(TrainingError, match=message):
        TrainConfig(SPEC, **change)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rotation": 181}, r"augmentation\.rotation must be from 0 to 180, got 181"),
        ({"shift": -0.1}, r"augmentation\.shift must be from 0 to 1"),
        ({"zoom": 1}, r"augmentation\.zoom must be from 0 to below 1, got 1"),
        ({"contrast": float("nan")}, r"augmentation\.contrast must be from 0 to 1"),
    ],
)
def test_amounts_of_augmentation_outside_their_limits_are_refused(change: dict[str, float], message: str) -> None:
    with pytest.raises(TrainingError, match=message):
        Augmentation(**change)  # type: ignore[arg-type]


def test_facts_name_the_weights_file_without_its_folder_and_the_amounts_one_by_one() -> None:
    facts = TrainConfig(SPEC, weights="/home/somebody/imagenet.weights.h5").as_facts()

    assert facts["weights"] == "imagenet.weights.h5"
    assert facts["augmentation_rotation"] == 20
    assert type(facts["schedule"]) is str
    assert not {"image", "head", "augmentation"} & set(facts)
    assert "augmentation_rotation" not in TrainConfig(SPEC, augment=False).as_facts()


def test_runs_differ_by_what_they_learn_not_by_where_they_run() -> None:
    config = TrainConfig(SPEC)

    assert config.differences(replace(config, device=Device.CPU, cache="stream")) == {}  # type: ignore[arg-type]
    assert config.differences(replace(config, epochs=3, schedule=Schedule.PLATEAU)) == {
        "epochs": (20, 3),
        "schedule": (Schedule.COSINE, Schedule.PLATEAU),
    }
