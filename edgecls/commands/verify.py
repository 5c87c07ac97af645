"""edgecls verify: does a model give the same answers on this machine as when it was made?"""

import json
import sys
from dataclasses import asdict
from pathlib import Path

import click

from edgecls.commands.options import ModelPath, provider_option

__all__ = ["verify"]


@click.command(short_help="Check that a model answers here as when it was made.")
@click.argument("model", type=ModelPath())
@provider_option
@click.option("--format", "output_format", type=click.Choice(["table", "json"]), default="table", show_default=True)
def verify(model: Path, provider: str, output_format: str) -> None:
    """Run the golden samples of a model file on this machine.

    Passes, with exit code 0, if every probability, and the familiarity where the model judges it, is within
    the file's tolerance of what the trained network gave; else fails with exit code 1.
    """
    from edgecls.commands.terminal import announce_provider
    from edgecls.runtime.opening import load

    classifier = load(model, provider)
    announce_provider(classifier)
    results = classifier.verify()
    failed = [result for result in results if not result.passed]
    worst = max((result for result in results if result.label is not None), key=lambda result: result.severity)
    least_alike = max(
        (result for result in results if result.label is None), key=lambda result: result.severity, default=None
    )
    if output_format == "json":
        summary = {
            "model": str(model),
            "provider": classifier.provider.value,
            "passed": not failed,
            "tolerance": worst.tolerance,
            "largest_difference": worst.difference,
            "familiarity": None
            if least_alike is None
            else {"tolerance": least_alike.tolerance, "largest_difference": least_alike.difference},
            "results": [{**asdict(result), "passed": result.passed} for result in results],
        }
        click.echo(json.dumps(summary, ensure_ascii=False, indent=2))
    else:
        for result in failed:
            click.echo(str(result))
        verdict = "failed" if failed else "passed"
        click.echo(
            f"{verdict}: {len(failed) or len(results)} of {len(results)} checks of "
            f"{len(classifier.card.golden.samples)} golden samples on {classifier.provider}, "
            f"largest difference {worst.difference:.2g} (tolerance {worst.tolerance:.2g})"
            + (
                ""
                if least_alike is None
                else f", of familiarity {least_alike.difference:.2g} (tolerance {least_alike.tolerance:.2g})"
            )
        )
    if failed:
        sys.exit(1)
