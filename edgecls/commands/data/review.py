"""edgecls data review: labels that are probably wrong, and what becomes of them."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgecls.commands.data.check import put_back
from edgecls.commands.options import ModelPath
from edgecls.commands.terminal import StatusLine, counted, on_one_line, table_lines, utf8_stdout

if TYPE_CHECKING:
    from edgecls.labelling.review import Review
    from edgecls.models.classical.features import Backbone

__all__ = ["review"]


@click.command(short_help="Find images that are probably labelled wrongly.")
@click.argument("data", metavar="[DATA]", type=click.Path(exists=True, path_type=Path), required=False)
@click.option(
    "--backbone",
    type=ModelPath(),
    help="Model file whose features images are compared by; the network that comes with edgecls unless given.",
)
@click.option(
    "--format",
    "output_format",
    type=click.Choice(["table", "json", "csv"]),
    default="table",
    show_default=True,
    help="csv has an empty column for decisions.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write there instead of to standard output.",
)
@click.option(
    "--sheet",
    metavar="HTML",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Also write a page with the images and those most like them.",
)
@click.option(
    "--language",
    type=click.Choice(["en", "zh"]),
    default="en",
    show_default=True,
    help="Of the page: English or Chinese.",
)
@click.option(
    "--min-wrong",
    type=click.FloatRange(min=0, max=1, min_open=True),
    default=0.2,
    show_default=True,
    help="List images whose label is wrong with at least this probability.",
)
@click.option("--top", type=click.IntRange(min=1), help="List at most so many images.")
@click.option(
    "--reviewed",
    metavar="CSV",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Do not list images again that this file, of an earlier review, decides to keep.",
)
@click.option("--seed", type=click.IntRange(min=0, max=2**32 - 1), default=0, show_default=True)
@click.option(
    "--decisions",
    metavar="CSV",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Do not review: keep, relabel or remove the images of DATA as this file says.",
)
@click.option(
    "--quarantine",
    "quarantine_folder",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where --decisions moves removed images to, and records every move; outside DATA.",
)
@click.option(
    "--restore",
    "restore_folder",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Undo what --decisions with --quarantine DIR did, and do nothing else.",
)
def review(
    data: Path | None,
    backbone: Path | None,
    output_format: str,
    output: Path | None,
    sheet: Path | None,
    language: str,
    min_wrong: float,
    top: int | None,
    reviewed: Path | None,
    seed: int,
    decisions: Path | None,
    quarantine_folder: Path | None,
    restore_folder: Path | None,
) -> None:
    """List the images in DATA whose labels are probably wrong, the most doubtful first.

    Every image is judged by classifiers that have seen neither it nor its look-alikes, and by the labels of the
    images most like it. Listed are also images that look the same under two labels, and those unlike all others of
    their label. The probabilities are calibrated: their sum says how many of the listed images to expect wrong.

    Nothing is changed without --decisions. To change labels: write a CSV file (--format csv -o review.csv), fill in
    its column "decision" with keep, relabel or remove (and "label", if it is not the suggested one), and run the
    command again with --decisions review.csv --quarantine DIR.

    Exit codes: 0 done, 1 an error, or something could not be restored; 2 usage error.
    """
    if (data is None) == (restore_folder is None):
        raise click.UsageError("give either DATA or --restore DIR")
    if restore_folder is not None:
        put_back(restore_folder)
        return
    assert data is not None  # noqa: S101  for the type checker
    if quarantine_folder is not None and decisions is None:
        raise click.UsageError("--quarantine goes with --decisions CSV, which says what to move")
    if decisions is not None:
        _apply(data, decisions, quarantine_folder)
        return
    from edgecls.atomic_write import check_writable, whole_files
    from edgecls.labelling.decisions import kept_images
    from edgecls.labelling.review import ReviewListener, review_labels
    from edgecls.labelling.sheet import Language, write_sheet

    for path in (output, sheet):
        if path is not None:
            check_writable(path)
    line = StatusLine()
    found = review_labels(
        data,
        backbone=None if backbone is None else _cut(backbone),
        listed_from=min_wrong,
        most=top,
        kept=frozenset() if reviewed is None else kept_images(data, reviewed),
        seed=seed,
        listener=ReviewListener(
            on_compared=lambda done, total: line.show(f"looking for duplicates {done}/{total}"),
            on_decoded=lambda done, total: line.show(f"decoding images {done}/{total}"),
            on_features=lambda done, total: line.show(f"computing features {done}/{total}"),
            on_judging=lambda: line.show("judging"),
        ),
    )
    line.show("")
    text = _text(found, output_format)
    if output is None:
        utf8_stdout().write(text)
    else:
        with whole_files(output) as (temporary,):
            temporary.write_bytes(text.encode("utf-8", "surrogateescape"))
    if sheet is not None:
        line.show("drawing the sheet")
        write_sheet(sheet, found, language=Language(language))
        line.show("")
    for path in (output, sheet):
        if path is not None:
            click.echo(f"wrote {on_one_line(str(path))}", err=True)
    if output is not None or output_format != "table":
        click.echo(_summary(found), err=True)
    for failure in found.failures:
        click.echo(on_one_line(f"left out: {failure}"), err=True)


def _cut(path: Path) -> "Backbone":
    from edgecls.export.familiarity.backbone import cut_backbone
    from edgecls.modelfile import read_model

    return cut_backbone(read_model(path))


def _text(found: "Review", output_format: str) -> str:
    from edgecls.labelling.decisions import decisions_csv

    if output_format == "json":
        return json.dumps(found.as_dict(), ensure_ascii=False, indent=2) + "\n"
    if output_format == "csv":
        return decisions_csv(found)
    header = ("image", "label", "suggested", "wrong", "because")
    rows = [
        (
            on_one_line(str(image.path)),
            image.given,
            image.suggested,
            f"{100 * image.wrong:.0f} %",
            ", ".join(image.reasons),
        )
        for image in found.listed
    ]
    table = table_lines([header, *rows]) if rows else []
    return "\n".join([*table, _summary(found)]) + "\n"


def _summary(found: "Review") -> str:
    count = len(found.listed)
    if not count:
        return f"{counted(found.images, 'image')} of {counted(len(found.labels), 'label')}: no label looks wrong"
    expected = found.expected_wrong
    return (
        f"{counted(count, 'image')} of {found.images} listed; about {expected:.0f} of them ({expected / count:.0%}) "
        "are expected to have a wrong label"
    )


def _apply(data: Path, decisions: Path, folder: Path | None) -> None:
    from edgecls.labelling.decisions import apply_decisions

    line = StatusLine()
    applied = apply_decisions(
        data, decisions, folder, on_progress=lambda done, total: line.show(f"moving files {done}/{total}")
    )
    line.show("")
    before = f", {applied.done_before} done before" if applied.done_before else ""
    utf8_stdout().write(
        f"relabelled {applied.relabelled}, removed {applied.removed}, kept {applied.kept}, "
        f"undecided {applied.undecided}{before}\n"
    )
    if folder is not None and applied.relabelled + applied.removed:
        click.echo(f"undo with: edgecls data review --restore {on_one_line(str(folder))}", err=True)
    sys.stdout.flush()
