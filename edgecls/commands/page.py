"""edgecls page: a model as one HTML file that runs in any browser."""

from pathlib import Path

import click

from edgecls.commands.options import ModelPath

__all__ = ["page"]


@click.command(short_help="Write a model as one HTML file that runs in any browser.")
@click.argument("model", type=ModelPath())
@click.option(
    "--output",
    "-o",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    help="HTML file to write.",
)
@click.option(
    "--runtime",
    "archive",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The npm package of onnxruntime-web as a file, for machines without a network.",
)
def page(model: Path, output: Path, archive: Path | None) -> None:
    """Write MODEL as one HTML file that classifies images in a browser: no server, no installation, no network.

    Open it from the disk, send it by mail, or put it on any web server. It runs the model's golden samples when it is
    opened, and says so if the browser fails them. onnxruntime-web is fetched with npm the first time.
    """
    from edgecls.atomic_write import check_writable, whole_files
    from edgecls.commands.terminal import StatusLine
    from edgecls.modelfile import read_model
    from edgecls.page.browser_runtime import browser_runtime
    from edgecls.page.one_file import one_file_page

    check_writable(output)
    source = read_model(model)
    line = StatusLine()
    line.show("preparing onnxruntime-web")
    try:
        content = one_file_page(source, browser_runtime(archive))
    finally:
        line.show("")
    with whole_files(output) as (staged,):
        staged.write_bytes(content)
    click.echo(f"wrote {output} ({len(content) / 1e6:.1f} MB): open it in a browser")
