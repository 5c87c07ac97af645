"""Settings of a training run in a TOML file: reading and writing.

The keys of the file are the fields of `TrainConfig`; the tables [image] and [augmentation] hold
those of `ImageSpec` and `Augmentation`.
"""

import difflib
import json
import tomllib
import types
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Union, get_args, get_origin, get_type_hints

from edgecls.errors import TrainingError
from edgecls.image_spec import Color, ImageSpec
from edgecls.regular_file import open_regular
from edgecls.training.config import Augmentation, TrainConfig

__all__ = ["Settings", "build_config", "config_to_toml", "read_settings"]

Settings = dict[str, Any]
"""Names of fields to values; tables are dictionaries of their own."""

MAX_FILE_BYTES = 1 << 20


def read_settings(path: Path) -> Settings:
    """Read a TOML file of settings; each has a known name and a value of the right type.

    Returns:
        Only what the file sets, for `build_config`.

    Raises:
        TrainingError: The file cannot be read, is not TOML, or a key is unknown or has the wrong type.
    """
    try:
        with open_regular(path) as stream:
            data = stream.read(MAX_FILE_BYTES + 1)
        if len(data) > MAX_FILE_BYTES:
            raise TrainingError(f"config file {str(path)!r} is larger than {MAX_FILE_BYTES} bytes; give the right file")
        settings = tomllib.loads(data.decode())
    except OSError as error:
        raise TrainingError(f"cannot read config file {str(path)!r}: {error.strerror}; give another") from error
    except RecursionError as error:
        raise TrainingError(f"config file {str(path)!r} is nested too deeply; give the right file") from error
    except ValueError as error:  # of a number with thousands of digits, no TOMLDecodeError
        raise TrainingError(f"config file {str(path)!r} is not valid TOML: {error}; correct it") from error
    _check(settings, TrainConfig, prefix="", path=path)
    return settings


def build_config(*layers: Mapping[str, Any], default_image: Callable[[str], tuple[int, Color]]) -> TrainConfig:
    """Merge layers of settings into those of a run; later layers override earlier ones, key by key.

    Args:
        layers: As `read_settings` returns them.
        default_image: Returns the side in pixels and the colour of an architecture's image, used if no layer sets them.

    Raises:
        TrainingError: A value is outside its limits.
        ModelConfigError: A value of the image is.
    """
    merged: Settings = {"image": {}, "augmentation": {}}
    for layer in layers:
        for name, value in layer.items():
            merged[name] = {**merged[name], **value} if isinstance(value, Mapping) else value
    image = merged.pop("image")
    side, color = default_image(merged.get("arch", TrainConfig.arch))
    image.setdefault("color", color)
    height = image.pop("height", None) or image.get("width", side)
    width = image.pop("width", height)
    return TrainConfig(
        image=ImageSpec(height, width, **image), augmentation=Augmentation(**merged.pop("augmentation")), **merged
    )


def config_to_toml(config: TrainConfig) -> str:
    """Return all settings of a run as TOML, which `read_settings` reads back."""
    plain, tables = [], []
    for setting in fields(config):
        value = getattr(config, setting.name)
        if is_dataclass(value):
            lines = [f"{inner.name} = {_toml(getattr(value, inner.name))}" for inner in fields(value)]
            tables.append("\n".join([f"[{setting.name}]", *lines]))
        elif value is not None:
            plain.append(f"{setting.name} = {_toml(value)}")
    return "\n\n".join(["\n".join(plain), *tables]) + "\n"


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007F")
    return repr(value)


def _check(settings: Mapping[str, Any], kind: type, *, prefix: str, path: Path) -> None:
    known = get_type_hints(kind)
    for name, value in settings.items():
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
            hint = f"did you mean {prefix + near[0]!r}?" if near else f"known are {', '.join(known)}"
            raise TrainingError(f"config file {str(path)!r} has an unknown key {prefix + name!r}; {hint}")
        expected = known[name]
        if is_dataclass(expected):
            if not isinstance(value, dict):
                raise TrainingError(
                    f"in config file {str(path)!r}, {name!r} must be a table, as [{name}]; got {value!r}"
                )
            _check(value, expected, prefix=f"{name}.", path=path)  # type: ignore[arg-type]
        elif not _fits(value, expected):
            raise TrainingError(
                f"in config file {str(path)!r}, {prefix + name!r} must be {_words(expected)}, got {value!r}"
            )


def _kinds(expected: Any) -> tuple[Any, ...]:
    kinds = get_args(expected) if get_origin(expected) in (Union, types.UnionType) else (expected,)
    return tuple(kind for kind in kinds if kind is not types.NoneType)  # None is a key that is not there


def _fits(value: object, expected: Any) -> bool:
    for kind in _kinds(expected):
        if kind is float:
            fits = isinstance(value, int | float) and not isinstance(value, bool)
        elif kind is int:
            fits = isinstance(value, int) and not isinstance(value, bool)
        elif isinstance(kind, type) and issubclass(kind, StrEnum):
            fits = value in list(kind)
        else:
            fits = isinstance(value, kind)
        if fits:
            return True
    return False


def _words(expected: Any) -> str:
    names = {bool: "true or false", int: "a whole number", float: "a number", str: "a text in quotes"}
    return " or ".join(
        f"one of {', '.join(kind)}" if issubclass(kind, StrEnum) else names[kind] for kind in _kinds(expected)
    )
