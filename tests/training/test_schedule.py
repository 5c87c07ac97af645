"""Learning rates."""

import keras
import numpy as np
import pytest

from edgecls.errors import TrainingError
from edgecls.image_spec import ImageSpec
from edgecls.models import HEAD_PREFIX, build_model
from edgecls.training.config import Schedule, TrainConfig
from edgecls.training.stages import choose_trainable, make_optimizer, plan_stages, rate_after, rate_factors

SPEC = ImageSpec(16, 16)


@pytest.mark.parametrize(
    ("losses", "factor"),
    [
        ([], 1),
        ([3, 2, 1], 1),
        ([1, 2], 1),
        ([1, 2, 2], 0.5),
        ([1, 2, 2, 2, 2], 0.25),
        ([1, 2, 2, 0.5, 1, 1], 0.25),
        ([1, 1, 0.9, 1], 1),
    ],
    ids=["no-epoch", "falling", "waiting", "stalled", "stalled-twice", "stalled-again", "saved-in-time"],
)
def test_the_rate_falls_when_the_loss_stalls(losses: list[float], factor: float) -> None:
    config = TrainConfig(SPEC, schedule=Schedule.PLATEAU, learning_rate=0.1, plateau_patience=2, plateau_factor=0.5)

    assert rate_after(losses, config) == pytest.approx(0.1 * factor)


@pytest.mark.parametrize(
    ("schedule", "rates"),
    [(Schedule.COSINE, [0.01, 0.005, 0]), (Schedule.CONSTANT, [0.01] * 3), (Schedule.PLATEAU, [0.01] * 3)],
)
def test_the_rate_within_a_stage(schedule: Schedule, rates: list[float]) -> None:
    optimizer = make_optimizer(TrainConfig(SPEC, schedule=schedule, learning_rate=0.01), steps=10, factors={})

    for step, rate in zip((0, 5, 10), rates, strict=True):
        optimizer.iterations.assign(step)
        assert float(optimizer.learning_rate) == pytest.approx(rate, abs=1e-7)


def test_pretrained_layers_learn_more_slowly_than_new_ones() -> None:
    config = TrainConfig(SPEC, weights="some.weights.h5", backbone_factor=0.1, schedule=Schedule.CONSTANT)
    stage = plan_stages(config)[1]
    network = build_model("simple_cnn", num_classes=3, spec=SPEC)
    choose_trainable(network, stage)
    before = {weight.path: np.array(weight) for weight in network.trainable_weights}
    network.compile(make_optimizer(config, steps=1, factors=rate_factors(network, stage)), "mse")

    rng = np.random.default_rng(0)
    network.train_on_batch(rng.integers(0, 256, (4, 16, 16, 3), np.uint8), rng.random((4, 3), np.float32))

    # The first step of Adam is as large as the learning rate wherever there is a gradient.
    largest = {path: float(np.abs(np.array(weight) - before[path]).max()) for path, weight in _by_path(network)}
    assert {path.startswith(HEAD_PREFIX) for path in largest} == {True, False}
    for path, step in largest.items():
        assert step == pytest.approx(1e-3 if path.startswith(HEAD_PREFIX) else 1e-4, rel=0.02), path


def _by_path(network: keras.Model) -> list[tuple[str, keras.Variable]]:
    return [(weight.path, weight) for weight in network.trainable_weights]


@pytest.mark.parametrize(
    ("epochs", "weights", "planned"),
    [
        (5, "none", [("all layers", 1, 5, 1.0, False)]),
        (1, "w.h5", [("head", 1, 1, 1.0, True)]),
        (8, "w.h5", [("head", 1, 2, 1.0, True), ("all layers", 3, 6, 0.3, True)]),
        (40, "w.h5", [("head", 1, 3, 1.0, True), ("all layers", 4, 37, 0.3, True)]),
    ],
)
def test_stages_follow_each_other(epochs: int, weights: str, planned: list[tuple[object, ...]]) -> None:
    stages = plan_stages(TrainConfig(SPEC, epochs=epochs, weights=weights))

    assert [
        (stage.name, stage.first_epoch, stage.epochs, stage.backbone_factor, stage.keeps_statistics) for stage in stages
    ] == planned
    assert stages[-1].last_epoch == epochs


@pytest.mark.parametrize("weights", ["auto", "imagenet"])
def test_weights_that_are_left_open_give_no_stages(weights: str) -> None:
    with pytest.raises(TrainingError, match=f"weights '{weights}' leave open what is trained"):
        plan_stages(TrainConfig(SPEC, weights=weights))
