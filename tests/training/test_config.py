"""Settings of a training run."""

import pytest

from edgecls.errors import TrainingError
from edgecls.image_spec import ImageSpec
from edgecls.training.config import TrainConfig


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epochs": 0}, "epochs must be at least 1, got 0"),
        ({"batch_size": -1}, "batch size must be at least 1, got -1"),
        ({"learning_rate": 0.0}, "learning rate must be above 0"),
        ({"learning_rate": float("nan")}, "learning rate must be above 0"),
        ({"validation_fraction": 1.0}, "validation split must be above 0 and below 1"),
        ({"seed": -1}, "seed must be from 0"),
    ],
)
def test_values_outside_their_limits_are_refused(change: dict[str, float], message: str) -> None:
    with pytest.raises(TrainingError, match=message):
        TrainConfig(ImageSpec(32, 32), **change)  # type: ignore[arg-type]


def test_facts_name_the_weights_file_without_its_folder() -> None:
    facts = TrainConfig(ImageSpec(32, 32), weights="/home/somebody/imagenet.weights.h5").as_facts()

    assert facts["weights"] == "imagenet.weights.h5"
    assert "image" not in facts
