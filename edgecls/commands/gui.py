"""edgecls gui: the desktop app."""

import os
import sys
from pathlib import Path

import click

from edgecls.commands.options import provider_option

__all__ = ["gui"]


@click.command(short_help="Open the desktop app.")
@click.argument("arguments", metavar="[MODEL] [PATH]...", nargs=-1, type=click.Path())
@provider_option
@click.option(
    "--teach",
    "teach_folder",
    metavar="DIR",
    type=click.Path(file_okay=False),
    help='Open the tab "Teach" on this folder: a dataset with a folder of images for each class, or an empty one.',
)
@click.pass_context
def gui(ctx: click.Context, /, arguments: tuple[str, ...], provider: str, teach_folder: str | None) -> None:
    """Open a window that classifies images and teaches models, and in which answers are corrected, sorted, exported.

    MODEL is a model file that ends in .onnx; without it, the one that was used last. PATH is an image or a folder.
    """
    from edgecls.desktop.display import check_display
    from edgecls.errors import ImageReadError

    model = Path(arguments[0]).absolute() if arguments and arguments[0].lower().endswith(".onnx") else None
    paths = arguments if model is None else arguments[1:]
    for path in paths:
        if not os.path.lexists(path):
            raise ImageReadError(f"cannot open {path!r}: no such file or folder; check the path")
    check_display()
    if model is not None:
        from edgecls.modelfile import read_model

        read_model(model)  # a missing or damaged one is said here, where it was named
    from edgecls.desktop.app import run

    is_named = ctx.get_parameter_source("provider") is not click.core.ParameterSource.DEFAULT
    sys.exit(run(model=model, paths=paths, provider=provider if is_named else None, teach_folder=teach_folder))
