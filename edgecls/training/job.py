"""A training run from a folder of pictures to a .keras and a .onnx file."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from edgecls.atomic_write import check_writable, whole_files
from edgecls.dataset.class_folders import read_class_folders
from edgecls.dataset.labelled_pictures import LabelledPictures
from edgecls.dataset.partition import partition
from edgecls.dataset.pixel_cache import CachedPictures, cache_pictures
from edgecls.errors import OutputError
from edgecls.export.export import MAX_GOLDEN_SAMPLES, Export, export_float32, golden_from
from edgecls.export.keras_file import save_keras
from edgecls.model_card import DatasetFacts, ModelCard
from edgecls.runtime.cores import usable_cores
from edgecls.training.config import TrainConfig
from edgecls.training.trainer import EpochReport, TrainedNetwork, build_network, train

__all__ = ["Listener", "TrainingResult", "run_training"]

MIN_GOLDEN_SAMPLES = 4  # where there are so many pictures held out


@dataclass(frozen=True)
class Listener:
    """Whom to tell how far a training run is; each function does nothing by default.

    Attributes:
        on_found: The pictures that were found.
        on_decoded: Number of pictures decoded, number of all.
        on_cached: The pictures that can be used, and how many are held out.
        on_batch: Steps done, all steps of the epoch, loss and accuracy so far.
        on_epoch: What an epoch came to.
        on_exporting: Training is over, the export begins.
    """

    on_found: Callable[[LabelledPictures], None] = field(default=lambda found: None)
    on_decoded: Callable[[int, int], None] = field(default=lambda done, total: None)
    on_cached: Callable[[CachedPictures, int], None] = field(default=lambda cached, held_out: None)
    on_batch: Callable[[int, int, float, float], None] = field(default=lambda done, total, loss, accuracy: None)
    on_epoch: Callable[[EpochReport], None] = field(default=lambda report: None)
    on_exporting: Callable[[], None] = field(default=lambda: None)


@dataclass(frozen=True)
class TrainingResult:
    """What a training run made."""

    trained: TrainedNetwork
    export: Export
    onnx_path: Path
    keras_path: Path


def run_training(
    data: Path,
    onnx_path: Path,
    config: TrainConfig,
    *,
    listener: Listener | None = None,
) -> TrainingResult:
    """Train on a folder of pictures and write the model, as .onnx and, beside it, as .keras.

    Both files are written whole or not at all, and only if the exported network answers like the
    trained one.

    Args:
        data: A folder with one folder of pictures for each label.
        onnx_path: Where to write; must end in .onnx.
        config: The settings.
        listener: Whom to tell how far it is.

    Raises:
        OutputError: The files cannot be written there; found out before training where possible.
        DatasetError: The folder cannot be trained on.
        ModelConfigError: The architecture cannot be built so.
        TrainingError: The loss became infinite or NaN.
        ExportError: The exported network does not answer like the trained one.
    """
    listener = listener or Listener()
    if onnx_path.suffix != ".onnx":
        raise OutputError(f"the model file must end in .onnx, got {str(onnx_path)!r}")
    keras_path = onnx_path.with_suffix(".keras")
    check_writable(onnx_path)
    check_writable(keras_path)
    found = read_class_folders(data)
    listener.on_found(found)
    network = build_network(config, num_classes=len(found.labels))  # before the pictures: it may not work out
    cached = cache_pictures(found, config.image, workers=usable_cores(), on_progress=listener.on_decoded)
    train_indices, held_out = partition(
        cached.label_ids.tolist(),
        range(len(cached.label_ids)),
        (1 - config.validation_fraction, config.validation_fraction),
        config.seed,
        labels=cached.labels,
    )
    listener.on_cached(cached, len(held_out))
    trained = train(
        config,
        network,
        cached,
        train_indices=train_indices,
        validation_indices=held_out,
        on_epoch=listener.on_epoch,
        on_batch=listener.on_batch,
    )
    listener.on_exporting()
    card = _card(onnx_path.stem, config, cached, trained, data, len(train_indices), held_out)
    export = export_float32(trained.network, card)
    with whole_files(keras_path, onnx_path) as (temporary_keras, temporary_onnx):
        save_keras(temporary_keras, trained.network, export.card)
        temporary_onnx.write_bytes(export.onnx)
    return TrainingResult(trained, export, onnx_path, keras_path)


def _card(
    name: str,
    config: TrainConfig,
    cached: CachedPictures,
    trained: TrainedNetwork,
    data: Path,
    train_images: int,
    held_out: list[int],
) -> ModelCard:
    samples = {
        Path(cached.names[index]).relative_to(data).as_posix(): cached.pixels[index]
        for index in _choose_golden(cached, held_out)
    }
    best = trained.best
    return ModelCard(
        name=name,
        labels=cached.labels,
        image=config.image,
        architecture=config.arch,
        golden=golden_from(trained.network, samples),
        metrics={
            "validation_accuracy": round(best.validation_accuracy, 6),
            "validation_loss": round(best.validation_loss, 6),
            "best_epoch": best.epoch,
        },
        training=config.as_facts(),
        dataset=DatasetFacts(
            sha256=cached.sha256,
            train_images=train_images,
            validation_images=len(held_out),
            images_per_label=cached.counts,
        ),
    )


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
