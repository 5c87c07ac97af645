"""edgecls evaluate --against: whether images look like those that a model was held to."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

if TYPE_CHECKING:
    from edgecls.evaluation.drift import Drift

__all__ = ["compare_with_held_out"]

OPTIONS = ("model", "against", "output_format", "provider", "threads", "max_megapixels")
"""Parameters of edgecls evaluate that apply; the others are refused."""


def compare_with_held_out(context: click.Context, model: Path) -> None:
    """Classify the images of the command's only argument, and print how they compare with the held-out images.

    Args:
        context: Of edgecls evaluate.
        model: The model file.

    Raises:
        click.UsageError: There is another argument, or an option that has no meaning here.
        ModelFileError: The model file does not describe its held-out images.
        DatasetError: There are no images that can be used.
    """
    given = context.params
    without_use = [
        next((name for name in parameter.opts if name.startswith("--")), parameter.human_readable_name)
        for parameter in context.command.params
        if parameter.name not in OPTIONS
        and context.get_parameter_source(str(parameter.name)) is not ParameterSource.DEFAULT
    ]
    if without_use:
        raise click.UsageError(
            f"--against MODEL takes one folder of images, and no labels are used; leave out {', '.join(without_use)}"
        )
    from edgecls.commands.terminal import announce_provider, with_progress
    from edgecls.errors import DatasetError, ImageError, ModelFileError
    from edgecls.evaluation.drift import Tally
    from edgecls.image_limits import DEFAULT_LIMITS, ImageLimits
    from edgecls.runtime.machine.cores import usable_cores
    from edgecls.runtime.many_images import classify_stream, find_names, open_source
    from edgecls.runtime.opening import load

    folder = str(given["model"])
    limits = ImageLimits(DEFAULT_LIMITS.max_bytes, int(given["max_megapixels"] * 1e6))
    classifier = load(model, given["provider"], limits=limits)
    reference = classifier.card.reference
    if reference is None:
        raise ModelFileError(
            f"model {str(model)!r} does not describe its held-out images, or had fewer than 20; train it again, or add "
            "them with: edgecls export MODEL -o NEW --familiarity DATA, where DATA is divided into train and val"
        )
    announce_provider(classifier)
    classifier.measures_appearance = True
    tally, faults = Tally(reference), 0
    names = find_names([folder])
    outcomes = classify_stream(classifier, map(open_source, names), workers=given["threads"] or usable_cores())
    for outcome in with_progress(outcomes, len(names)):
        if isinstance(outcome.result, ImageError):
            faults += 1
            click.echo(f"left out: {outcome.result}", err=True)
        else:
            tally.add(outcome.result)
    if not tally.images:
        raise DatasetError(f"none of the {len(names)} images of {folder!r} can be used")
    drift = tally.drift(classifier.labels)
    if given["output_format"] == "json":
        facts = {"model": str(model), "data": folder, "held_out_images": reference.images, "left_out": faults}
        click.echo(json.dumps({**facts, **drift.as_dict()}, ensure_ascii=False, indent=2))
    else:
        _print(drift, held_out=reference.images)
    if faults:
        context.exit(1)


def _print(drift: "Drift", *, held_out: int) -> None:
    from edgecls.commands.terminal import counted, table_lines
    from edgecls.evaluation.drift import MIN_SEEN

    click.echo(f"{counted(drift.images, 'image')}, compared with {held_out} held-out images of the model\n")
    rows = [("", "distance", "chance explains", "")]
    for comparison in drift.comparisons:
        change = f"changed: {comparison.change}" if comparison.is_changed else "like"
        name = comparison.what.replace("_", " ")
        rows.append((name, f"{comparison.distance:.3f}", f"{comparison.noise:.3f}", change))
    for line in table_lines(rows):
        click.echo(line)
    if drift.expected_accuracy is not None:
        condition = "" if drift.is_enough and not drift.changed else " if they were like the held-out images"
        click.echo(f"\nexpected accuracy  {drift.expected_accuracy:.3f}{condition}")
    if not drift.is_enough:
        click.echo(f"too few images to tell; give at least {MIN_SEEN}")
    elif drift.changed:
        changes = ", ".join(f"{found.what.replace('_', ' ')} ({found.change})" for found in drift.changed)
        click.echo(f"These images are unlike the held-out images: {changes}.")
    else:
        click.echo("These images look like the held-out images, as far as chance allows to tell.")
