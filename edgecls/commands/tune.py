"""edgecls tune: how do these models run best on this machine?"""

import json

import click

from edgecls.commands.shared_options import provider_option

__all__ = ["tune"]


@click.command()
@click.argument("paths", metavar="[MODEL.onnx]... [PICTURES]...", nargs=-1, type=click.Path())
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
    from edgecls.commands.busy_machine import say_if_busy
    from edgecls.commands.measured_files import read_measured_files
    from edgecls.commands.model_names import model_names
    from edgecls.commands.status_line import StatusLine
    from edgecls.commands.tuning_output import as_dict, table_of
    from edgecls.runtime.execution.providers import Provider
    from edgecls.runtime.tuning.lookup import choices_folder
    from edgecls.runtime.tuning.tune import tune as find_best

    folder = choices_folder()
    if folder is None:
        raise click.ClickException("there is no place to keep the choice: the user has no home; set XDG_CACHE_HOME")
    given = read_measured_files(paths)
    say_if_busy()
    line = StatusLine()
    try:
        found = find_best(
            given.models, given.pictures, provider=Provider(provider), seconds=seconds, on_progress=line.show
        )
    finally:
        line.show("")
    for skipped in found.skipped:
        click.echo(f"skipped {skipped}", err=True)
    if found.is_hasty:
        click.echo("too little time for a sure choice; give more --seconds", err=True)
    names = model_names(given.paths)
    if output_format == "json":
        text = json.dumps(as_dict(found, names), ensure_ascii=False, indent=2)
    else:
        text = "\n".join(table_of(found, names))
    utf8_stdout().write(text + "\n")
    found.keep(folder)
    click.echo("'edgecls run' and 'edgecls serve' use this from now on; --no-tuned is the usual way", err=True)
