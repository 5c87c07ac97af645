import numpy as np
import pytest

from edgecls.errors import TrainingError
from edgecls.image_spec import Fit, ImageSpec
from edgecls.training.config import TrainConfig
from edgecls.training.sweep.space import Range, Settings, SweepSpace


def _space(**changes: object) -> SweepSpace:
    values: dict[str, object] = {
        "archs": ("simple_cnn", "mobilenet_v2"),
        "image_sizes": ((64, 64), (96, 128)),
        "batch_sizes": (16, 32),
        "learning_rates": (0.001,),
        "default_sides": {"simple_cnn": 128, "mobilenet_v2": 224},
    }
    return SweepSpace(**{**values, **changes})  # type: ignore[arg-type]


def test_a_grid_has_every_combination_once() -> None:
    grid = _space().grid()

    assert len(grid) == len(set(grid)) == 8
    assert Settings("mobilenet_v2", (96, 128), 16, 0.001) in grid


def test_without_a_size_each_architecture_has_its_own() -> None:
    grid = _space(image_sizes=(None,), batch_sizes=(16,)).grid()

    assert [(settings.arch, settings.image_size) for settings in grid] == [
        ("simple_cnn", (128, 128)),
        ("mobilenet_v2", (224, 224)),
    ]


def test_a_draw_is_part_of_the_grid_and_the_same_for_the_same_seed() -> None:
    space = _space()

    drawn = space.draw(3, seed=5)

    assert len(set(drawn)) == 3
    assert set(drawn) < set(space.grid())
    assert drawn == space.draw(3, seed=5)
    assert len({space.draw(3, seed=seed) for seed in range(10)}) > 1


def test_a_draw_of_more_than_there_are_is_all_there_are() -> None:
    assert sorted(map(str, _space().draw(100, seed=0))) == sorted(map(str, _space().grid()))


def test_learning_rates_are_drawn_evenly_over_orders_of_magnitude() -> None:
    rates = np.array(
        [settings.learning_rate for settings in _space(learning_rates=Range(1e-5, 1e-1)).draw(400, seed=1)]
    )

    assert 1e-5 <= rates.min() < rates.max() <= 1e-1
    # A quarter of them lies in each of the four decades; 400 draws stray by less than a tenth from that.
    assert np.histogram(np.log10(rates), bins=[-5, -4, -3, -2, -1])[0] / 400 == pytest.approx([0.25] * 4, abs=0.1)


def test_settings_replace_those_of_the_base() -> None:
    base = TrainConfig(ImageSpec(32, 32, fit=Fit.PAD), epochs=7, seed=3)

    config = Settings("simple_cnn", (48, 64), 8, 0.01).applied_to(base)

    assert config == TrainConfig(
        ImageSpec(48, 64, fit=Fit.PAD), arch="simple_cnn", batch_size=8, learning_rate=0.01, epochs=7, seed=3
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"batch_sizes": ()}, "a sweep needs different values for batch sizes, got []"),
        ({"archs": ("simple_cnn", "simple_cnn")}, "different values for archs"),
    ],
    ids=["no-values", "the-same-twice"],
)
def test_values_must_differ(changes: dict[str, object], message: str) -> None:
    with pytest.raises(TrainingError) as caught:
        _space(**changes)
    assert message in str(caught.value)


def test_a_range_has_no_grid() -> None:
    with pytest.raises(TrainingError, match=r"1e-05\.\.0\.1 are a range; give the number of trials with --random"):
        _space(learning_rates=Range(1e-5, 1e-1)).grid()


def test_a_range_must_rise() -> None:
    with pytest.raises(TrainingError, match=r"from a small to a large one, got 0\.1\.\.0\.01"):
        Range(0.1, 0.01)
