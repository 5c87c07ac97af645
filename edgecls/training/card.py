"""What a trained network's model file says about itself."""

from edgecls.export.export import golden_from
from edgecls.model_card import DatasetFacts, ModelCard
from edgecls.training.calibrated import CalibratedNetwork
from edgecls.training.config import TrainConfig
from edgecls.training.golden_choice import golden_pictures
from edgecls.training.history import EpochReport
from edgecls.training.pictures import PreparedPictures

__all__ = ["write_card"]


def write_card(
    name: str, config: TrainConfig, pictures: PreparedPictures, model: CalibratedNetwork, best: EpochReport
) -> ModelCard:
    """Return the card of a network.

    Args:
        name: Of the model.
        config: The settings it was trained with.
        pictures: What it was trained on; its golden samples are some of those held out.
        model: The network that is exported.
        best: What its epoch came to.

    Raises:
        ExportError: The answers are no probabilities.
    """
    cached = pictures.cached
    samples = golden_pictures(cached, pictures.validation_indices)
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
        training=config.as_facts(),
        dataset=DatasetFacts(
            sha256=cached.sha256,
            train_images=len(pictures.train_indices),
            validation_images=len(pictures.validation_indices),
            images_per_label=cached.counts,
        ),
    )
