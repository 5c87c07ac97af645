"""edgecls run: classify images."""

import contextlib
import os
import sys
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgecls.commands.cluster_options import cluster_options, is_on_cluster
from edgecls.commands.options import (
    gpu_option,
    limits_option,
    min_familiarity_option,
    model_option,
    provider_option,
    tuned_setting_from,
    tuning_options,
    unknown_threshold_option,
)
from edgecls.commands.output_options import OutputOptions, output_options
from edgecls.commands.prediction_output import Tally
from edgecls.commands.terminal import INTERRUPTED, counted, on_one_line
from edgecls.commands.verbosity import is_verbose
from edgecls.commands.video_options import PassedOver, VideoOptions, is_on_video, video_options

if TYPE_CHECKING:
    from edgecls.results.results_file import ResultsFile
    from edgecls.runtime.classifier import Classifier
    from edgecls.runtime.illustrator import Illustrator

__all__ = ["run"]

DEFAULT_INTERVAL_S = 1.0


@click.command(short_help="Classify images.")
@click.argument("paths", metavar="PATH...", nargs=-1, required=True, type=click.Path(allow_dash=True))
@model_option
@output_options
@click.option("--watch", is_flag=True, help="Keep classifying images that arrive in the folders, until Ctrl-C.")
@click.option(
    "--interval",
    "interval_s",
    metavar="SECONDS",
    type=click.FloatRange(min=0.05, max=86400),
    show_default="1",
    help="With --watch: time between two scans of the folders.",
)
@provider_option
@gpu_option
@tuning_options
@click.option(
    "--threads",
    type=click.IntRange(min=1),
    show_default="as tuned, or the cores this process may use",
    help="Images to work on at once.",
)
@unknown_threshold_option
@min_familiarity_option
@limits_option
@video_options
@cluster_options
@click.pass_context
def run(
    ctx: click.Context,
    /,
    paths: tuple[str, ...],
    model: Path,
    watch: bool,
    interval_s: float | None,
    provider: str,
    tuned: bool,
    tune: bool,
    threads: int | None,
    unknown_threshold: float | None,
    min_familiarity: float | str | None,
    max_megapixels: float,
    video: VideoOptions,
    **others: Any,
) -> None:
    """Classify images: files, folders (with all below them), patterns, or - for standard input.

    An image that cannot be used is reported on its line and the rest go on; the exit code is then 1. The table of
    several images ends, on standard error, with how many got which label.
    """
    output = OutputOptions.taken_from(others)
    if is_on_video(ctx, paths):
        from edgecls.commands.run_video import run_on_video

        run_on_video(
            paths,
            model,
            video=video,
            output_format=output.output_format,
            top=output.top,
            label_folder=output.label_folder,
            provider=provider,
            tuned=tuned,
            tune=tune,
            threads=threads,
            unknown_threshold=unknown_threshold,
            min_familiarity=min_familiarity,
            embeddings=output.embeddings,
            max_megapixels=max_megapixels,
        )
        return
    if is_on_cluster(ctx, also_here=("output",)):
        from edgecls.commands.run_on_ray import ClusterOptions, run_on_ray

        output.check_on_cluster(paths)
        run_on_ray(
            paths,
            model,
            output_format=output.output_format,
            top=output.top,
            provider=provider,
            unknown_threshold=unknown_threshold,
            min_familiarity=min_familiarity,
            embeddings=output.embeddings,
            max_megapixels=max_megapixels,
            cluster=ClusterOptions(**others | {"output": output.output}),
        )
        return
    _check_usage(paths, watch=watch, interval_s=interval_s)
    output.check(paths, watch=watch)
    from edgecls.commands.prediction_output import answers_of, make_writer
    from edgecls.commands.terminal import announce_provider
    from edgecls.image_limits import DEFAULT_LIMITS, ImageLimits
    from edgecls.modelfile import read_model
    from edgecls.runtime.execution.providers import Provider
    from edgecls.runtime.opening import open_classifier
    from edgecls.runtime.tuned import Goal

    limits = ImageLimits(DEFAULT_LIMITS.max_bytes, int(max_megapixels * 1e6))
    wanted = Provider(provider)
    goal = Goal.LATENCY if len(paths) == 1 and (paths[0] == "-" or os.path.isfile(paths[0])) else Goal.THROUGHPUT
    model_file = read_model(model)
    judged = {"provider": provider, "unknown_threshold": unknown_threshold, "min_familiarity": min_familiarity}
    with contextlib.ExitStack() as stack:
        results = output.open_results(model_file, limits, paths, **judged)
        if results is not None:
            stack.enter_context(results)
        setting = tuned_setting_from(model_file, goal, provider=wanted, workers=threads, tuned=tuned, tune=tune)
        classifier = open_classifier(
            model_file,
            wanted,
            setting=setting,
            limits=limits,
            unknown_threshold=unknown_threshold,
            min_familiarity=min_familiarity,
            features=output.has_embeddings,
        )
        from edgecls.runtime.many_images import find_names  # OpenCV was loaded while the network was opened
        from edgecls.runtime.verified import verify_once

        verify_once(model_file, classifier)
        announce_provider(classifier)
        workers = threads or classifier.workers
        if is_verbose(click.get_current_context()):
            click.echo(f"{classifier!r}, from {model}, {workers} at once", err=True)
        sorter = output.make_sorter(classifier)
        illustrator = output.make_illustrator(classifier, paths)
        passing_over = frozenset[str]().union(*(one.folders for one in (sorter, illustrator) if one is not None))
        names, passed_over = paths, PassedOver()
        if not watch and results is None:
            names = tuple(find_names(paths, passing_over=passing_over, on_other=passed_over.add))
        passed_over.report()
        writer = make_writer(
            output.written_format,
            answers_of(classifier),
            names,
            top=min(output.top, len(classifier.labels)),
            embeddings=output.embeddings,
            results=results,
        )
        tally = Tally(writer, sorter, illustrator, output.make_embeddings_file(classifier), xmp=output.xmp)
        work = _Work(classifier, workers, paths, passing_over, illustrator, tally, results)
        if watch:
            work.watch(interval_s or DEFAULT_INTERVAL_S)
        elif results is not None:
            work.fill(results)
        else:
            if "-" in names and sys.stdin is not None and sys.stdin.isatty():
                click.echo("reading an image from standard input; a pipe or < FILE gives it one", err=True)
            work.through(names, total=len(names))
        if results is not None:
            results.finish()
            _report_results(results, tally)
        elif output.written_format == "table" and (watch or len(names) > 1):
            tally.report_labels()
            if tally.failed and not watch:
                click.echo(f"{tally.failed} of {len(names)} images could not be classified", err=True)
    if not watch:
        tally.report_written()
        if tally.failed or (results is not None and results.failed_before):
            sys.exit(1)


@dataclass(frozen=True)
class _Work:
    """The images, and what is done with them."""

    classifier: "Classifier"
    workers: int
    paths: tuple[str, ...]
    passing_over: Collection[str]
    illustrator: "Illustrator | None"
    tally: Tally
    results: "ResultsFile | None"

    def through(self, names: Iterable[str], *, total: int | None) -> None:
        """Classify the images of these names."""
        from edgecls.runtime.many_images import classify_stream, open_source

        sources = map(open_source, names)
        outcomes = classify_stream(self.classifier, sources, workers=self.workers, illustrator=self.illustrator)
        self.tally.take(outcomes, total=total)

    def fill(self, results: "ResultsFile") -> None:
        """Classify the images that have no answer in the file; Ctrl-C ends the program."""
        try:
            total = self._survey(results)
            self.through(results.pending(self._listed()), total=total)
        except KeyboardInterrupt:
            click.echo(f"stopped; what is done is kept, and the same command goes on with {results.path}", err=True)
            sys.exit(INTERRUPTED)

    def watch(self, interval_s: float) -> None:
        """Classify what is in the folders and what arrives there; Ctrl-C ends it, with a summary on standard error."""
        click.echo(f"watching {', '.join(map(on_one_line, self.paths))}; Ctrl-C ends it", err=True)
        try:
            from edgecls.runtime.folders.watch import watch

            if self.results is not None:
                self._survey(self.results)
            outcomes = watch(
                self.classifier,
                list(map(Path, self.paths)),
                workers=self.workers,
                interval_s=interval_s,
                passing_over=self.passing_over,
                illustrator=self.illustrator,
                is_done=(lambda name: False) if self.results is None else self.results.has_answer,
            )
            self.tally.take(outcomes, total=None)
        except KeyboardInterrupt:
            failed = f", {self.tally.failed} could not be" if self.tally.failed else ""
            click.echo(f"stopped; classified {counted(self.tally.classified, 'image')}{failed}", err=True)
            self.tally.report_written()

    def _listed(self) -> Iterator[str]:
        from edgecls.runtime.many_images import each_name

        return each_name(self.paths, passing_over=self.passing_over)

    def _survey(self, results: "ResultsFile") -> int | None:
        """Prepare the file, and return how many images there are to do; None if nobody sees that."""
        is_of_use = results.failed_before or sys.stderr.isatty()
        return results.survey(self._listed()) if is_of_use else None


def _report_results(results: "ResultsFile", tally: Tally) -> None:
    """Report on standard error what was added to a file, and what was there."""
    there = f", {results.before} were there already" if results.before else ""
    failed = tally.failed + results.failed_before
    tally.report_labels()
    if failed:
        rows = "its row has the error" if failed == 1 else "their rows have the error"
        again = "; the same command tries again" if tally.failed else ""
        click.echo(f"{counted(failed, 'image')} could not be classified, {rows}{again}", err=True)
    click.echo(f"wrote {counted(tally.classified + tally.failed, 'row')} to {results.path}{there}", err=True)


def _check_usage(paths: tuple[str, ...], *, watch: bool, interval_s: float | None) -> None:
    if paths.count("-") > 1:
        raise click.UsageError("- is given several times, but standard input can be read only once")
    if interval_s is not None and not watch:
        raise click.UsageError("--interval goes with --watch")
    if watch and (others := [path for path in paths if not os.path.isdir(path)]):
        raise click.UsageError(f"--watch takes folders; {others[0]!r} is not one")
