"""edgecls tune: how do these models run best on this machine?"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from edgecls.commands.options import gpu_option, provider_option
from edgecls.commands.terminal import on_one_line, table_lines

if TYPE_CHECKING:
    from edgecls.model_card import ModelCard
    from edgecls.runtime.tuning.tune import ModelTuning, Row, Tuning

__all__ = ["as_dict", "table_of", "tune"]

_HEAD = ("model", "precision", "accuracy", "provider", "at once", "threads", "batch", "images/s", "±", "ms", "")


def table_of(found: "Tuning", names: Sequence[str]) -> list[str]:
    """Return what was found as lines for a terminal: a row for each setting, then what was chosen.

    Args:
        found: What was found.
        names: What to call each model.
    """
    rows = [_cells(name, model.model.card, row) for name, model in _named(found, names) for row in model.rows]
    lines = table_lines([_HEAD, *rows])
    lines.append("")
    for name, model in _named(found, names):
        lines += _chosen(name, model)
    lines += _compared_with_the_first(found, names)
    return [on_one_line(line).rstrip() for line in lines]


def as_dict(found: "Tuning", names: Sequence[str]) -> dict[str, Any]:
    """Return what was found as JSON can hold it.

    Args:
        found: What was found.
        names: What to call each model.
    """
    return {
        "hardware": asdict(found.hardware),
        "models": [
            {
                "name": name,
                "model": model.model.path,
                "network_sha256": model.model.network_sha256,
                "precision": model.model.card.precision,
                "accuracy": _accuracy(model.model.card),
                "rows": [asdict(row) for row in model.rows],
                "choice": asdict(model.choice),
            }
            for name, model in _named(found, names)
        ],
        "skipped": [asdict(skipped) for skipped in found.skipped],
    }


def _named(found: "Tuning", names: Sequence[str]) -> "Iterator[tuple[str, ModelTuning]]":
    return zip(names, found.models, strict=True)


def _cells(name: str, card: "ModelCard", row: "Row") -> tuple[str, ...]:
    accuracy, setting = _accuracy(card), row.setting
    return (
        name,
        card.precision,
        "" if accuracy is None else f"{accuracy:.4f}",
        setting.provider,
        str(setting.workers),
        str(setting.intra_op_threads),
        str(setting.batch_size),
        f"{row.images_per_s:.1f}",
        f"{row.spread:.0%}",
        f"{row.latency_ms:.2f}",
        _remark(row),
    )


def _remark(row: "Row") -> str:
    from edgecls.runtime.tuning.tune import Standing

    if Standing.CHOSEN in (row.throughput, row.latency):
        goals = {"many": row.throughput, "one": row.latency}
        return "best for " + " and ".join(goal for goal, standing in goals.items() if standing is Standing.CHOSEN)
    return "level" if Standing.LEVEL in (row.throughput, row.latency) else ""


def _chosen(name: str, model: "ModelTuning") -> Iterator[str]:
    from edgecls.runtime.tuning.tune import Standing

    many, one = model.row_of(model.choice.throughput), model.row_of(model.choice.latency)
    level = sum(row.throughput is Standing.LEVEL for row in model.rows)
    others = f" ({level} others cannot be told apart from it)" if level > 1 else ""
    others = " (another cannot be told apart from it)" if level == 1 else others
    yield f"{name}, for many images: {many.setting}: {many.images_per_s:.1f} images/s{others}"
    yield f"{name}, for one image: {one.setting}: {one.latency_ms:.2f} ms"


def _compared_with_the_first(found: "Tuning", names: Sequence[str]) -> Iterator[str]:
    (first, base), *others = _named(found, names)
    rate = base.row_of(base.choice.throughput).images_per_s
    for name, model in others:
        ratio = model.row_of(model.choice.throughput).images_per_s / rate
        yield f"{name} classifies {ratio:.2f} times as many images a second as {first}{_drop(model.model.card)}"


def _drop(card: "ModelCard") -> str:
    """Return the accuracy of a file of reduced precision and that of float32 on the same images, if it says so."""
    accuracy, before = card.metrics.get("accuracy"), card.metrics.get("accuracy_float32")
    return "" if None in (accuracy, before) else f"; accuracy {accuracy:.4f}, {before:.4f} in float32"


def _accuracy(card: "ModelCard") -> float | None:
    """Return the accuracy that the file states, from 0 to 1; None if it states none."""
    return card.metrics.get("accuracy", card.metrics.get("validation_accuracy"))


@click.command(short_help="Find the fastest settings for this machine.")
@click.argument("paths", metavar="[MODEL.onnx]... [IMAGES]...", nargs=-1, type=click.Path())
@click.option(
    "--seconds",
    type=click.FloatRange(min=1, max=3600),
    default=30,
    show_default=True,
    help="About how long it may take.",
)
@provider_option
@gpu_option
@click.option("--format", "output_format", type=click.Choice(["table", "json"]), default="table", show_default=True)
def tune(paths: tuple[str, ...], seconds: float, provider: str, output_format: str) -> None:
    """Measure how model files run best on this machine, and keep the choice for `edgecls run` and `serve`.

    All providers that work here (or the one given), concurrency, threads and batch sizes are measured, decoding
    included, on noisy JPEGs of 500 x 375 pixels or on IMAGES: files, folders, patterns. Give files of several
    precisions to compare them. Without a model file, the default model of `edgecls run` is measured.
    """
    from edgecls.commands.measured_files import read_measured_files, warn_if_busy
    from edgecls.commands.options import model_names
    from edgecls.commands.terminal import StatusLine, utf8_stdout
    from edgecls.runtime.execution.providers import Provider
    from edgecls.runtime.tuned import choices_folder
    from edgecls.runtime.tuning.tune import tune as find_best

    folder = choices_folder()
    if folder is None:
        raise click.ClickException("there is no place to keep the choice: the user has no home; set XDG_CACHE_HOME")
    given = read_measured_files(paths)
    warn_if_busy()
    line = StatusLine()
    try:
        found = find_best(
            given.models, given.images, provider=Provider(provider), seconds=seconds, on_progress=line.show
        )
    finally:
        line.show("")
    for skipped in found.skipped:
        click.echo(f"skipped {skipped}", err=True)
    if found.is_hasty:
        click.echo("too little time for a reliable choice; give more --seconds", err=True)
    names = model_names(given.paths)
    if output_format == "json":
        text = json.dumps(as_dict(found, names), ensure_ascii=False, indent=2)
    else:
        text = "\n".join(table_of(found, names))
    utf8_stdout().write(text + "\n")
    found.keep(folder)
    click.echo("'edgecls run' and 'edgecls serve' use this from now on; --no-tuned ignores it", err=True)
