"""The settings of a training run."""

from dataclasses import asdict, dataclass
from pathlib import Path

from edgecls.errors import TrainingError
from edgecls.image_spec import ImageSpec

__all__ = ["TrainConfig"]


@dataclass(frozen=True)
class TrainConfig:
    """Everything that a training run depends on beside its pictures.

    Attributes:
        image: The picture the network takes.
        arch: An architecture of the registry.
        weights: "none", "imagenet" or the path of a weights file.
        epochs: Passes over the training pictures, at least 1; with pretrained weights both stages together.
        batch_size: Pictures in one step, at least 1.
        learning_rate: Largest learning rate, above 0, of new layers; pretrained layers get three tenths.
        validation_fraction: Part of each label's pictures held out for choosing the best epoch, above 0, below 1.
        seed: Of the split, the initial weights, the order of pictures and the augmentation.
        augment: Whether each epoch sees every picture slightly turned, shifted, zoomed, mirrored and relit.

    Raises:
        TrainingError: A value is outside its limits.
    """

    image: ImageSpec
    arch: str = "mobilenet_v2"
    weights: str = "none"
    epochs: int = 20
    batch_size: int = 32
    learning_rate: float = 1e-3
    validation_fraction: float = 0.1
    seed: int = 0
    augment: bool = True

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size"):
            if getattr(self, name) < 1:
                raise TrainingError(f"{name.replace('_', ' ')} must be at least 1, got {getattr(self, name)}")
        if not 0 < self.learning_rate < 10:
            raise TrainingError(f"learning rate must be above 0 and below 10, got {self.learning_rate}")
        if not 0 < self.validation_fraction < 1:
            raise TrainingError(f"validation split must be above 0 and below 1, got {self.validation_fraction}")
        if not 0 <= self.seed < 2**32:
            raise TrainingError(f"seed must be from 0 to {2**32 - 1}, got {self.seed}")

    def as_facts(self) -> dict[str, str | float | bool]:
        """Return the settings as the model card records them: without the image, weights by file name only."""
        facts = asdict(self)
        del facts["image"]
        return {**facts, "weights": Path(self.weights).name}
