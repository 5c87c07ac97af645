"""The search space of a sweep: every combination of settings, or random ones."""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np

from edgecls.errors import TrainingError
from edgecls.training.config import TrainConfig

__all__ = ["Range", "Settings", "SweepSpace", "rounded", "settings_text", "size_text"]

DRAWS_PER_TRIAL = 100  # attempts to draw a combination that is not there yet
SIGNIFICANT_DIGITS = 3  # of a value drawn from a range

_Value = TypeVar("_Value")


@dataclass(frozen=True)
class Settings:
    """The settings of one trial that replace those of the base configuration.

    Attributes:
        arch: Architecture.
        image_size: Height and width in pixels.
        batch_size: Images in one step.
        learning_rate: Largest learning rate.
        others: Further settings by their keys in a config file, as ("augmentation.flip", False), and their values.
    """

    arch: str
    image_size: tuple[int, int]
    batch_size: int
    learning_rate: float
    others: tuple[tuple[str, str | float | bool], ...] = ()

    def applied_to(self, base: TrainConfig) -> TrainConfig:
        """Return `base` with these settings.

        Raises:
            TrainingError, ModelConfigError: A setting is outside its limits.
        """
        height, width = self.image_size
        tables: dict[str, dict[str, Any]] = {
            "image": {"height": height, "width": width},
            "augmentation": {},
            "": {"arch": self.arch, "batch_size": self.batch_size, "learning_rate": self.learning_rate},
        }
        for name, value in self.others:
            table, _, key = name.rpartition(".")
            tables[table][key] = value
        return replace(
            base,
            image=replace(base.image, **tables["image"]),
            augmentation=replace(base.augmentation, **tables["augmentation"]),
            **tables[""],
        )

    def as_facts(self) -> dict[str, Any]:
        """Return the settings as texts and numbers, the size as "HEIGHTxWIDTH"."""
        return {
            "arch": self.arch,
            "image_size": size_text(self.image_size),
            "batch_size": self.batch_size,
            "learning_rate": self.learning_rate,
            **dict(self.others),
        }

    def __str__(self) -> str:
        return settings_text(self.as_facts())


def settings_text(facts: Mapping[str, Any]) -> str:
    """Return the settings of a trial in words, from what `Settings.as_facts` returns or a part of it."""
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in facts.items())


def size_text(size_hw: tuple[int, int]) -> str:
    """Return a size in pixels as "HEIGHTxWIDTH"."""
    height, width = size_hw
    return f"{height}x{width}"


@dataclass(frozen=True)
class Range:
    """Learning rates from `low` to `high`, log-uniformly distributed.

    Raises:
        TrainingError: Not 0 < low < high.
    """

    low: float
    high: float

    def __post_init__(self) -> None:
        if not 0 < self.low < self.high:
            raise TrainingError(f"a range of learning rates goes from a small to a large one, got {self}")

    def draw(self, rng: np.random.Generator) -> float:
        """Return a learning rate, rounded to three significant digits."""
        value = float(np.exp(rng.uniform(math.log(self.low), math.log(self.high))))
        return rounded(value)

    def __str__(self) -> str:
        return f"{self.low:g}..{self.high:g}"


def rounded(value: float) -> float:
    """Return a value that was drawn from a range with three significant digits."""
    return float(f"{value:.{SIGNIFICANT_DIGITS}g}")


@dataclass(frozen=True)
class SweepSpace:
    """All values that a sweep may combine.

    Attributes:
        archs: Architectures.
        image_sizes: Heights and widths in pixels; None stands for the default of each architecture.
        batch_sizes: Images in one step.
        learning_rates: Single rates, or one range to draw from.
        default_sides: For each architecture the side in pixels it was designed for.

    Raises:
        TrainingError: A setting has no value, or one twice.
    """

    archs: tuple[str, ...]
    image_sizes: tuple[tuple[int, int] | None, ...]
    batch_sizes: tuple[int, ...]
    learning_rates: tuple[float, ...] | Range
    default_sides: dict[str, int]

    def __post_init__(self) -> None:
        for name in ("archs", "image_sizes", "batch_sizes", "learning_rates"):
            values = getattr(self, name)
            if isinstance(values, Range):
                continue
            if not values or len(set(values)) < len(values):
                raise TrainingError(f"a sweep needs different values for {name.replace('_', ' ')}, got {list(values)}")

    def grid(self) -> tuple[Settings, ...]:
        """Return every combination.

        Raises:
            TrainingError: The learning rates are a range.
        """
        if isinstance(self.learning_rates, Range):
            raise TrainingError(
                f"learning rates {self.learning_rates} are a range; give the number of trials with --random"
            )
        return tuple(
            self._settings(*values)
            for values in itertools.product(self.archs, self.image_sizes, self.batch_sizes, self.learning_rates)
        )

    def draw(self, count: int, *, seed: int) -> tuple[Settings, ...]:
        """Return `count` different combinations at random, or all if there are fewer.

        Args:
            count: Number of trials, at least 1.
            seed: Same seed, same draw.
        """
        rng = np.random.default_rng(seed)
        if not isinstance(self.learning_rates, Range):
            grid = self.grid()
            return tuple(grid[index] for index in rng.permutation(len(grid))[:count])
        drawn: dict[Settings, None] = {}  # in the order drawn
        for _ in range(count * DRAWS_PER_TRIAL):
            if len(drawn) == count:
                break
            settings = self._settings(
                _one_of(self.archs, rng),
                _one_of(self.image_sizes, rng),
                _one_of(self.batch_sizes, rng),
                self.learning_rates.draw(rng),
            )
            drawn[settings] = None
        return tuple(drawn)

    def _settings(
        self, arch: str, image_size: tuple[int, int] | None, batch_size: int, learning_rate: float
    ) -> Settings:
        side = self.default_sides[arch]
        return Settings(arch, image_size or (side, side), batch_size, learning_rate)


def _one_of(values: Sequence[_Value], rng: np.random.Generator) -> _Value:
    return values[int(rng.integers(len(values)))]
