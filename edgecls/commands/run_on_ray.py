"""edgecls run --on ray, edgecls evaluate --on ray: classify images on a cluster, and measure a model there."""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from edgecls.commands.terminal import INTERRUPTED, SHOWN_EVERY_S, StatusLine

if TYPE_CHECKING:
    from edgecls.distributed.cluster import Share
    from edgecls.distributed.evaluation import ClusterData
    from edgecls.distributed.job import Job, Progress
    from edgecls.evaluation.record import Evaluation
    from edgecls.modelfile import ModelFile

    Show = Callable[[Progress], None]

__all__ = ["ClusterOptions", "evaluate_on_ray", "run_on_ray"]

Result = TypeVar("Result")


@dataclass(frozen=True)
class ClusterOptions:
    """The values of `cluster_options`."""

    on: str
    output: Path
    address: str | None
    workers: int | None
    cpus_per_worker: int
    gpus_per_worker: float
    worker_timeout_s: float
    part_rows: int

    def share(self) -> "Share":
        """Return what of the cluster to take."""
        from edgecls.distributed.cluster import Share

        return Share(self.workers, self.cpus_per_worker, self.gpus_per_worker, self.worker_timeout_s)

    def job(
        self,
        sources: tuple[str, ...],
        model: "ModelFile",
        *,
        provider: str,
        unknown_threshold: float | None,
        min_familiarity: float | str | None,
        max_megapixels: float,
    ) -> "Job":
        """Return the job, as far as all commands have it."""
        from edgecls.distributed.job import Job
        from edgecls.image_limits import DEFAULT_LIMITS, ImageLimits

        return Job(
            sources,
            self.output,
            model,
            limits=ImageLimits(DEFAULT_LIMITS.max_bytes, int(max_megapixels * 1e6)),
            unknown_threshold=unknown_threshold,
            min_familiarity=min_familiarity,
            provider=provider,
            part_rows=self.part_rows,
        )


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
    cluster: ClusterOptions,
) -> None:
    """Run a job, with its progress on the terminal and its counts on standard error."""
    from edgecls.distributed.job import run_job
    from edgecls.modelfile import read_model

    job = cluster.job(
        paths,
        read_model(model),
        min_familiarity=min_familiarity,
        provider=provider,
        unknown_threshold=unknown_threshold,
        max_megapixels=max_megapixels,
    )
    job = replace(job, output_format=output_format or "parquet", top=top, embeddings=embeddings)

    def work(share: "Share", show: "Show") -> "Progress":
        return run_job(job, address=cluster.address, share=share, on_progress=show)

    progress = _shown(cluster, work)
    _report(progress)
    failed = progress.failed + progress.failed_before
    if failed:
        click.echo(f"{failed} images could not be classified; their rows have the error", err=True)
        sys.exit(1)


def evaluate_on_ray(
    model: "ModelFile",
    data: "ClusterData",
    *,
    split: str,
    ignore_unknown_labels: bool,
    provider: str,
    unknown_threshold: float | None,
    min_familiarity: float | str | None,
    max_megapixels: float,
    cluster: ClusterOptions,
) -> tuple[str, "Evaluation"]:
    """Evaluate a model, with its progress on the terminal and its counts on standard error.

    Returns:
        The split that was taken, and the evaluation.
    """
    from edgecls.distributed.evaluation import evaluate_on_cluster
    from edgecls.evaluation.evaluate import choose_split, without_foreign_labels

    split, images = choose_split(data.dataset, split)
    if ignore_unknown_labels:
        images = without_foreign_labels(images, model.card.labels)
    job = cluster.job(
        (data.source,),
        model,
        provider=provider,
        unknown_threshold=unknown_threshold,
        min_familiarity=min_familiarity,
        max_megapixels=max_megapixels,
    )
    job = replace(job, evaluates={"data": data.shown, "split": split})

    def work(share: "Share", show: "Show") -> tuple["Evaluation", "Progress"]:
        return evaluate_on_cluster(job, data, images, address=cluster.address, share=share, on_progress=show)

    evaluation, progress = _shown(cluster, work)
    _report(progress)
    return split, evaluation


def _shown(cluster: ClusterOptions, work: "Callable[[Share, Show], Result]") -> Result:
    """Do work on a cluster, with its progress on the terminal; Ctrl-C ends the program."""
    from edgecls.distributed.cluster import open_cluster_remark

    share = cluster.share()
    remark = None if cluster.address is None else open_cluster_remark(cluster.address)
    if remark is not None:
        click.echo(f"warning: {remark}", err=True)
    line = StatusLine()
    try:
        return work(share, _shown_on(line, share))
    except KeyboardInterrupt:
        line.show("")
        click.echo(f"stopped; what is done is in {cluster.output}, and the same command goes on from there", err=True)
        sys.exit(INTERRUPTED)
    finally:
        line.show("")


def _shown_on(line: StatusLine, share: "Share") -> "Show":
    start_s = shown_s = time.monotonic()
    has_warned = False

    def show(progress: "Progress") -> None:
        nonlocal shown_s, has_warned
        if progress.is_too_small and not has_warned:
            has_warned = True
            line.show("")
            click.echo(
                f"warning: no machine of the cluster has the {share.described} that a worker asks for; waiting for one",
                err=True,
            )
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


def _report(progress: "Progress") -> None:
    before = f", {progress.before} were there already" if progress.before else ""
    lost = f"; {progress.lost} workers were lost, and their images given to others" if progress.lost else ""
    click.echo(f"{progress.done - progress.failed} images were classified{before}{lost}", err=True)
