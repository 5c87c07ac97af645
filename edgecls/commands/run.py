"""edgecls run: classify pictures."""

import sys
from pathlib import Path

import click

from edgecls.commands.shared_options import limits_option, model_option, provider_option, unknown_threshold_option

__all__ = ["run"]


@click.command()
@click.argument("paths", metavar="PATH...", nargs=-1, required=True)
@model_option
@click.option("--top", metavar="K", type=click.IntRange(min=1), default=1, show_default=True, help="Labels to print.")
@click.option(
    "--format",
    "output_format",
    type=click.Choice(["table", "json", "csv"]),
    default="table",
    show_default=True,
    help="json is one object a line, for errors too.",
)
@provider_option
@click.option(
    "--threads",
    type=click.IntRange(min=1),
    show_default="the cores this process may use",
    help="Pictures to work on at once.",
)
@unknown_threshold_option
@limits_option
def run(
    paths: tuple[str, ...],
    model: Path,
    top: int,
    output_format: str,
    provider: str,
    threads: int | None,
    unknown_threshold: float | None,
    max_megapixels: float,
) -> None:
    """Classify pictures: files, folders (with all below them), patterns, or - for standard input.

    A picture that cannot be used is reported on its line and the rest go on; the exit code is then 1.
    """
    from edgecls.commands.prediction_output import make_writer
    from edgecls.commands.provider_notice import announce_provider
    from edgecls.errors import EdgeclsError
    from edgecls.image import DEFAULT_LIMITS, ImageLimits
    from edgecls.runtime.classifier import load
    from edgecls.runtime.cores import usable_cores
    from edgecls.runtime.sources import find_sources
    from edgecls.runtime.stream import classify_stream

    limits = ImageLimits(DEFAULT_LIMITS.max_bytes, int(max_megapixels * 1e6))
    classifier = load(model, provider, limits=limits, unknown_threshold=unknown_threshold)
    announce_provider(classifier)
    sources = find_sources(paths)
    names = [source.name for source in sources]
    writer = make_writer(output_format, classifier.answers, names, top=min(top, len(classifier.card.labels)))
    failed = 0
    for outcome in classify_stream(classifier, sources, workers=threads or usable_cores()):
        writer.write(outcome)
        failed += isinstance(outcome.result, EdgeclsError)
    if failed:
        if output_format == "table" and len(sources) > 1:
            click.echo(f"{failed} of {len(sources)} pictures could not be classified", err=True)
        sys.exit(1)
