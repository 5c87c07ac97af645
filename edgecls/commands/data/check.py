"""edgecls data check: faulty and duplicate images, and their quarantine."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgecls.commands.terminal import StatusLine, counted, on_one_line, utf8_stdout

if TYPE_CHECKING:
    from edgecls.dataset.checks.check import CheckReport

__all__ = ["check", "near_distance_option", "put_back"]

near_distance_option = click.option(
    "--near-distance",
    metavar="BITS",
    type=click.IntRange(min=0, max=96),
    default=48,
    show_default=True,
    help="Images look alike if at most this many of the 256 bits of their perceptual hashes differ.",
)


@click.command(short_help="Find damaged, duplicate and suspicious images.")
@click.argument("data", metavar="[DATA]", type=click.Path(path_type=Path), required=False)
@click.option(
    "--format",
    "output_format",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="json is one document with a summary and all findings.",
)
@click.option(
    "--min-side",
    metavar="PIXELS",
    type=click.IntRange(min=1),
    default=32,
    show_default=True,
    help="An image with a shorter side is tiny.",
)
@near_distance_option
@click.option(
    "--quarantine",
    "quarantine_folder",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Move faulty files to DIR, outside DATA.",
)
@click.option(
    "--restore",
    "restore_folder",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Put back what --quarantine DIR moved, and do nothing else.",
)
def check(
    data: Path | None,
    output_format: str,
    min_side: int,
    near_distance: int,
    quarantine_folder: Path | None,
    restore_folder: Path | None,
) -> None:
    """Look for faults in DATA, a dataset in any format, or restore a quarantine.

    Reported are images that are unreadable, truncated, wrongly named, tiny, blank, duplicates (the
    same bytes, or the same to the eye) or under two labels; files that are not images; hidden
    files, files without a label, thumbnails of operating systems; class folders with no or one
    image; labels that differ in case, spaces or Unicode form only, or that some system cannot use.

    Nothing is changed without --quarantine. With it, every reported file is moved: of duplicates all
    except the best, of an image under two labels every copy.

    Exit codes: 0 nothing found (or all restored), 1 something found, 2 usage error.
    """
    if (data is None) == (restore_folder is None):
        raise click.UsageError("give either DATA or --restore DIR")
    if restore_folder is not None:
        if quarantine_folder is not None:
            raise click.UsageError("--quarantine and --restore exclude each other")
        put_back(restore_folder)
        return
    assert data is not None  # noqa: S101  for the type checker
    from edgecls.dataset.checks.check import CheckSettings, check_dataset
    from edgecls.dataset.checks.quarantine import quarantine
    from edgecls.runtime.machine.cores import usable_cores

    line = StatusLine()
    report = check_dataset(
        data,
        CheckSettings(min_side, near_distance),
        workers=usable_cores(),
        on_progress=lambda done, total: line.show(f"reading images {done}/{total}"),
    )
    line.show("")
    _print_report(report, output_format)
    if quarantine_folder is not None:
        moved = quarantine(
            report, quarantine_folder, on_progress=lambda done, total: line.show(f"moving files {done}/{total}")
        )
        line.show("")
        click.echo(f"moved {counted(len(moved), 'file')} to {on_one_line(str(quarantine_folder))}", err=True)
    if report.findings:
        sys.exit(1)


def _print_report(report: "CheckReport", output_format: str) -> None:
    out = utf8_stdout()
    if output_format == "json":
        out.write(json.dumps(report.as_dict(), ensure_ascii=False, indent=2) + "\n")
        return
    for finding in report.findings:
        other = f": {finding.other}" if finding.other is not None else ""
        out.write(on_one_line(f"{finding.kind:<16} {finding.path}  {finding.detail}{other}") + "\n")
    counts = ", ".join(f"{count} {kind}" for kind, count in report.counts.items() if count) or "nothing found"
    out.write(f"{counted(report.images, 'image')} of {counted(len(report.labels), 'label')}: {counts}\n")


def put_back(folder: Path) -> None:
    """Put back what a quarantine folder records, and print the result; exit with 1 if something cannot be put back."""
    from edgecls.dataset.checks.quarantine import restore

    line = StatusLine()
    restored = restore(folder, on_progress=lambda done, total: line.show(f"moving files {done}/{total}"))
    line.show("")
    for refusal in restored.refused:
        click.echo(on_one_line(refusal), err=True)
    utf8_stdout().write(on_one_line(f"put {counted(len(restored.moved), 'file')} back into {restored.root}") + "\n")
    if restored.refused:
        sys.exit(1)
