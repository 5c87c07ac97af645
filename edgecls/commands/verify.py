"""edgecls verify: does a model give the same answers on this machine as when it was made?"""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgecls.commands.options import ModelPath, provider_option

if TYPE_CHECKING:
    from edgecls.runtime.golden import GoldenResult

__all__ = ["verify"]


@click.command(short_help="Check that a model answers here as when it was made.")
@click.argument("model", type=ModelPath())
@provider_option
@click.option("--format", "output_format", type=click.Choice(["table", "json"]), default="table", show_default=True)
def verify(model: Path, provider: str, output_format: str) -> None:
    """Run the golden samples of a model file on this machine.

    Passes, with exit code 0, if every probability and, where the file has it, every familiarity is
    within the file's tolerance of what the trained network gave; else fails with exit code 1.
    """
    from edgecls.commands.terminal import announce_provider
    from edgecls.runtime.golden import worst_of
    from edgecls.runtime.opening import load

    classifier = load(model, provider)
    announce_provider(classifier)
    results = classifier.verify()
    failed = [result for result in results if not result.passed]
    probability = worst_of(result for result in results if result.label is not None)
    familiarity = [result for result in results if result.label is None]
    unfamiliar = worst_of(familiarity) if familiarity else None
    if output_format == "json":
        summary = {
            "model": str(model),
            "provider": classifier.provider.value,
            "passed": not failed,
            "tolerance": probability.tolerance,
            "largest_difference": probability.difference,
            "familiarity": unfamiliar
            and {"tolerance": unfamiliar.tolerance, "largest_difference": unfamiliar.difference},
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
            f"largest difference {_of_tolerance(probability)}"
            + (f", of familiarity {_of_tolerance(unfamiliar)}" if unfamiliar else "")
        )
    if failed:
        sys.exit(1)


def _of_tolerance(result: "GoldenResult") -> str:
    return f"{result.difference:.2g} (tolerance {result.tolerance:.2g})"
