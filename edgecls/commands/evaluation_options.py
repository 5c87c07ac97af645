"""Options of the commands that evaluate models."""

import click

__all__ = ["ignore_option", "part_option"]

part_option = click.option(
    "--part",
    type=click.Choice(["auto", "test", "val", "train", "all"]),
    default="auto",
    show_default="test if there is one, else val, else all",
    help="Which part of DATA to measure on.",
)

ignore_option = click.option(
    "--ignore-unknown-labels", is_flag=True, help="Leave out pictures whose label the model does not know."
)
