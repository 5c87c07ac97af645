"""The group `edgecls data`: work on images before training, one command per file."""

import click

from edgecls.commands.lazy_group import LazyGroup

__all__ = ["data"]


@click.group(
    cls=LazyGroup,
    package="edgecls.commands.data",
    names=("augment", "check", "collect", "pick", "review", "show", "split", "stats"),
    short_help="Collect, check, divide and augment datasets.",
)
def data() -> None:
    """Collect, check, describe, split and augment images for training."""
