"""What a trained network's model file says about itself."""

import keras

from edgecls.export.export import golden_from
from edgecls.model_card import DatasetFacts, ModelCard
from edgecls.training.config import TrainConfig
from edgecls.training.golden_choice import golden_pictures
from edgecls.training.history import EpochReport
from edgecls.training.pictures import PreparedPictures

__all__ = ["write_card"]


def write_card(
    name: str, config: TrainConfig, pictures: PreparedPictures, network: keras.Model, best: EpochReport
) -> ModelCard:
    """Return the card of a network.

    Args:
        name: Of the model.
        config: The settings it was trained with.
        pictures: What it was trained on; its golden samples are some of those held out.
        network: The network that is exported, for the answers of the golden samples.
        best: What its epoch came to.

    Raises:
        ExportError: The answers are no probabilities.
    """
    cached = pictures.cached
    samples = golden_pictures(cached, pictures.validation_indices)
    return ModelCard(
        name=name,
        labels=cached.labels,
        image=config.image,
        architecture=config.arch,
        golden=golden_from(network, samples),
        metrics={
            "validation_accuracy": round(best.validation_accuracy, 6),
            "validation_loss": round(best.validation_loss, 6),
            "best_epoch": best.epoch,
        },
        training=config.as_facts(),
        dataset=DatasetFacts(
            sha256=cached.sha256,
            train_images=len(pictures.train_indices),
            validation_images=len(pictures.validation_indices),
            images_per_label=cached.counts,
        ),
    )
