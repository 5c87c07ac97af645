"""What a trained network's model file says about itself."""

from collections import Counter
from pathlib import Path

import keras

from edgecls.dataset.pixel_cache import CachedPictures
from edgecls.export.export import MAX_GOLDEN_SAMPLES, golden_from
from edgecls.model_card import DatasetFacts, ModelCard
from edgecls.training.config import TrainConfig
from edgecls.training.history import EpochReport
from edgecls.training.pictures import PreparedPictures

__all__ = ["write_card"]

MIN_GOLDEN_SAMPLES = 4  # where there are so many pictures held out


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
    samples = {
        _sample_name(cached, index): cached.pixels[index]
        for index in _choose_golden(cached, pictures.validation_indices)
    }
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


def _sample_name(cached: CachedPictures, index: int) -> str:
    """Return label and file name: a model file that travels says nothing about the folders of its maker."""
    return f"{cached.labels[cached.label_ids[index]]}/{Path(cached.names[index]).name}"


def _choose_golden(cached: CachedPictures, held_out: list[int]) -> list[int]:
    """Return a few pictures held out of training: one of each label while they last, then a second one."""
    seen: Counter[int] = Counter()
    ranked = []
    for index in held_out:
        label = int(cached.label_ids[index])
        ranked.append((seen[label], label, index))
        seen[label] += 1
    count = min(MAX_GOLDEN_SAMPLES, max(MIN_GOLDEN_SAMPLES, len(cached.labels)))
    return [index for _, _, index in sorted(ranked)[:count]]
