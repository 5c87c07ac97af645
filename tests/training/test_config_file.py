"""Settings in a TOML file."""

from dataclasses import replace
from pathlib import Path

import pytest

from edgecls.errors import ModelConfigError, TrainingError
from edgecls.image_spec import Color, Fit, ImageSpec
from edgecls.training.config import Augmentation, Cache, ClassWeights, Schedule, TrainConfig
from edgecls.training.config_file import build_config, config_to_toml, read_settings


def _file(folder: Path, text: str) -> Path:
    path = folder / "run.toml"
    path.write_text(text, encoding="utf-8")
    return path


def _image(arch: str) -> tuple[int, Color]:
    return {"mobilenet_v2": (224, Color.RGB), "simple_cnn": (128, Color.RGB), "gray_cnn": (28, Color.GRAY)}[arch]


def test_an_image_is_what_the_architecture_was_designed_for() -> None:
    assert build_config({"arch": "gray_cnn"}, default_image=_image).image == ImageSpec(28, 28, Color.GRAY)
    assert build_config(
        {"arch": "gray_cnn", "image": {"color": "rgb", "width": 40}}, default_image=_image
    ).image == ImageSpec(40, 40)


@pytest.mark.parametrize(
    "config",
    [
        TrainConfig(ImageSpec(32, 48)),
        TrainConfig(
            image=ImageSpec(96, 96, Color.GRAY, Fit.PAD),
            weights='C:\\权重\\"best"\x7f\t😀.weights.h5',
            variant="torchvision",
            head="average",
            dropout=0.5,
            hidden_units=64,
            epochs=3,
            learning_rate=1e-05,
            schedule=Schedule.PLATEAU,
            class_weights=ClassWeights.BALANCED,
            augment=False,
            augmentation=Augmentation(flip=False, rotation=90),
            cache=Cache.STREAM,
            unknown_threshold=0.25,
        ),
    ],
    ids=["defaults", "everything-else"],
)
def test_what_is_written_is_read_back(tmp_path: Path, config: TrainConfig) -> None:
    settings = read_settings(_file(tmp_path, config_to_toml(config)))

    assert build_config(settings, default_image=_image) == config


def test_a_later_layer_wins_key_by_key(tmp_path: Path) -> None:
    settings = read_settings(
        _file(tmp_path, 'arch = "simple_cnn"\nepochs = 7\nlearning_rate = 1\n[image]\ncolor = "gray"\nheight = 40\n')
    )

    config = build_config(settings, {"epochs": 9, "image": {"fit": "pad"}}, default_image=_image)

    assert (config.arch, config.epochs, config.learning_rate) == ("simple_cnn", 9, 1)
    assert config.image == ImageSpec(40, 40, Color.GRAY, Fit.PAD)
    assert settings["epochs"] == 7


@pytest.mark.parametrize(
    ("image", "expected"),
    [({}, (128, 128)), ({"width": 50}, (50, 50)), ({"height": 40, "width": 50}, (40, 50))],
)
def test_the_size_is_the_architectures_unless_given(image: dict[str, int], expected: tuple[int, int]) -> None:
    config = build_config({"arch": "simple_cnn"}, {"image": image}, default_image=_image)

    assert (config.image.height, config.image.width) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("epoch = 3", r"run\.toml' has an unknown key 'epoch'; did you mean 'epochs'\?"),
        (
            "[augmentation]\nrotations = 3",
            r"unknown key 'augmentation\.rotations'; did you mean 'augmentation\.rotation'",
        ),
        ("[image]\nside = 3", r"unknown key 'image\.side'"),
        ("qqqqq = 3", "unknown key 'qqqqq'; known are image, arch"),
        ('epochs = "3"', "'epochs' must be a whole number, got '3'"),
        ("epochs = 3.5", r"'epochs' must be a whole number, got 3\.5"),
        ("epochs = true", "'epochs' must be a whole number, got True"),
        ("augment = 1", "'augment' must be true or false, got 1"),
        ('learning_rate = "fast"', "'learning_rate' must be a number, got 'fast'"),
        ('schedule = "step"', "'schedule' must be one of cosine, plateau, constant, got 'step'"),
        ("dropout = false", "'dropout' must be a number, got False"),
        ("unknown_threshold = true", "'unknown_threshold' must be a text in quotes or a number, got True"),
        ("image = 3", r"'image' must be a table, as \[image\]; got 3"),
        ("epochs = ", "is not valid TOML"),
    ],
)
def test_wrong_files_are_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(TrainingError, match=message):
        read_settings(_file(tmp_path, text))


def test_files_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"cannot read config file .*No such file"):
        read_settings(tmp_path / "gone.toml")
    (tmp_path / "latin.toml").write_bytes(b'arch = "\xe9"')
    with pytest.raises(TrainingError, match="is not valid TOML"):
        read_settings(tmp_path / "latin.toml")
    with open(tmp_path / "huge.toml", "wb") as stream:
        stream.truncate(1 << 30)
    with pytest.raises(TrainingError, match="is larger than 1048576 bytes"):
        read_settings(tmp_path / "huge.toml")


def test_values_outside_their_limits_are_refused() -> None:
    with pytest.raises(TrainingError, match="epochs must be at least 1"):
        build_config({"epochs": 0}, default_image=_image)
    with pytest.raises(ModelConfigError, match="image height"):
        build_config({"image": {"height": -3}}, default_image=_image)


def test_settings_that_are_none_are_left_out() -> None:
    config = TrainConfig(ImageSpec(8, 8))

    assert "head" not in config_to_toml(config)
    assert 'head = "average"' in config_to_toml(replace(config, head="average"))
