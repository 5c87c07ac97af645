"""edgecls quantize: the same model with fewer bits, within an accuracy budget."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgecls.commands.options import ModelPath, model_output_option

if TYPE_CHECKING:
    from edgecls.export.precision.reduce import ReducedModel

__all__ = ["quantize"]


@click.command(short_help="Write a model with int8 or float16 weights.")
@click.argument("model", type=ModelPath())
@model_output_option
@click.option(
    "--calibrate",
    "data",
    type=click.Path(exists=True, path_type=Path),
    required=True,
    help="Labelled images as for edgecls evaluate: some for calibration, others to check the accuracy.",
)
@click.option(
    "--check",
    "check_data",
    metavar="DATA",
    type=click.Path(exists=True, path_type=Path),
    help="Check the accuracy on these labelled images, which the model was not trained on; --calibrate is then for "
    "calibration only.",
)
@click.option(
    "--max-drop",
    type=click.FloatRange(min=0, max=100),
    default=0.5,
    show_default=True,
    help="Largest allowed loss of accuracy, in percentage points.",
)
@click.option("--fp16", is_flag=True, help="float16 instead of int8: for GPUs; slower than float32 on a CPU.")
@click.option(
    "--cpu",
    type=click.Choice(["this", "x86-vnni", "x86", "arm"]),
    default="this",
    show_default=True,
    help="Target processor of the int8 file: x86 with VNNI or AMX, any x86, or ARM.",
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed for splitting the images.")
@click.option("--format", "output_format", type=click.Choice(["table", "json"]), default="table", show_default=True)
def quantize(
    model: Path,
    output: Path,
    data: Path,
    check_data: Path | None,
    max_drop: float,
    fp16: bool,
    cpu: str,
    seed: int,
    output_format: str,
) -> None:
    """Write MODEL, a float32 model file, with int8 weights and arithmetic: smaller, and faster on a CPU.

    Accuracy is measured in both precisions on images that were not used for calibration. If int8 loses more than
    --max-drop, more and more of the layers that lose most stay in float32; if that does not help, no file is written,
    and the exit code is 1.
    """
    from edgecls.atomic_write import check_writable, whole_files
    from edgecls.commands.terminal import StatusLine
    from edgecls.dataset.formats.read import read_dataset
    from edgecls.export.precision.recipe import RECIPES, recipe_for
    from edgecls.export.precision.reduce import reduce_precision
    from edgecls.modelfile import read_model
    from edgecls.runtime.machine.cores import usable_cores
    from edgecls.runtime.machine.processor import read_processor

    if fp16 and cpu != "this":
        raise click.UsageError("--cpu is for int8; leave out --fp16 or --cpu")
    check_writable(output)
    source = read_model(model)
    recipe = None if fp16 else recipe_for(read_processor()) if cpu == "this" else RECIPES[cpu]
    line = StatusLine()
    try:
        reduced = reduce_precision(
            source,
            read_dataset(data),
            recipe=recipe,
            max_drop=max_drop,
            seed=seed,
            workers=usable_cores(),
            check=None if check_data is None else read_dataset(check_data),
            on_progress=line.show,
        )
    finally:
        line.show("")
    for error in reduced.failures:
        click.echo(f"left out: {error}", err=True)
    if 0 < max_drop < reduced.resolution:
        click.echo(
            f"one of {reduced.chosen.measurement.images} images is {reduced.resolution:.2f} points: "
            "give more images to see smaller drops",
            err=True,
        )
    with whole_files(output) as (temporary,):
        temporary.write_bytes(reduced.onnx)
    if output_format == "json":
        facts = {"model": str(model), "output": str(output), "max_drop": max_drop, "bytes_float32": len(source.onnx)}
        click.echo(json.dumps({**facts, **_as_dict(reduced)}, ensure_ascii=False, indent=2))
        return
    for key, value in _rows(reduced).items():
        click.echo(f"{key:<12}  {value}")
    click.echo(f"wrote {output} ({len(reduced.onnx) / 1e6:.2f} MB, was {len(source.onnx) / 1e6:.2f} MB)")


def _as_dict(reduced: "ReducedModel") -> dict[str, Any]:
    found, speed = reduced.chosen.measurement, reduced.speed
    return {
        "precision": reduced.card.precision,
        "recipe": reduced.card.training.get("int8_recipe"),
        "calibration": reduced.chosen.candidate.calibration or None,
        "calibration_images": reduced.calibration_images,
        "layers": reduced.chosen.candidate.layers,
        "float32_layers": len(reduced.chosen.candidate.float_layers),
        "images": found.images,
        "accuracy": found.accuracy,
        "accuracy_float32": found.float32_accuracy,
        "drop_points": found.drop,
        "same_label": found.agreement,
        "golden_difference": reduced.chosen.golden_difference,
        "golden_tolerance": reduced.card.golden.tolerance,
        "images_per_second": speed.reduced,
        "images_per_second_float32": speed.float32,
        "speed_ratio": speed.ratio,
        "familiarity": None
        if reduced.familiarity is None
        else {
            "same_decision": reduced.familiarity.same_decision,
            "shift": reduced.familiarity.shift,
            "golden_tolerance": reduced.card.golden.familiarity_tolerance,
        },
        "bytes": len(reduced.onnx),
        "attempts": [str(attempt) for attempt in reduced.attempts],
    }


def _rows(reduced: "ReducedModel") -> dict[str, str]:
    found, speed, candidate = reduced.chosen.measurement, reduced.speed, reduced.chosen.candidate
    remark = "; meant for GPUs" if reduced.card.precision == "float16" else "; no gain here" if speed.ratio < 1 else ""
    recipe = reduced.card.training.get("int8_recipe", "")
    kept, rows = reduced.familiarity, {}
    if kept is not None:
        rows["familiarity"] = (
            f"same decision for {kept.same_decision:.4f} of the images, shifted by {kept.shift:+.4f}, "
            f"tolerance {reduced.card.golden.familiarity_tolerance:.2g}"
        )
    return {
        "precision": f"{reduced.card.precision} {recipe}".strip() + f", {candidate}",
        "images": f"{reduced.calibration_images} to calibrate on, {found.images} others to check on",
        "accuracy": f"{found.accuracy:.4f}, in float32 {found.float32_accuracy:.4f}: drop {found.drop:.2f} points",
        "same label": f"{found.agreement:.4f} of the images",
        "golden": f"largest difference {reduced.chosen.golden_difference:.2g}, "
        f"tolerance {reduced.card.golden.tolerance:.2g}",
        **rows,
        "speed": f"{speed.reduced:.0f} images/s on one thread, in float32 {speed.float32:.0f}: "
        f"{speed.ratio:.2f} times{remark}",
    }
