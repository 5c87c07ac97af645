"""edgecls run: classify images."""

import os
import sys
from collections.abc import Collection, Sequence
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
    tuned_option,
    unknown_threshold_option,
)
from edgecls.commands.prediction_output import Tally
from edgecls.commands.terminal import counted, on_one_line
from edgecls.commands.verbosity import is_verbose
from edgecls.commands.video_options import PassedOver, VideoOptions, is_on_video, video_options

if TYPE_CHECKING:
    from edgecls.runtime.classifier import Classifier
    from edgecls.runtime.embeddings_file import EmbeddingsFile
    from edgecls.runtime.folders.sort_into import Sorter
    from edgecls.runtime.illustrator import Illustrator

__all__ = ["run"]

DEFAULT_INTERVAL_S = 1.0


@click.command(short_help="Classify images.")
@click.argument("paths", metavar="PATH...", nargs=-1, required=True, type=click.Path(allow_dash=True))
@model_option
@click.option("--top", metavar="K", type=click.IntRange(min=1), default=1, show_default=True, help="Labels to print.")
@click.option(
    "--format",
    "output_format",
    type=click.Choice(["table", "json", "csv", "parquet"]),
    show_default="table; with --on ray parquet",
    help="json is one object a line, for errors too. parquet only with --on ray.",
)
@click.option(
    "--sort-into",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Copy every image into a folder of DIR named by its label. Nothing is overwritten.",
)
@click.option("--move", is_flag=True, help="With --sort-into: move the images instead.")
@click.option(
    "--explain",
    "heat_folder",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write every image to DIR with a heat map of what the answer rests on.",
)
@click.option(
    "--explain-method",
    type=click.Choice(["auto", "occlusion"]),
    help="With --explain: auto takes the network's class activation if the file has one, which is quick and coarse; "
    "occlusion covers parts of the image, 100 runs of the network.",
    show_default="auto",
)
@click.option(
    "--annotate",
    "label_folder",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write every image to DIR with its label and probability under it. May be the DIR of --explain.",
)
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
@tuned_option
@click.option(
    "--threads",
    type=click.IntRange(min=1),
    show_default="as tuned, or the cores this process may use",
    help="Images to work on at once.",
)
@unknown_threshold_option
@min_familiarity_option
@limits_option
@click.option(
    "--embeddings",
    is_flag=True,
    help="Add each image's embedding, the model's features; with --format json or --on ray.",
)
@click.option(
    "--save-embeddings",
    "embeddings_path",
    metavar="FILE.npz",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the embeddings of all images to a NumPy file, with their names and labels.",
)
@video_options
@cluster_options
@click.pass_context
def run(
    ctx: click.Context,
    /,
    paths: tuple[str, ...],
    model: Path,
    top: int,
    output_format: str | None,
    sort_into: Path | None,
    move: bool,
    heat_folder: Path | None,
    explain_method: str | None,
    label_folder: Path | None,
    watch: bool,
    interval_s: float | None,
    provider: str,
    tuned: bool,
    threads: int | None,
    unknown_threshold: float | None,
    min_familiarity: float | str | None,
    max_megapixels: float,
    embeddings: bool,
    embeddings_path: Path | None,
    video: VideoOptions,
    **cluster: Any,
) -> None:
    """Classify images: files, folders (with all below them), patterns, or - for standard input.

    An image that cannot be used is reported on its line and the rest go on; the exit code is then 1. The table of
    several images ends, on standard error, with how many got which label.
    """
    if is_on_video(ctx, paths):
        from edgecls.commands.run_video import run_on_video

        run_on_video(
            paths,
            model,
            video=video,
            output_format=output_format,
            top=top,
            label_folder=label_folder,
            provider=provider,
            tuned=tuned,
            threads=threads,
            unknown_threshold=unknown_threshold,
            min_familiarity=min_familiarity,
            embeddings=embeddings,
            max_megapixels=max_megapixels,
        )
        return
    on_cluster = is_on_cluster(ctx)
    _check_format(output_format, paths, on_cluster=on_cluster)
    if on_cluster:
        from edgecls.commands.run_on_ray import ClusterOptions, run_on_ray

        run_on_ray(
            paths,
            model,
            output_format=output_format,
            top=top,
            provider=provider,
            unknown_threshold=unknown_threshold,
            min_familiarity=min_familiarity,
            embeddings=embeddings,
            max_megapixels=max_megapixels,
            cluster=ClusterOptions(**cluster),
        )
        return
    output_format = output_format or "table"
    if explain_method is not None and heat_folder is None:
        raise click.UsageError("--explain-method goes with --explain DIR")
    _check_usage(paths, sort_into=sort_into, move=move, watch=watch, interval_s=interval_s)
    _check_embeddings(embeddings, embeddings_path, output_format=output_format, watch=watch)
    from edgecls.commands.prediction_output import Tally, make_writer
    from edgecls.commands.terminal import announce_provider
    from edgecls.image import DEFAULT_LIMITS, ImageLimits
    from edgecls.modelfile import read_model
    from edgecls.runtime.execution.providers import Provider
    from edgecls.runtime.many_images import STDIN, classify_stream, find_names, open_source
    from edgecls.runtime.opening import open_classifier
    from edgecls.runtime.tuned import Goal, tuned_setting
    from edgecls.runtime.verified import verify_once

    limits = ImageLimits(DEFAULT_LIMITS.max_bytes, int(max_megapixels * 1e6))
    wanted = Provider(provider)
    goal = Goal.LATENCY if len(paths) == 1 and (paths[0] == "-" or os.path.isfile(paths[0])) else Goal.THROUGHPUT
    model_file = read_model(model)
    setting = tuned_setting(model_file, goal, provider=wanted, workers=threads) if tuned else None
    classifier = open_classifier(
        model_file,
        wanted,
        setting=setting,
        limits=limits,
        unknown_threshold=unknown_threshold,
        min_familiarity=min_familiarity,
        features=embeddings or embeddings_path is not None,
    )
    verify_once(model_file, classifier)
    announce_provider(classifier)
    if is_verbose(click.get_current_context()):
        click.echo(f"{classifier!r}, from {model}, {threads or classifier.workers} at once", err=True)
    sorter = None if sort_into is None else _make_sorter(sort_into, classifier, move=move)
    illustrator = _make_illustrator(heat_folder, explain_method, label_folder, classifier, paths)
    passing_over = frozenset[str]().union(*(one.folders for one in (sorter, illustrator) if one is not None))
    workers = threads or classifier.workers
    passed_over = PassedOver()
    names = paths if watch else find_names(paths, passing_over=passing_over, on_other=passed_over.add)
    passed_over.report()
    answers = _answers_of(classifier)
    writer = make_writer(output_format, answers, names, top=min(top, len(classifier.labels)), embeddings=embeddings)
    gathered = _make_embeddings_file(embeddings_path, classifier)
    tally = Tally(writer, sorter, illustrator, gathered)
    if watch:
        folders = [Path(path) for path in paths]
        _write_until_stopped(
            tally,
            classifier,
            folders,
            workers=workers,
            interval_s=interval_s,
            passing_over=passing_over,
            illustrator=illustrator,
        )
        if output_format == "table":
            tally.report_labels()
        return
    if STDIN in names and sys.stdin is not None and sys.stdin.isatty():
        click.echo("reading an image from standard input; a pipe or < FILE gives it one", err=True)
    sources = map(open_source, names)
    outcomes = classify_stream(classifier, sources, workers=workers, illustrator=illustrator)
    tally.take(outcomes, total=len(names))
    if output_format == "table" and len(names) > 1:
        tally.report_labels()
        if tally.failed:
            click.echo(f"{tally.failed} of {len(names)} images could not be classified", err=True)
    tally.report_written()
    if tally.failed:
        sys.exit(1)


def _write_until_stopped(
    tally: Tally,
    classifier: "Classifier",
    folders: Sequence[Path],
    *,
    workers: int,
    interval_s: float | None,
    passing_over: Collection[str],
    illustrator: "Illustrator | None",
) -> None:
    """Classify what is in the folders and what arrives there; Ctrl-C ends it, with a summary on standard error."""
    interval_s = interval_s or DEFAULT_INTERVAL_S
    click.echo(f"watching {', '.join(on_one_line(str(folder)) for folder in folders)}; Ctrl-C ends it", err=True)
    try:
        from edgecls.runtime.folders.watch import watch

        outcomes = watch(
            classifier,
            folders,
            workers=workers,
            interval_s=interval_s,
            passing_over=passing_over,
            illustrator=illustrator,
        )
        tally.take(outcomes, total=None)
    except KeyboardInterrupt:
        failed = f", {tally.failed} could not be" if tally.failed else ""
        click.echo(f"stopped; classified {counted(tally.classified, 'image')}{failed}", err=True)
        tally.report_written()


def _make_sorter(root: Path, classifier: "Classifier", *, move: bool) -> "Sorter":
    from edgecls.runtime.folders.sort_into import Sorter, Transfer

    return Sorter(root, _answers_of(classifier), transfer=Transfer.MOVE if move else Transfer.COPY)


def _answers_of(classifier: "Classifier") -> tuple[str, ...]:
    """Return all answers that can occur."""
    from edgecls.model_card import UNKNOWN

    return (*classifier.labels, UNKNOWN) if classifier.can_be_unknown else classifier.labels


def _make_embeddings_file(path: Path | None, classifier: "Classifier") -> "EmbeddingsFile | None":
    if path is None:
        return None
    from edgecls.runtime.embeddings_file import EmbeddingsFile

    return EmbeddingsFile(path, width=classifier.check_features())


def _make_illustrator(
    heat_folder: Path | None,
    explain_method: str | None,
    label_folder: Path | None,
    classifier: "Classifier",
    paths: tuple[str, ...],
) -> "Illustrator | None":
    if heat_folder is None and label_folder is None:
        return None
    from edgecls.drawing.font import undrawable_remark
    from edgecls.runtime.evidence import Method
    from edgecls.runtime.illustrator import Illustrator

    remark = undrawable_remark(classifier.card.labels) if label_folder is not None else None
    if remark is not None:
        click.echo(remark, err=True)
    roots = [path for path in paths if os.path.isdir(path)]
    method = Method.OCCLUSION if explain_method == "occlusion" else None
    return Illustrator(heat_folder=heat_folder, label_folder=label_folder, roots=roots, method=method)


def _check_format(output_format: str | None, paths: tuple[str, ...], *, on_cluster: bool) -> None:
    if not on_cluster and output_format == "parquet":
        raise click.UsageError("--format parquet goes with --on ray")
    if on_cluster and output_format not in (None, "parquet", "json"):
        raise click.UsageError("--on ray writes --format parquet or json")
    if on_cluster and "-" in paths:
        raise click.UsageError("--on ray takes files, folders and URIs, not standard input")


def _check_usage(
    paths: tuple[str, ...], *, sort_into: Path | None, move: bool, watch: bool, interval_s: float | None
) -> None:
    if move and sort_into is None:
        raise click.UsageError("--move goes with --sort-into DIR")
    if sort_into is not None and "-" in paths:
        raise click.UsageError("--sort-into takes files and folders; standard input has no file to sort")
    if paths.count("-") > 1:
        raise click.UsageError("- is given several times, but standard input can be read only once")
    if interval_s is not None and not watch:
        raise click.UsageError("--interval goes with --watch")
    if watch and (others := [path for path in paths if not os.path.isdir(path)]):
        raise click.UsageError(f"--watch takes folders; {others[0]!r} is not one")


def _check_embeddings(wanted: bool, path: Path | None, *, output_format: str, watch: bool) -> None:
    if wanted and output_format != "json":
        raise click.UsageError("--embeddings goes with --format json or --on ray; or use --save-embeddings")
    if path is not None and path.suffix != ".npz":
        raise click.UsageError(f"--save-embeddings writes a NumPy file; {str(path)!r} does not end in .npz")
    if path is not None and watch:
        raise click.UsageError("--save-embeddings does not go with --watch, which has no end; --embeddings does")
