"""What a search may try: a list of values or a range for each setting, as --search names them."""

import difflib
import math
import re
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Union, get_args, get_origin, get_type_hints

from edgecls.errors import EdgeclsError, TrainingError
from edgecls.image_spec import ImageSpec
from edgecls.training.config import Augmentation, TrainConfig
from edgecls.training.sweep.space import Range, Settings, SweepSpace, rounded, size_text

__all__ = ["Choices", "Domain", "Interval", "SearchSpace", "parse_search", "search_space"]

LOG = "log"
WIDE = 100  # a range whose end is so many times its beginning is usually meant to be logarithmic

NOT_SEARCHED = {
    "epochs": "all trials have the same number of epochs, and the poor ones end earlier; give --epochs",
    "seed": "trials with different seeds have different validation images, which cannot be compared; give --seed",
    "validation_fraction": "trials with different validation images cannot be compared",
    "rare_labels": "trials with different labels cannot be compared",
    "cache": "it changes how fast a trial is, not how good",
    "device": "it changes how fast a trial is, not how good",
    "mixed_precision": "it changes how fast a trial is, not how good",
    "calibrate": "it does not change the validation accuracy",
    "unknown_threshold": "it does not change the validation accuracy",
    "familiarity": "it does not change the validation accuracy",
}
"""Settings that trials must have in common, and why."""

ALIASES = {
    "color": "image.color",
    "fit": "image.fit",
    "early_stopping": "early_stopping_patience",
    "val_split": "validation_fraction",
}
"""Names of options of edgecls train, and the keys in a config file that they stand for."""

SIZE = "image_size"
SAME_FOR_ALL = ("arch", SIZE, "batch_size", "learning_rate")
"""Settings that every trial records, searched or not."""


@dataclass(frozen=True)
class Choices:
    """A list of values: texts, numbers or booleans, sizes as heights and widths; at least one, all different."""

    values: tuple[Any, ...]

    @property
    def size(self) -> int:
        """Number of values."""
        return len(self.values)

    @property
    def extremes(self) -> tuple[Any, ...]:
        """The values that have to be within the limits of the setting."""
        return self.values

    def __str__(self) -> str:
        return ",".join(value_text(value) for value in self.values)


@dataclass(frozen=True)
class Interval:
    """All numbers from `low` to `high`, both included.

    Attributes:
        low: The smallest one.
        high: The largest one, above `low`.
        is_integer: Whether they are whole.
        is_log: Whether orders of magnitude are drawn evenly, not numbers.

    Raises:
        TrainingError: Not low < high, or not 0 < low where it is logarithmic.
    """

    low: float
    high: float
    is_integer: bool = False
    is_log: bool = False

    def __post_init__(self) -> None:
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise TrainingError(f"a range goes from a small number to a large one, got {self}")
        if self.is_log and self.low <= 0:
            raise TrainingError(f"a logarithmic range begins above 0, got {self}")

    @property
    def size(self) -> int | None:
        """Number of values; None for a range of real numbers."""
        return int(self.high - self.low) + 1 if self.is_integer else None

    @property
    def extremes(self) -> tuple[Any, ...]:
        """The values that have to be within the limits of the setting."""
        return self.low, self.high

    def near(self, value: float) -> float:
        """Return a value as a trial takes it: whole, or with three significant digits, and within the range."""
        return int(value) if self.is_integer else min(max(rounded(value), self.low), self.high)

    def __str__(self) -> str:
        return f"{self.low:g}..{self.high:g}{f':{LOG}' if self.is_log else ''}"


Domain = Choices | Interval


@dataclass(frozen=True)
class SearchSpace:
    """All that a search may try.

    Attributes:
        base: The settings that all trials share.
        domains: Values of each setting that is searched, by its key in a config file, or "image_size".
        sizes: For each architecture that may be tried the height and width of its images, unless they are searched.

    Raises:
        TrainingError, ModelConfigError: A value is outside its limits.
    """

    base: TrainConfig
    domains: Mapping[str, Domain]
    sizes: Mapping[str, tuple[int, int]]

    def __post_init__(self) -> None:
        first = {name: domain.extremes[0] for name, domain in self.domains.items()}
        for name, domain in self.domains.items():
            for value in domain.extremes:
                try:
                    self.settings({**first, name: value}).applied_to(self.base)
                except EdgeclsError as error:
                    raise type(error)(f"cannot search over {name}={domain}: {error}") from error

    @property
    def size(self) -> int | None:
        """Number of different trials; None if a range of real numbers makes it endless."""
        sizes = [domain.size for domain in self.domains.values()]
        return None if None in sizes else math.prod(size for size in sizes if size is not None)

    @property
    def remarks(self) -> tuple[str, ...]:
        """Remarks about ranges that are probably not meant as they stand."""
        return tuple(
            f"{name}={domain} is drawn evenly, so that nine values in ten are above {domain.high / 10:g}; "
            f"{name}={domain}:{LOG} draws evenly over orders of magnitude"
            for name, domain in self.domains.items()
            if isinstance(domain, Interval) and not domain.is_log and domain.high >= WIDE * domain.low > 0
        )

    def settings(self, values: Mapping[str, Any]) -> Settings:
        """Return the settings of a trial with a value of each domain."""
        arch = values.get("arch", self.base.arch)
        return Settings(
            arch,
            values.get(SIZE, self.sizes[arch]),
            values.get("batch_size", self.base.batch_size),
            values.get("learning_rate", self.base.learning_rate),
            tuple((name, values[name]) for name in self.domains if name not in SAME_FOR_ALL),
        )

    def as_facts(self) -> dict[str, str]:
        """Return what is searched, as texts."""
        return {name: str(domain) for name, domain in self.domains.items()}


def search_space(
    base: TrainConfig, options: SweepSpace, searched: Mapping[str, Domain], *, side_of: Callable[[str], int]
) -> SearchSpace:
    """Combine the options for single settings, of which several values are searched, with what --search names.

    Args:
        base: The settings that all trials share, without these options.
        options: Their values. A range of learning rates is logarithmic, as it is without a search.
        searched: As `parse_search` returns them; no setting in both.
        side_of: Returns the side in pixels that an architecture was designed for.

    Raises:
        TrainingError, ModelConfigError: A value is outside its limits, or no setting has several values.
    """
    domains: dict[str, Domain] = {}
    listed: dict[str, tuple[Any, ...]] = {
        "arch": options.archs,
        SIZE: options.image_sizes,
        "batch_size": options.batch_sizes,
    }
    rates = options.learning_rates
    if isinstance(rates, Range):
        domains["learning_rate"] = Interval(rates.low, rates.high, is_log=True)
    else:
        listed["learning_rate"] = rates
        base = replace(base, learning_rate=rates[0])
    domains |= {name: Choices(values) for name, values in listed.items() if len(values) > 1}
    domains |= searched
    if not domains:
        raise TrainingError(
            "there is nothing to search over; give settings with several values, as --search dropout=0..0.5"
        )
    base = replace(base, arch=options.archs[0], batch_size=options.batch_sizes[0])
    archs = domains["arch"].extremes if "arch" in domains else (base.arch,)
    size = options.image_sizes[0]
    return SearchSpace(base, domains, {arch: size or (side_of(arch), side_of(arch)) for arch in archs})


def parse_search(
    text: str, *, archs: Callable[[], Sequence[str]], heads: Callable[[], Sequence[str]]
) -> tuple[str, Domain]:
    """Read what --search names, as "learning_rate=1e-5..1e-2:log" or "arch=simple_cnn,mobilenet_v2".

    Args:
        text: NAME=VALUES. A name is a key of a config file or an option of edgecls train without its dashes; values
            are a list, or a range of numbers, which is logarithmic if it ends in ":log".
        archs: Returns the names of all architectures.
        heads: Returns the names of all heads.

    Returns:
        The key of the setting, and its values.

    Raises:
        TrainingError: There is no such setting, it cannot be searched, or it does not take these values.
    """
    given, equals, values = (part.strip() for part in text.partition("="))
    if not (given and equals and values):
        raise TrainingError(
            f"{text!r} is no setting with values; give a name, = and a list, as arch=simple_cnn,mobilenet_v2, "
            "or a range, as dropout=0..0.5 or learning_rate=1e-5..1e-2:log"
        )
    if not _is_unicode(text):
        raise TrainingError(f"{text!r} is no text in the encoding of this system; give it again")
    name = _key(given)
    kind = _KINDS[name]
    if kind in (int, float) and (".." in values or ":" in values):
        return name, _interval(name, values, kind)
    texts = [value.strip() for value in values.split(",")]
    known = {"arch": archs, "head": heads}.get(name)
    read = tuple(_value(name, value, kind, known() if known else ()) for value in texts)
    if len(set(read)) < len(read):
        raise TrainingError(f"{name}={values} has a value twice; give different ones")
    return name, Choices(read)


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _key(given: str) -> str:
    name = given.lower().replace("-", "_")
    name = ALIASES.get(name, name)
    table, _, amount = name.partition("_")
    if table == "augment" and f"augmentation.{amount}" in _KINDS:
        name = f"augmentation.{amount}"
    if name in NOT_SEARCHED:
        raise TrainingError(f"cannot search over {given}: {NOT_SEARCHED[name]}")
    if name not in _KINDS:
        near = difflib.get_close_matches(name, _KINDS, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]!r}?" if near else f"choose from {', '.join(_KINDS)}"
        raise TrainingError(f"there is no setting {given!r} to search over; {hint}")
    return name


def _interval(name: str, values: str, kind: type) -> Interval:
    numbers, colon, scale = values.partition(":")
    low, dots, high = numbers.partition("..")
    if not dots or (colon and scale.strip().lower() != LOG):
        raise TrainingError(
            f"{name}={values} is no range; give two numbers, as 1..10, and :{LOG} behind them to draw evenly over "
            "orders of magnitude"
        )
    ends = _value(name, low.strip(), kind), _value(name, high.strip(), kind)
    try:
        return Interval(*ends, is_integer=kind is int, is_log=bool(colon))
    except TrainingError as error:
        raise TrainingError(f"{name}={values}: {error}") from error


def _value(name: str, text: str, kind: type, known: Sequence[str] = ()) -> Any:
    """Return a value of a setting; its limits are checked later, with all settings."""
    if kind is bool and text.lower() in ("true", "false"):
        return text.lower() == "true"
    if kind in (int, float):
        try:
            return kind(text)
        except ValueError as error:
            what = "a whole number" if kind is int else "a number"
            raise TrainingError(f"{name} takes {what}, got {text!r}") from error
    if kind is tuple:
        sides = text.lower().split("x")
        if len(sides) in (1, 2) and all(re.fullmatch("[0-9]{1,9}", side) and int(side) for side in sides):
            return int(sides[0]), int(sides[-1])
        raise TrainingError(f"{name} takes sizes in pixels, as 96,128 or 96x128, got {text!r}")
    if issubclass(kind, StrEnum):
        known = [member.value for member in kind]
    elif kind is bool:
        known = ("true", "false")
    if (known and text not in known) or not text:
        near = difflib.get_close_matches(text, known, n=1, cutoff=0.6)
        hint = f"did you mean {near[0]!r}?" if near else f"choose from {', '.join(known)}"
        raise TrainingError(f"{name} does not take {text!r}; {hint}")
    return text


def _kinds() -> Iterator[tuple[str, type]]:
    """Yield all settings that can be searched, each with the type of its values."""
    yield SIZE, tuple
    for prefix, owner in (("", TrainConfig), ("augmentation.", Augmentation)):
        for name, hint in get_type_hints(owner).items():
            options = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
            kind = next(option for option in options if option is not types.NoneType)
            if name not in NOT_SEARCHED and name not in ("image", "augmentation"):
                yield prefix + name, kind
    for name in ("color", "fit"):
        yield f"image.{name}", get_type_hints(ImageSpec)[name]


def value_text(value: Any) -> str:
    """Return a value of a setting as it is written on the command line."""
    if isinstance(value, tuple):
        return size_text(value)
    return str(value).lower() if isinstance(value, bool) else str(value)


_KINDS: dict[str, type] = dict(_kinds())
