"""Options that say how far augmented pictures may differ from their originals."""

from collections.abc import Callable
from typing import Any

import click

__all__ = ["warp_options"]

_OPTIONS = (
    click.option(
        "--rotation",
        type=click.FloatRange(0, 180),
        default=15,
        show_default=True,
        help="Degrees to turn by at most, either way.",
    ),
    click.option(
        "--shift",
        type=click.FloatRange(0, 1, max_open=True),
        default=0.1,
        show_default=True,
        help="Part of width and height to move by at most.",
    ),
    click.option(
        "--shear", type=click.FloatRange(0, 60), default=10, show_default=True, help="Degrees to lean by at most."
    ),
    click.option(
        "--zoom",
        type=click.FloatRange(0, 1, max_open=True),
        default=0.1,
        show_default=True,
        help="Part to grow or shrink by at most.",
    ),
    click.option("--flip/--no-flip", default=True, show_default=True, help="Mirror half of them, left to right."),
)


def warp_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options --rotation, --shift, --shear, --zoom and --flip."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command
