"""The settings of a training run."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from pathlib import Path

from edgecls.dataset.cache_kind import Cache
from edgecls.dataset.splits.rare_labels import RareLabels
from edgecls.errors import TrainingError
from edgecls.image_spec import ImageSpec

__all__ = ["Augmentation", "ClassWeights", "Device", "MixedPrecision", "Schedule", "TrainConfig"]


class Schedule(StrEnum):
    """How the learning rate changes within a stage.

    COSINE: falls to zero along half a cosine wave, step by step.
    PLATEAU: falls by a factor when the validation loss has stopped falling.
    CONSTANT: does not change.
    """

    COSINE = "cosine"
    PLATEAU = "plateau"
    CONSTANT = "constant"


class ClassWeights(StrEnum):
    """Weight of the images of a label in the loss: all equal, or larger for rare labels."""

    NONE = "none"
    BALANCED = "balanced"


class MixedPrecision(StrEnum):
    """Whether arithmetic is in float16 while weights stay in float32; auto does so on a GPU."""

    AUTO = "auto"
    ON = "on"
    OFF = "off"


class Device(StrEnum):
    """What to train on; auto uses all GPUs, or the CPU if there is none."""

    AUTO = "auto"
    CPU = "cpu"
    GPU = "gpu"


@dataclass(frozen=True)
class Augmentation:
    """How images are changed at random in every epoch; each amount is drawn for each image.

    Attributes:
        flip: Whether half of the images are mirrored left to right.
        rotation: Largest rotation in degrees, in either direction, 0 to 180.
        shift: Largest shift in either direction, as a fraction of the side, 0 to 1.
        zoom: Largest zoom in or out, as a fraction of the side, from 0 to below 1.
        brightness: Largest change of all values, as a fraction of their range, 0 to 1.
        contrast: Largest change of contrast, 0 to 1.

    Raises:
        TrainingError: A value is outside its limits.
    """

    flip: bool = True
    rotation: float = 20.0
    shift: float = 0.1
    zoom: float = 0.2
    brightness: float = 0.15
    contrast: float = 0.2

    def __post_init__(self) -> None:
        for name, largest in (("rotation", 180), ("shift", 1), ("brightness", 1), ("contrast", 1)):
            value = getattr(self, name)
            if not 0 <= value <= largest:
                raise TrainingError(f"augmentation.{name} must be from 0 to {largest}, got {value}")
        if not 0 <= self.zoom < 1:
            raise TrainingError(f"augmentation.zoom must be from 0 to below 1, got {self.zoom}")


@dataclass(frozen=True)
class TrainConfig:
    """All settings of a training run.

    Attributes:
        image: The input image of the network.
        arch: An architecture of the registry.
        weights: "auto" for the published ones of ImageNet where they can be had, else random ones; "imagenet" for the
            published ones or an error, "package" and "keras" for those of one source; "none" for random ones; or the
            path of a weights file.
        variant: "torchvision" for the network as torchvision builds it; None for the one that the weights need.
        head: The classification head; None for the default of the architecture, as with the two below.
        dropout: Dropout rate, 0 to below 1.
        hidden_units: Width of a dense layer before the classification; 0 for none.
        epochs: Number of epochs, at least 1; with pretrained weights both stages together.
        batch_size: Images per step, at least 1.
        learning_rate: Largest learning rate, above 0, of new layers.
        backbone_factor: Learning rate of pretrained layers as a fraction of that of new ones, above 0, at most 1.
        keep_features: Weight, in the loss, of how far the features of an image turn away from those of the pretrained
            network (1 - cosine), at least 0; without pretrained weights there is nothing to keep.
        schedule: How the learning rate changes: "cosine", "plateau" or "constant".
        plateau_patience: Epochs without a lower loss after which "plateau" lowers the learning rate.
        plateau_factor: Factor by which "plateau" lowers the learning rate, above 0 and below 1.
        early_stopping_patience: Epochs without an improvement after which training ends; 0 to never end early.
        label_smoothing: Fraction of the target probability that is spread over all labels, from 0 to below 1.
        class_weights: "none", or "balanced" to give the images of rare labels a larger weight.
        augment: Whether images are changed at random in every epoch.
        augmentation: By how much.
        mixed_precision: "auto" (on GPUs), "on" or "off".
        device: "auto", "cpu" or "gpu".
        cache: Where decoded images are kept: "auto", "memory", "disk" or "stream" (nowhere).
        validation_fraction: Fraction of each label's images held out for validation, above 0, below 1.
        rare_labels: What to do with labels that have too few images for that: "refuse" (no training), "keep_in_train"
            (nothing of them is held out) or "leave_out".
        seed: Of the split, the initial weights, the order of images and the augmentation.
        calibrate: Whether the probabilities are calibrated on the validation images.
        unknown_threshold: "none", "auto" (chosen on the validation images), or the probability, above 0 and
            below 1, under which an answer is "unknown".
        familiarity: Whether the model file judges how much an image is like the training images.

    Raises:
        TrainingError: A value is outside its limits.
    """

    image: ImageSpec
    arch: str = "efficientnet_lite0"
    weights: str = "auto"
    variant: str | None = None
    head: str | None = None
    dropout: float | None = None
    hidden_units: int | None = None
    epochs: int = 20
    batch_size: int = 32
    learning_rate: float = 1e-3
    backbone_factor: float = 0.3
    keep_features: float = 3.0
    schedule: Schedule = Schedule.COSINE
    plateau_patience: int = 3
    plateau_factor: float = 0.5
    early_stopping_patience: int = 0
    label_smoothing: float = 0.0
    class_weights: ClassWeights = ClassWeights.NONE
    augment: bool = True
    augmentation: Augmentation = field(default_factory=Augmentation)
    mixed_precision: MixedPrecision = MixedPrecision.AUTO
    device: Device = Device.AUTO
    cache: Cache = Cache.AUTO
    validation_fraction: float = 0.1
    seed: int = 0
    rare_labels: RareLabels = RareLabels.REFUSE
    calibrate: bool = True
    unknown_threshold: str | float = "none"
    familiarity: bool = True

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "plateau_patience"):
            self._require(name, getattr(self, name) >= 1, "at least 1")
        self._require("learning_rate", 0 < self.learning_rate < 10, "above 0 and below 10")
        self._require("backbone_factor", 0 < self.backbone_factor <= 1, "above 0 and at most 1")
        self._require("keep_features", 0 <= self.keep_features <= 1000, "from 0 to 1000")
        self._require("plateau_factor", 0 < self.plateau_factor < 1, "above 0 and below 1")
        self._require("early_stopping_patience", self.early_stopping_patience >= 0, "at least 0")
        self._require("label_smoothing", 0 <= self.label_smoothing < 1, "from 0 to below 1")
        if not 0 < self.validation_fraction < 1:
            raise TrainingError(f"validation split must be above 0 and below 1, got {self.validation_fraction}")
        if self.dropout is not None:
            self._require("dropout", 0 <= self.dropout < 1, "from 0 to below 1")
        if self.hidden_units is not None:
            self._require("hidden_units", self.hidden_units >= 0, "at least 0")
        self._require("seed", 0 <= self.seed < 2**32, f"from 0 to {2**32 - 1}")
        for name, kind in (
            ("schedule", Schedule),
            ("class_weights", ClassWeights),
            ("rare_labels", RareLabels),
            ("mixed_precision", MixedPrecision),
            ("device", Device),
            ("cache", Cache),
        ):
            try:
                object.__setattr__(self, name, kind(getattr(self, name)))
            except ValueError:
                self._require(name, False, f"one of {', '.join(kind)}")
        threshold = self.unknown_threshold
        self._require(
            "unknown_threshold",
            threshold in ("none", "auto") if isinstance(threshold, str) else 0 < threshold < 1,
            "none, auto, or a probability above 0 and below 1",
        )

    def _require(self, name: str, fulfilled: bool, limits: str) -> None:
        value = getattr(self, name)
        if not fulfilled or (isinstance(value, float) and not math.isfinite(value)):
            raise TrainingError(f"{name.replace('_', ' ')} must be {limits}, got {value}")

    def as_facts(self) -> dict[str, str | float | bool]:
        """Return the settings as the model card records them: without the image, weights by file name only."""
        facts = asdict(self)
        del facts["image"]
        amounts = facts.pop("augmentation")
        if self.augment:
            facts.update({f"augmentation_{name}": value for name, value in amounts.items()})
        facts["weights"] = Path(self.weights).name
        return {
            name: str(value) if isinstance(value, StrEnum) else value
            for name, value in facts.items()
            if value is not None
        }

    def differences(self, other: "TrainConfig") -> Mapping[str, tuple[object, object]]:
        """Return the settings in which two runs differ, by name, with both values.

        Where images are kept, what they are trained on (`cache`, `device`) and whether the model file judges
        `familiarity` are not compared: they do not change the trained network.
        """
        return {
            setting.name: (getattr(self, setting.name), getattr(other, setting.name))
            for setting in fields(self)
            if setting.name not in ("cache", "device", "familiarity")
            and getattr(self, setting.name) != getattr(other, setting.name)
        }
