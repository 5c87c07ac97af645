"""The option for familiarity, shared by the commands that make model files, and what they print about it."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from edgecls.errors import ImageError
    from edgecls.model_card import Familiarity
    from edgecls.modelfile import ModelFile

__all__ = ["familiarity_option", "familiarity_text", "say_familiarity", "write_with_familiarity"]

familiarity_option = click.option(
    "--familiarity",
    "familiarity_data",
    metavar="DATA",
    type=click.Path(exists=True, path_type=Path),
    help="Images like those that the network was trained on: a dataset or a folder. The model file then tells images "
    "that are unlike them.",
)


def write_with_familiarity(model: "ModelFile", output: Path, data: Path | None, held_out: Path | None = None) -> None:
    """Write a model file, with a familiarity and a reference from images if there are any, and print what came out.

    Args:
        model: The model file.
        output: Where to write it.
        data: Images like those that it was trained on; None for no familiarity.
        held_out: A dataset that it was not trained on, for the reference; None for the held-out splits of `data`.

    Raises:
        As `familiar_by_folder`; and
        OutputError: The file cannot be written.
    """
    from edgecls.atomic_write import whole_files

    if data is not None:
        model = _with_familiarity(model, data)
    if held_out is not None or data is not None:
        model = _with_reference(model, held_out, data)
    with whole_files(output) as (temporary,):
        temporary.write_bytes(model.onnx)
    click.echo(f"wrote {output} ({len(model.onnx) / 1e6:.2f} MB)")


def _with_familiarity(model: "ModelFile", data: Path) -> "ModelFile":
    from edgecls.commands.terminal import StatusLine
    from edgecls.export.familiarity.images import familiar_by_folder

    line = StatusLine()
    failures: list[ImageError] = []
    try:
        made = familiar_by_folder(
            model,
            data,
            on_failure=failures.append,
            on_progress=lambda done, total: line.show(f"computing features of images {done}/{total}"),
        )
    finally:
        line.show("")
    for error in failures:
        click.echo(f"left out: {error}", err=True)
    if made.card.familiarity is not None:
        click.echo(familiarity_text(made.card.familiarity))
    return made


def _with_reference(model: "ModelFile", held_out: Path | None, data: Path | None) -> "ModelFile":
    from edgecls.commands.terminal import StatusLine
    from edgecls.dataset.formats.read import read_dataset
    from edgecls.errors import DatasetError
    from edgecls.evaluation.evaluate import AUTO, choose_split
    from edgecls.export.reference import held_out_paths, model_with_reference

    if held_out is not None:
        paths = list(choose_split(read_dataset(held_out), AUTO)[1].paths)
    else:
        try:
            paths = held_out_paths(read_dataset(data or Path()))
        except DatasetError:  # a folder of images without class folders
            paths = []
    line = StatusLine()
    try:
        return model_with_reference(
            model, paths, lambda done, total: line.show(f"looking at held-out images {done}/{total}")
        )
    finally:
        line.show("")


def say_familiarity(familiarity: "Familiarity | None", unfamiliar: str | None) -> None:
    """Print the familiarity of a model that was trained, or on standard error why it has none.

    Args:
        familiarity: Of the model file.
        unfamiliar: Why there is none; None if there is one, or it was not to have one.
    """
    if familiarity is not None:
        click.echo(familiarity_text(familiarity))
    elif unfamiliar is not None:
        click.echo(f"without familiarity: {unfamiliar}", err=True)


def familiarity_text(familiarity: "Familiarity") -> str:
    """Return what the threshold of a model file means."""
    return (
        f"images below a familiarity of {familiarity.threshold:.4f} are unknown: {familiarity.accepted:.1%} of "
        f"{familiarity.held_out} images of the training images' kind are above it"
    )
