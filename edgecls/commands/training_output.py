"""What every kind of training prints about its pictures."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from edgecls.commands.any_text import on_one_line

if TYPE_CHECKING:
    from edgecls.dataset.forms.labelled_pictures import Dataset
    from edgecls.training.pictures import PreparedPictures

__all__ = ["found_text", "prepared_text", "print_remarks"]


def found_text(dataset: "Dataset") -> str:
    """Return a line for each label with its number of pictures, and one for all."""
    found = dataset.whole
    lines = [f"{count:7d}  {label}" for label, count in found.counts.items()]
    return "\n".join([*lines, f"{len(found.paths):7d}  pictures of {len(found.labels)} labels"])


def print_remarks(remarks: Sequence[str]) -> None:
    """Print what is worth knowing before training to standard error, a line each."""
    for remark in remarks:
        click.echo(on_one_line(f"note: {remark}"), err=True)


def prepared_text(pictures: "PreparedPictures") -> str:
    """Return a line for each picture that cannot be used, and one on what the others are for."""
    faults = [f"left out: {error}" for error in pictures.cached.failures]
    counts = len(pictures.train_indices), len(pictures.validation_indices)
    return "\n".join([*faults, "training on {} pictures, validating on {}".format(*counts)])
