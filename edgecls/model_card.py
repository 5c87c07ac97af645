"""The model card: what a model file says about itself, as frozen, validated records."""

import sys
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

from edgecls.errors import ModelFileError
from edgecls.image_spec import ImageSpec

if TYPE_CHECKING:  # few model files have one, and reading the others should not cost more
    from edgecls.reference import Reference

__all__ = [
    "SUM_TOLERANCE",
    "UNKNOWN",
    "DatasetFacts",
    "Familiarity",
    "FamiliarityLevel",
    "Golden",
    "GoldenSample",
    "ModelCard",
    "check_labels",
    "check_unknown_threshold",
    "require",
]

MAX_LABELS = 100_000
SHOWN_LABELS = 20  # in a notebook
UNKNOWN = "unknown"
"""What a model answers where it has an unknown threshold and no label reaches it."""

SUM_TOLERANCE = 1e-3  # how far the probabilities of a golden sample may be from a sum of 1


@dataclass(frozen=True)
class GoldenSample:
    """A small real image and the probabilities that the original network gave for it.

    Attributes:
        name: What the image is called, for reports.
        png: The image at the model's size, as PNG.
        probabilities: One for each label of the model, in its order; they sum to 1.
        familiarity: How much the image is like the training images; None if the model does not judge it.
    """

    name: str
    png: bytes = field(repr=False)
    probabilities: tuple[float, ...]
    familiarity: float | None = None

    def __post_init__(self) -> None:
        require(all(map(_is_probability, self.probabilities)), f"golden sample {self.name!r}: not all probabilities")
        require(
            abs(sum(self.probabilities) - 1) <= SUM_TOLERANCE,
            f"golden sample {self.name!r}: the probabilities sum to {sum(self.probabilities):.6g} instead of 1",
        )
        require(
            self.familiarity is None or _is_number(self.familiarity),
            f"golden sample {self.name!r}: familiarity must be a number, got {self.familiarity!r}",
        )


@dataclass(frozen=True)
class Golden:
    """The golden samples of a model.

    Attributes:
        tolerance: Largest difference in any probability that still passes, above 0 and at most 1.
        samples: At least one.
        familiarity_tolerance: Largest difference in familiarity that still passes, above 0 and at most 1; None if the
            model does not judge it.
    """

    tolerance: float
    samples: tuple[GoldenSample, ...]
    familiarity_tolerance: float | None = None

    def __post_init__(self) -> None:
        require(
            _is_tolerance(self.tolerance), f"golden tolerance must be above 0 and at most 1, got {self.tolerance!r}"
        )
        require(
            self.familiarity_tolerance is None or _is_tolerance(self.familiarity_tolerance),
            f"golden familiarity_tolerance must be above 0 and at most 1, got {self.familiarity_tolerance!r}",
        )
        require(len(self.samples) > 0, "there must be at least one golden sample")
        require(
            all((sample.familiarity is None) == (self.familiarity_tolerance is None) for sample in self.samples),
            "either all golden samples and the golden familiarity_tolerance have a familiarity, or none",
        )


@dataclass(frozen=True)
class FamiliarityLevel:
    """A threshold of familiarity and what it lets through.

    Attributes:
        accepted: The proportion of images of the training images' kind that are at or above it, above 0 and below 1.
        threshold: A familiarity.
    """

    accepted: float
    threshold: float

    def __post_init__(self) -> None:
        require(
            _is_number(self.accepted) and 0 < self.accepted < 1,
            f"the accepted proportion of a familiarity level must be above 0 and below 1, got {self.accepted!r}",
        )
        require(
            _is_number(self.threshold),
            f"the threshold of a familiarity level must be a number, got {self.threshold!r}",
        )


@dataclass(frozen=True)
class Familiarity:
    """From which familiarity on an image counts as one of the kind the model was trained on.

    Attributes:
        threshold: Below it, an image is unlike the training images.
        accepted: The proportion of the held-out images that are at or above it, 0 to 1.
        held_out: Number of images that the thresholds were derived from.
        levels: Further thresholds to choose from, by increasing proportion, so with decreasing thresholds.
    """

    threshold: float
    accepted: float
    held_out: int
    levels: tuple[FamiliarityLevel, ...] = ()

    def __post_init__(self) -> None:
        require(_is_number(self.threshold), f"familiarity threshold must be a number, got {self.threshold!r}")
        require(
            _is_probability(self.accepted),
            f"the accepted proportion of familiarity must be from 0 to 1, got {self.accepted!r}",
        )
        require(
            _is_count(self.held_out) and self.held_out > 0,
            f"familiarity held_out must be a number of images, got {self.held_out!r}",
        )
        for lower, higher in pairwise(self.levels):
            require(
                lower.accepted < higher.accepted and lower.threshold >= higher.threshold,
                "familiarity levels must be in the order of the proportion they accept, with decreasing thresholds",
            )


@dataclass(frozen=True)
class DatasetFacts:
    """What a model was trained on.

    Attributes:
        sha256: Fingerprint of all images and their labels, whatever their names and order.
        train_images: Number of images trained on.
        validation_images: Number of images held out for choosing the best epoch.
        images_per_label: Number of images for each label, held-out ones included.
    """

    sha256: str
    train_images: int
    validation_images: int
    images_per_label: Mapping[str, int]

    def __post_init__(self) -> None:
        require(_is_sha256(self.sha256), f"dataset fingerprint must be a SHA-256 in hex, got {self.sha256!r}")
        counts = [self.train_images, self.validation_images, *self.images_per_label.values()]
        require(all(_is_count(count) for count in counts), "dataset counts must be whole numbers from 0 up")


@dataclass(frozen=True)
class ModelCard:
    """What a model file says about itself.

    Attributes:
        name: Short name of the model.
        labels: One for each output, in the order of the outputs; unique, any script.
        image: The image the network takes.
        architecture: Name of the network's design.
        golden: Samples with known answers.
        precision: Number format of the weights and the arithmetic, as in "float32".
        temperature: What the logits are divided by before the softmax; folded into the network.
        unknown_threshold: Below this probability of the best label the answer is UNKNOWN, above 0 and below 1;
            None if there is always an answer.
        familiarity: From which familiarity on an image is known; None if the network does not judge it.
        reference: What held-out images look like to it, for comparison with later ones; None if it is not known.
        metrics: Measured figures, as {"validation_accuracy": 0.95}.
        training: Settings it was trained with, numbers, texts and truth values.
        dataset: What it was trained on, if known.
        versions: Packages that made it, as {"keras": "3.15.1"}.
        created: When it was made, ISO 8601 in UTC.

    Raises:
        ModelFileError: A field is not what it must be.
    """

    name: str
    labels: tuple[str, ...]
    image: ImageSpec
    architecture: str
    golden: Golden
    precision: str = "float32"
    temperature: float = 1.0
    unknown_threshold: float | None = None
    familiarity: Familiarity | None = None
    reference: "Reference | None" = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    training: Mapping[str, str | float | bool] = field(default_factory=dict)
    dataset: DatasetFacts | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
    created: str = ""

    def __post_init__(self) -> None:
        for key in ("name", "architecture", "precision"):
            require(_is_text(getattr(self, key)), f"{key} must be a text on one line, got {getattr(self, key)!r}")
        check_labels(self.labels)
        require(
            _is_number(self.temperature) and self.temperature > 0,
            f"temperature must be a number above 0, got {self.temperature!r}",
        )
        check_unknown_threshold(self.unknown_threshold, self.labels)
        require(all(map(_is_number, self.metrics.values())), "metrics must be numbers")
        require(
            all(isinstance(value, str | bool) or _is_number(value) for value in self.training.values()),
            "training must have numbers, texts and truth values",
        )
        require(all(isinstance(value, str) for value in self.versions.values()), "versions must be texts")
        for sample in self.golden.samples:
            require(
                len(sample.probabilities) == len(self.labels),
                f"golden sample {sample.name!r} has {len(sample.probabilities)} probabilities "
                f"for {len(self.labels)} labels",
            )
        require(
            (self.familiarity is None) == (self.golden.familiarity_tolerance is None),
            "familiarity takes golden samples with a familiarity, and they take it",
        )
        require(
            self.reference is None or max((-1, *self.reference.labels.labels)) < len(self.labels),
            "the reference has labels that the model does not have",
        )
        require(
            self.familiarity is None or UNKNOWN not in self.labels,
            f"a model with a label {UNKNOWN!r} cannot have familiarity: its answers could not be told apart; "
            "rename the label or leave familiarity out",
        )

    def _repr_html_(self) -> str:
        """Return the card as notebooks show it."""
        from edgecls.notebook import bold, facts

        more = len(self.labels) - SHOWN_LABELS
        limits = {"probability": self.unknown_threshold, "familiarity": self.familiarity and self.familiarity.threshold}
        shown = {
            "labels": ", ".join(self.labels[:SHOWN_LABELS]) + (f" and {more} more" if more > 0 else ""),
            "image": f"{self.image.height}x{self.image.width} {self.image.color.value}",
            "network": f"{self.architecture}, {self.precision}",
            "unknown below": ", ".join(f"{name} {limit:.4g}" for name, limit in limits.items() if limit is not None),
            "metrics": ", ".join(f"{name} {value:.4g}" for name, value in self.metrics.items()),
            "trained on": "" if self.dataset is None else f"{self.dataset.train_images} images",
            "created": self.created,
        }
        return f"<div><div>{bold(self.name)}</div>{facts(shown)}</div>"


def check_labels(labels: tuple[str, ...]) -> None:
    """Check that labels can name the outputs of a classifier.

    Raises:
        ModelFileError: Fewer than two, more than MAX_LABELS, doubled, empty, or with control characters.
    """
    require(2 <= len(labels) <= MAX_LABELS, f"there must be 2 to {MAX_LABELS} labels, got {len(labels)}")
    for label in labels:
        require(_is_text(label), f"a label must be a text on one line without spaces around it, got {label!r}")
    require(len(set(labels)) == len(labels), "labels must differ from each other")


def check_unknown_threshold(threshold: float | None, labels: tuple[str, ...]) -> None:
    """Check that UNKNOWN can be the answer below `threshold`; None means that it never is.

    Raises:
        ModelFileError: Not a number above 0 and below 1, or one of the labels is UNKNOWN itself.
    """
    if threshold is None:
        return
    require(
        _is_number(threshold) and 0 < threshold < 1,
        f"unknown_threshold must be a number above 0 and below 1, got {threshold!r}",
    )
    require(
        UNKNOWN not in labels,
        f"a model with a label {UNKNOWN!r} cannot have an unknown_threshold: its answers could not be told apart; "
        "rename the label or leave the threshold out",
    )


def require(condition: bool, message: str) -> None:
    """Raise ModelFileError with `message` unless `condition` holds."""
    if not condition:
        raise ModelFileError(message)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max


def _is_probability(value: object) -> bool:
    return _is_number(value) and 0 <= value <= 1  # type: ignore[operator]


def _is_tolerance(value: object) -> bool:
    return _is_probability(value) and value != 0


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_sha256(value: object) -> bool:
    return isinstance(value, str) and len(value) == 64 and all(char in "0123456789abcdef" for char in value)


def _is_text(value: object) -> bool:
    return (
        isinstance(value, str)
        and value.strip() == value != ""
        and not any(unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") for char in value)
    )
