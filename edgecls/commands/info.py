"""edgecls info: what a model file says about itself."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgecls.commands.familiarity_options import familiarity_text
from edgecls.commands.options import ModelPath

if TYPE_CHECKING:
    from edgecls.model_card import Familiarity
    from edgecls.modelfile import ModelFile

__all__ = ["info"]


@click.command(short_help="Print what a model file says about itself.")
@click.argument("model", type=ModelPath())
@click.option("--format", "output_format", type=click.Choice(["table", "json"]), default="table", show_default=True)
def info(model: Path, output_format: str) -> None:
    """Print what a model file says about itself, and how 'edgecls tune' found that it runs best on this machine, if it
    did. Needs no onnxruntime.

    With --format json the document is printed as it stands in the file, except for the images of
    its golden samples.
    """
    from edgecls.modelfile import card_to_dict, read_model

    file = read_model(model)
    card = file.card
    document = card_to_dict(card)
    if output_format == "json":
        for sample in document["golden"]["samples"]:
            del sample["png"]
        click.echo(json.dumps(document, ensure_ascii=False, indent=2))
        return
    dataset = document.get("dataset", {})
    rows = {
        "name": card.name,
        "architecture": card.architecture,
        "precision": card.precision,
        "input": f"{card.image} (uint8, N x {' x '.join(map(str, card.image.shape_hwc))})",
        "labels": f"{len(card.labels)}: {', '.join(card.labels)}",
        "temperature": "" if card.temperature == 1 else f"{card.temperature:.4g}",
        "unknown": "" if card.unknown_threshold is None else f"below a probability of {card.unknown_threshold:g}",
        "familiarity": _familiarity(card.familiarity),
        "reference": ""
        if card.reference is None
        else f"{card.reference.images} held-out images, which edgecls evaluate --against compares with others",
        "golden samples": f"{len(card.golden.samples)}, tolerance {card.golden.tolerance:g}"
        + (
            f", of familiarity {card.golden.familiarity_tolerance:g}"
            if card.golden.familiarity_tolerance is not None
            else ""
        ),
        "metrics": _listed(card.metrics),
        "training": _listed(card.training),
        "dataset": _listed({key: value for key, value in dataset.items() if key != "images_per_label"}),
        "images per label": _listed(dataset.get("images_per_label", {})),
        "made with": _listed(card.versions),
        "created": card.created,
        "file size": f"{model.stat().st_size / 1e6:.2f} MB",
        "tuned here": _tuned(file),
    }
    width = max(map(len, rows))
    for key, value in rows.items():
        if value:
            click.echo(f"{key:<{width}}  {value}")


def _tuned(model: "ModelFile") -> str:
    """Return how the model runs best on this machine, as far as that is known."""
    from edgecls.errors import MissingExtraError, ProviderError
    from edgecls.runtime.tuned import Goal, tuned_setting

    try:
        many, one = (tuned_setting(model, goal) for goal in (Goal.THROUGHPUT, Goal.LATENCY))
    except (MissingExtraError, ProviderError):  # nothing runs here, tuned or not
        return ""
    return "" if many is None or one is None else f"for many images {many}; for one image {one}"


def _listed(facts: object) -> str:
    return ", ".join(f"{key} {value}" for key, value in facts.items()) if isinstance(facts, dict) else ""


def _familiarity(familiarity: "Familiarity | None") -> str:
    if familiarity is None:
        return ""
    levels = ", ".join(f"{100 * level.accepted:g}%: {level.threshold:.4f}" for level in familiarity.levels)
    return familiarity_text(familiarity) + (f"; for --min-familiarity, {levels}" if levels else "")
