"""The settings of quick training."""

from dataclasses import dataclass

from edgecls.dataset.splits.rare_labels import RareLabels
from edgecls.errors import TrainingError
from edgecls.export.familiarity.backbone import BUNDLED_SIDE
from edgecls.image_spec import Fit, ImageSpec
from edgecls.models.classical.features import Features

__all__ = ["ARCH", "CROSS_VALIDATED", "USUAL_FRACTION", "QuickConfig"]

ARCH = "linear"
"""The classical model that the head is."""

CROSS_VALIDATED = 1000
"""Images up to which none is held out: the head is fitted to all of them, and judged by cross-validation."""

USUAL_FRACTION = 0.1
"""Of the images of each label, held out of more images."""


@dataclass(frozen=True)
class QuickConfig:
    """All settings of quick training.

    Attributes:
        fit: How an image of any shape is brought to the size of the backbone.
        validation_fraction: Fraction of each label's images held out for validation, above 0, below 1; None for
            USUAL_FRACTION of more than CROSS_VALIDATED images, and for cross-validation of fewer.
        rare_labels: What to do with labels that have too few images for that.
        seed: Of the split and the cross-validation.
        augment: Whether the head is fitted to other views of the images too, if there are not too many of them.
        flip: Whether such views are mirrored left to right; as there are no others, it is as good as `augment`.
        balanced: Whether images of rare labels count more.
        calibrate: Whether the probabilities are calibrated on the validation images, or by cross-validation.
        unknown_threshold: "none", "auto" (chosen on the same), or the probability, above 0 and below 1, under which an
            answer is "unknown".
        familiarity: Whether the model file judges how much an image is like the training images.

    Raises:
        TrainingError: A value is outside its limits.
    """

    fit: Fit = Fit.CROP
    validation_fraction: float | None = None
    rare_labels: RareLabels = RareLabels.REFUSE
    seed: int = 0
    augment: bool = True
    flip: bool = True
    balanced: bool = False
    calibrate: bool = True
    unknown_threshold: str | float = "none"
    familiarity: bool = True

    def __post_init__(self) -> None:
        if self.validation_fraction is not None and not 0 < self.validation_fraction < 1:
            raise TrainingError(f"validation split must be above 0 and below 1, got {self.validation_fraction}")
        if not 0 <= self.seed < 2**32:
            raise TrainingError(f"seed must be from 0 to {2**32 - 1}, got {self.seed}")
        threshold = self.unknown_threshold
        if not (threshold in ("none", "auto") if isinstance(threshold, str) else 0 < threshold < 1):
            raise TrainingError(
                f"unknown threshold must be none, auto, or a probability above 0 and below 1, got {threshold}"
            )

    @property
    def image(self) -> ImageSpec:
        """The input image of the model."""
        return ImageSpec(BUNDLED_SIDE, BUNDLED_SIDE, fit=self.fit)

    def as_facts(self) -> dict[str, str | float | bool]:
        """Return the settings as the model card records them: without the image."""
        return {
            "arch": ARCH,
            "features": str(Features.BACKBONE),
            "augment": self.augment,
            "augmentation_flip": self.augment and self.flip,
            "class_weights": "balanced" if self.balanced else "none",
            "validation_fraction": "auto" if self.validation_fraction is None else self.validation_fraction,
            "rare_labels": str(self.rare_labels),
            "seed": self.seed,
            "calibrate": self.calibrate,
            "unknown_threshold": self.unknown_threshold,
        }
