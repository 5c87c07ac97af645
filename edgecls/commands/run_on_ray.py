"""edgecls run --on ray: classify images on a cluster."""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgecls.commands.terminal import SHOWN_EVERY_S, StatusLine

if TYPE_CHECKING:
    from edgecls.distributed.job import Progress

__all__ = ["run_on_ray"]

STOPPED = 130  # the exit code of programs that Ctrl-C ended


def run_on_ray(
    paths: tuple[str, ...],
    model: Path,
    *,
    output_format: str | None,
    top: int,
    provider: str,
    unknown_threshold: float | None,
    min_familiarity: float | str | None,
    embeddings: bool,
    max_megapixels: float,
    on: str,
    output: Path,
    address: str | None,
    workers: int | None,
    cpus_per_worker: int,
    gpus_per_worker: float,
    part_rows: int,
) -> None:
    """Run a job, with its progress on the terminal and its counts on standard error."""
    from edgecls.distributed.cluster import Share, open_cluster_remark
    from edgecls.distributed.job import Job, run_job
    from edgecls.image import DEFAULT_LIMITS, ImageLimits
    from edgecls.modelfile import read_model

    remark = None if address is None else open_cluster_remark(address)
    if remark is not None:
        click.echo(f"warning: {remark}", err=True)
    job = Job(
        paths,
        output,
        read_model(model),
        output_format=output_format or "parquet",
        top=top,
        limits=ImageLimits(DEFAULT_LIMITS.max_bytes, int(max_megapixels * 1e6)),
        unknown_threshold=unknown_threshold,
        min_familiarity=min_familiarity,
        embeddings=embeddings,
        provider=provider,
        part_rows=part_rows,
    )
    share = Share(workers, cpus_per_worker, gpus_per_worker)
    line = StatusLine()
    try:
        progress = run_job(job, address=address, share=share, on_progress=_shown_on(line))
    except KeyboardInterrupt:
        line.show("")
        click.echo(f"stopped; what is done is in {output}, and the same command goes on from there", err=True)
        sys.exit(STOPPED)
    line.show("")
    before = f", {progress.before} were there already" if progress.before else ""
    lost = f"; {progress.lost} workers were lost, and their images given to others" if progress.lost else ""
    click.echo(f"{progress.done - progress.failed} images were classified{before}{lost}", err=True)
    failed = progress.failed + progress.failed_before
    if failed:
        click.echo(f"{failed} images could not be classified; their rows have the error", err=True)
        sys.exit(1)


def _shown_on(line: StatusLine) -> "Callable[[Progress], None]":
    start_s = shown_s = time.monotonic()

    def show(progress: "Progress") -> None:
        nonlocal shown_s
        now_s = time.monotonic()
        if now_s - shown_s < SHOWN_EVERY_S:
            return
        shown_s = now_s
        if not progress.workers:
            line.show("waiting for the cluster to start a worker")
            return
        found = f"of {progress.listed}" if progress.is_listed else f"of {progress.listed} found so far"
        failed = f", {progress.failed} with an error" if progress.failed else ""
        rate = progress.done / (now_s - start_s)
        line.show(f"{progress.done} {found}{failed}  {rate:.1f}/s  {progress.workers} workers")

    return show
