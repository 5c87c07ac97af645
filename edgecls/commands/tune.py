"""edgecls tune: how do these models run best on this machine?"""

import json
import os
from pathlib import Path

import click

from edgecls.commands.shared_options import BUNDLED_MODEL, provider_option

__all__ = ["tune"]

PICTURES_MADE = 16  # where none are given
BUSY = 0.3  # load of each core of the host from which on others get in the way


@click.command()
@click.argument("paths", metavar="[MODEL.onnx]... [PICTURES]...", nargs=-1)
@click.option(
    "--seconds",
    type=click.FloatRange(min=1, max=3600),
    default=30,
    show_default=True,
    help="About how long it may take.",
)
@provider_option
@click.option("--format", "output_format", type=click.Choice(["table", "json"]), default="table", show_default=True)
def tune(paths: tuple[str, ...], seconds: float, provider: str, output_format: str) -> None:
    """Measure how model files run best on this machine, and keep the choice for `edgecls run` and `serve`.

    Measured are all providers that work here, or the one asked for, pictures at once, threads and batches, decoding
    included, on noisy JPEGs of 500 x 375 pixels or on PICTURES: files, folders, patterns. Give files of several
    precisions to have them side by side. Without a model, the one that `edgecls run` would take is measured.
    """
    from edgecls.commands.any_text import utf8_stdout
    from edgecls.commands.model_names import model_names
    from edgecls.commands.status_line import StatusLine
    from edgecls.commands.tuning_output import as_dict, table_of
    from edgecls.modelfile import read_model
    from edgecls.runtime.providers import Provider
    from edgecls.runtime.tuning.lookup import choices_folder
    from edgecls.runtime.tuning.pictures import camera_like_jpegs, read_pictures
    from edgecls.runtime.tuning.tune import tune as find_best

    files = [Path(path) for path in paths if path.endswith(".onnx")] or [_usual_model()]
    models = [read_model(path) for path in files]
    digests = [model.network_sha256 for model in models]
    if len(set(digests)) < len(digests):
        raise click.UsageError("two of the model files hold the same network; give each once")
    named = [path for path in paths if not path.endswith(".onnx")]
    pictures, faults = read_pictures(named) if named else (camera_like_jpegs(PICTURES_MADE), [])
    for fault in faults:
        click.echo(f"left out: {fault}", err=True)
    _say_if_busy()
    line = StatusLine()
    try:
        found = find_best(models, pictures, provider=Provider(provider), seconds=seconds, on_progress=line.show)
    finally:
        line.show("")
    for skipped in found.skipped:
        click.echo(f"skipped {skipped}", err=True)
    if found.is_hasty:
        click.echo("too little time for a sure choice; give more --seconds", err=True)
    names = model_names(files)
    if output_format == "json":
        text = json.dumps(as_dict(found, names), ensure_ascii=False, indent=2)
    else:
        text = "\n".join(table_of(found, names))
    utf8_stdout().write(text + "\n")
    found.keep(choices_folder())
    click.echo("'edgecls run' and 'edgecls serve' use this from now on; --no-tuned is the usual way", err=True)


def _usual_model() -> Path:
    return Path(os.environ.get("EDGECLS_MODEL") or BUNDLED_MODEL)


def _say_if_busy() -> None:
    from edgecls.runtime.cores import count_cores

    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    if load > BUSY * count_cores().host:
        click.echo(f"this machine is busy (load {load:.1f}); measure again when it is not", err=True)
