"""What --search names: settings, values, ranges, and everything it refuses."""

import pytest

from edgecls.errors import EdgeclsError, TrainingError
from edgecls.image_spec import ImageSpec
from edgecls.training.config import TrainConfig
from edgecls.training.sweep.search_space import Choices, Domain, Interval, SearchSpace, parse_search, search_space
from edgecls.training.sweep.space import Range, Settings, SweepSpace

BASE = TrainConfig(ImageSpec(32, 32), arch="simple_cnn", epochs=3)


def _parsed(text: str) -> tuple[str, Domain]:
    return parse_search(text, archs=lambda: ["mobilenet_v2", "simple_cnn"], heads=lambda: ["average", "max"])


def _space(**domains: Domain) -> SearchSpace:
    return SearchSpace(BASE, domains, {"simple_cnn": (32, 32), "mobilenet_v2": (224, 224)})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("learning_rate=1e-5..1e-2:log", ("learning_rate", Interval(1e-5, 1e-2, is_log=True))),
        ("dropout = 0..0.5", ("dropout", Interval(0.0, 0.5))),
        ("batch-size=8..64:LOG", ("batch_size", Interval(8, 64, is_integer=True, is_log=True))),
        ("hidden_units=0,64,128", ("hidden_units", Choices((0, 64, 128)))),
        ("learning_rate=0.1, 0.01", ("learning_rate", Choices((0.1, 0.01)))),
        ("arch=simple_cnn,mobilenet_v2", ("arch", Choices(("simple_cnn", "mobilenet_v2")))),
        ("head=max", ("head", Choices(("max",)))),
        ("image_size=96,96x128", ("image_size", Choices(((96, 96), (96, 128))))),
        ("schedule=cosine,plateau", ("schedule", Choices(("cosine", "plateau")))),
        ("augment=true,false", ("augment", Choices((True, False)))),
        ("augment-rotation=0..30", ("augmentation.rotation", Interval(0.0, 30.0))),
        ("augmentation.flip=true,FALSE", ("augmentation.flip", Choices((True, False)))),
        ("early-stopping=0,3", ("early_stopping_patience", Choices((0, 3)))),
        ("color=rgb,gray", ("image.color", Choices(("rgb", "gray")))),
        ("weights=none,../donor.h5", ("weights", Choices(("none", "../donor.h5")))),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_settings_have_lists_or_ranges_of_their_type(text: str, expected: tuple[str, Domain]) -> None:
    assert _parsed(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("learning_rate", "is no setting with values"),
        ("learning_rate=", "is no setting with values"),
        ("learnin_rate=1..2", "there is no setting 'learnin_rate' to search over; did you mean 'learning_rate'?"),
        ("zzz=1", "choose from image_size, arch"),
        ("seed=1,2", "cannot search over seed: trials with different seeds"),
        ("epochs=5..10", "cannot search over epochs: all trials have the same number"),
        ("val-split=0.1,0.2", "different validation images cannot be compared"),
        ("unknown_threshold=auto", "does not change the validation accuracy"),
        ("arch=simple_cn", "arch does not take 'simple_cn'; did you mean 'simple_cnn'?"),
        ("schedule=cos", "schedule does not take 'cos'; did you mean 'cosine'?"),
        ("augment=ja", "augment does not take 'ja'; choose from true, false"),
        ("batch_size=8.5", "batch_size takes a whole number, got '8.5'"),
        ("dropout=a..b", "dropout takes a number, got 'a'"),
        ("dropout=0.5..0.1", "dropout=0.5..0.1: a range goes from a small number to a large one"),
        ("dropout=nan..1", "a range goes from a small number to a large one"),
        ("dropout=0..0.5:log", "a logarithmic range begins above 0"),
        ("dropout=0..0.5:lin", "dropout=0..0.5:lin is no range"),
        ("dropout=0.1:log", "dropout=0.1:log is no range"),
        ("learning_rate=1..2..3", "learning_rate takes a number, got '2..3'"),
        ("image_size=64..128", "image_size takes sizes in pixels, as 96,128 or 96x128"),
        ("image_size=0", "image_size takes sizes in pixels"),
        ("batch_size=8,8", "batch_size=8,8 has a value twice"),
        ("arch=simple_cnn,", "arch does not take ''"),
    ],
    ids=lambda value: value,
)
def test_what_cannot_be_searched_is_refused_with_the_reason(text: str, message: str) -> None:
    with pytest.raises(TrainingError) as caught:
        _parsed(text)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("domains", "message"),
    [
        ({"dropout": Interval(0.0, 1.0)}, "cannot search over dropout=0..1: dropout must be from 0 to below 1, got 1"),
        ({"learning_rate": Choices((0.1, 20.0))}, "learning rate must be above 0 and below 10, got 20"),
        ({"batch_size": Interval(0, 8, is_integer=True)}, "batch size must be at least 1, got 0"),
        ({"image_size": Choices(((32, 5000),))}, "image width must be a whole number of pixels from 1 to 4096"),
        ({"augmentation.zoom": Interval(0.0, 1.0)}, "augmentation.zoom must be from 0 to below 1"),
    ],
    ids=["range", "list", "integers", "size", "augmentation"],
)
def test_values_outside_the_limits_of_a_setting_are_refused(domains: dict[str, Domain], message: str) -> None:
    with pytest.raises(EdgeclsError) as caught:
        _space(**domains)
    assert message in str(caught.value)


def test_a_trial_has_the_settings_that_are_searched_and_those_of_its_architecture() -> None:
    space = _space(**{"arch": Choices(("simple_cnn", "mobilenet_v2")), "augmentation.flip": Choices((True, False))})

    settings = space.settings({"arch": "mobilenet_v2", "augmentation.flip": False})

    assert settings == Settings("mobilenet_v2", (224, 224), 32, 0.001, (("augmentation.flip", False),))
    config = settings.applied_to(BASE)
    assert (config.arch, config.image.height, config.augmentation.flip) == ("mobilenet_v2", 224, False)
    assert settings.as_facts()["augmentation.flip"] is False


def test_drawn_values_have_three_digits_and_stay_within_their_range() -> None:
    assert Interval(0.0, 1.0).near(0.123456) == 0.123
    assert Interval(0.12345, 1.0).near(0.12345) == 0.12345
    assert Interval(0, 9, is_integer=True).near(4) == 4


def test_the_number_of_different_trials_is_known_if_it_is_finite() -> None:
    domains = {"batch_size": Interval(4, 8, is_integer=True), "learning_rate": Choices((0.1, 0.01))}
    assert _space(**domains).size == 10
    assert _space(**domains, dropout=Interval(0.0, 0.5)).size is None


def test_a_wide_range_that_is_not_logarithmic_is_remarked_on() -> None:
    assert _space(learning_rate=Interval(1e-5, 1e-2)).remarks == (
        "learning_rate=1e-05..0.01 is drawn evenly, so that nine values in ten are above 0.001; "
        "learning_rate=1e-05..0.01:log draws evenly over orders of magnitude",
    )
    assert _space(learning_rate=Interval(1e-5, 1e-2, is_log=True), dropout=Interval(0.0, 0.5)).remarks == ()


def test_options_with_several_values_are_searched_and_single_ones_hold_for_all_trials() -> None:
    options = SweepSpace(("simple_cnn", "mobilenet_v2"), (None,), (16,), Range(1e-4, 1e-2), {})

    space = search_space(BASE, options, {"dropout": Interval(0.0, 0.5)}, side_of=lambda arch: 128)

    assert space.as_facts() == {
        "learning_rate": "0.0001..0.01:log",
        "arch": "simple_cnn,mobilenet_v2",
        "dropout": "0..0.5",
    }
    assert space.base.batch_size == 16
    assert space.sizes["simple_cnn"] == (128, 128)


def test_a_search_over_nothing_is_refused() -> None:
    options = SweepSpace(("simple_cnn",), ((32, 32),), (16,), (0.01,), {})

    with pytest.raises(TrainingError, match="there is nothing to search over"):
        search_space(BASE, options, {}, side_of=lambda arch: 128)
