"""What documents a trained network: its calibration, and the card of its model file."""

from dataclasses import dataclass

import keras
import numpy as np
import numpy.typing as npt

from edgecls.evaluation.calibration import MIN_IMAGES, Calibration, calibrate, choose_unknown_threshold
from edgecls.evaluation.history import EpochReport
from edgecls.export.from_keras.export import golden_from
from edgecls.model_card import DatasetFacts, ModelCard
from edgecls.models import fold_temperature
from edgecls.training.config import TrainConfig
from edgecls.training.images import PreparedImages, golden_images

__all__ = ["CalibratedNetwork", "calibrated", "write_card"]


@dataclass(frozen=True)
class CalibratedNetwork:
    """A calibrated network.

    Attributes:
        network: The network, with its temperature folded in.
        calibration: The effect of the temperature; None if there is none.
        rejected: The effect of a temperature that was fitted and not kept, as it improves nothing; None otherwise.
        unknown_threshold: Probability of the predicted label below which the answer is "unknown"; None for never.
    """

    network: keras.Model
    calibration: Calibration | None
    unknown_threshold: float | None
    rejected: Calibration | None = None

    @property
    def temperature(self) -> float:
        """What the logits are divided by; 1 if nothing was fitted."""
        return 1.0 if self.calibration is None else self.calibration.temperature


def calibrated(network: keras.Model, config: TrainConfig, images: PreparedImages) -> CalibratedNetwork:
    """Fit a temperature on the validation images and choose the unknown threshold, as the settings say.

    With fewer than MIN_IMAGES of them there is no temperature, and no threshold except a given one. A temperature that
    does not improve both loss and calibration error, on images that it was not fitted on, is not kept either.

    Args:
        network: In float32; not changed.
        config: The settings.
        images: Of which the validation images are used.
    """
    enough = len(images.validation_indices) >= MIN_IMAGES
    wants_threshold = config.unknown_threshold == "auto"
    threshold = config.unknown_threshold if isinstance(config.unknown_threshold, float | int) else None
    calibration = rejected = None
    if enough and (config.calibrate or wants_threshold):
        label_ids = images.cached.label_ids[images.validation_indices]
        if config.calibrate:
            with np.errstate(divide="ignore"):
                fitted = calibrate(np.log(_probabilities(network, config, images)), label_ids)
            calibration, rejected = (fitted, None) if fitted.improves else (None, fitted)
            if calibration is not None:
                network = fold_temperature(network, calibration.temperature)
        if wants_threshold:
            threshold = choose_unknown_threshold(_probabilities(network, config, images), label_ids)
    return CalibratedNetwork(network, calibration, threshold, rejected)


def _probabilities(network: keras.Model, config: TrainConfig, images: PreparedImages) -> npt.NDArray[np.float32]:
    return np.concatenate([network.predict_on_batch(pixels) for pixels, _ in images.held_out(config.batch_size)])


def write_card(
    name: str,
    config: TrainConfig,
    images: PreparedImages,
    model: CalibratedNetwork,
    best: EpochReport,
    *,
    weights_from: str = "",
) -> ModelCard:
    """Return the card of a network.

    Args:
        name: Of the model.
        config: The settings it was trained with.
        images: What it was trained on; its golden samples are some of the validation images.
        model: The network that is exported.
        best: The epoch its weights are of.
        weights_from: Where the weights came from that training started with, for users.

    Raises:
        ExportError: The outputs are not probabilities.
    """
    cached = images.cached
    samples = golden_images(cached, images.validation_indices)
    metrics = {
        "validation_accuracy": round(best.validation_accuracy, 6),
        "validation_loss": round(best.validation_loss, 6),
        "best_epoch": best.epoch,
    }
    if model.calibration is not None:
        metrics["validation_loss"] = round(model.calibration.loss_after, 6)
        metrics["validation_calibration_error"] = round(model.calibration.error_after, 6)
    return ModelCard(
        name=name,
        labels=cached.labels,
        image=config.image,
        architecture=config.arch,
        golden=golden_from(model.network, samples),
        temperature=model.temperature,
        unknown_threshold=model.unknown_threshold,
        metrics=metrics,
        training={**config.as_facts(), **({"weights_from": weights_from} if weights_from else {})},
        dataset=DatasetFacts(
            sha256=cached.sha256,
            train_images=len(images.train_indices),
            validation_images=len(images.validation_indices),
            images_per_label=cached.counts,
        ),
    )
