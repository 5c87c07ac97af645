"""edgecls train: from a folder of pictures to a model file."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgecls.commands.native_output import held_back
from edgecls.commands.shared_options import image_size_option
from edgecls.commands.status_line import StatusLine
from edgecls.extras import import_from_extra

if TYPE_CHECKING:
    from edgecls.dataset.labelled_pictures import LabelledPictures
    from edgecls.dataset.pixel_cache import CachedPictures
    from edgecls.training.trainer import EpochReport

__all__ = ["train"]


@click.command()
@click.argument("data", metavar="DATA", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--output",
    "-o",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    help="Model file (.onnx) to write.",
)
@click.option("--arch", default="mobilenet_v2", show_default=True, help="Architecture of the network.")
@click.option(
    "--weights",
    default="none",
    show_default=True,
    help="none, imagenet (Keras downloads them), or a weights file of the same architecture.",
)
@image_size_option
@click.option("--color", type=click.Choice(["rgb", "gray"]), default="rgb", show_default=True)
@click.option(
    "--fit",
    type=click.Choice(["stretch", "crop", "pad"]),
    default="crop",
    show_default=True,
    help="How a picture of any shape becomes the network's size.",
)
@click.option("--epochs", type=click.IntRange(min=1), default=20, show_default=True, help="Passes over the pictures.")
@click.option("--batch-size", type=click.IntRange(min=1), default=32, show_default=True)
@click.option(
    "--learning-rate",
    type=click.FloatRange(min=0, min_open=True),
    default=1e-3,
    show_default=True,
    help="Of new layers; pretrained ones get three tenths.",
)
@click.option(
    "--val-split",
    type=click.FloatRange(min=0, max=1, min_open=True, max_open=True),
    default=0.1,
    show_default=True,
    help="Part of the pictures of each label to hold out for choosing the best epoch.",
)
@click.option("--seed", type=click.IntRange(min=0, max=2**32 - 1), default=0, show_default=True)
@click.option(
    "--augment/--no-augment",
    default=True,
    show_default=True,
    help="Show every picture a little differently in each epoch.",
)
def train(
    data: Path,
    output: Path,
    arch: str,
    weights: str,
    image_size: tuple[int, int] | None,
    color: str,
    fit: str,
    epochs: int,
    batch_size: int,
    learning_rate: float,
    val_split: float,
    seed: int,
    augment: bool,
) -> None:
    """Train on DATA, a folder that has one folder of pictures for each label.

    Writes the model file and, beside it, the .keras file it was made from; both whole or neither.
    With pretrained weights, the new layers train alone for the first quarter of the epochs (three
    at most), then all layers train.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with held_back():
        import_from_extra("keras", extra="train", purpose="training")
    from edgecls.image_spec import Color, Fit, ImageSpec
    from edgecls.models import get_architecture
    from edgecls.training.config import TrainConfig
    from edgecls.training.job import Listener, run_training

    side = get_architecture(arch).default_side
    height, width = image_size or (side, side)
    config = TrainConfig(
        image=ImageSpec(height, width, Color(color), Fit(fit)),
        arch=arch,
        weights=weights,
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        validation_fraction=val_split,
        seed=seed,
        augment=augment,
    )
    line = StatusLine()
    listener = Listener(
        on_found=_print_found,
        on_decoded=lambda done, total: line.show(f"decoding pictures {done}/{total}"),
        on_cached=lambda cached, held_out: line.then(_cached_text(cached, held_out)),
        on_batch=lambda done, total, loss, accuracy: line.show(
            f"step {done}/{total}  loss {loss:.4f}  accuracy {accuracy:.4f}"
        ),
        on_epoch=lambda report: line.then(_epoch_text(report)),
        on_exporting=lambda: line.show("exporting and comparing with Keras"),
    )
    result = run_training(data, output, config, listener=listener)
    best = result.trained.best
    line.then(f"best epoch {best.epoch}: validation accuracy {best.validation_accuracy:.4f}")
    click.echo(f"onnxruntime against Keras: {result.export.parity}")
    click.echo(f"wrote {result.onnx_path} ({result.onnx_path.stat().st_size / 1e6:.2f} MB) and {result.keras_path}")


def _print_found(found: "LabelledPictures") -> None:
    for label, count in found.counts.items():
        click.echo(f"{count:7d}  {label}")
    click.echo(f"{len(found.paths):7d}  pictures of {len(found.labels)} labels")


def _cached_text(cached: "CachedPictures", held_out: int) -> str:
    total = len(cached.pixels)
    faults = [f"left out: {error}" for error in cached.failures]
    return "\n".join([*faults, f"training on {total - held_out} pictures, validating on {held_out}"])


def _epoch_text(report: "EpochReport") -> str:
    return (
        f"epoch {report.epoch}/{report.epochs} ({report.stage})  "
        f"loss {report.loss:.4f}  accuracy {report.accuracy:.4f}  "
        f"val_loss {report.validation_loss:.4f}  val_accuracy {report.validation_accuracy:.4f}  "
        f"{report.duration_s:.1f} s{'  best' if report.is_best else ''}"
    )
