"""edgecls run on videos, cameras and streams."""

import contextlib
import glob
import os
import signal
import sys
import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NoReturn

import click

from edgecls.commands.options import tuned_setting_from
from edgecls.commands.terminal import INTERRUPTED, announce_provider, counted, on_one_line
from edgecls.commands.verbosity import is_verbose
from edgecls.commands.video_options import VideoOptions
from edgecls.commands.video_output import TableOutput, VideoOutput, make_output
from edgecls.drawing.font import undrawable_remark
from edgecls.errors import OutputError, VideoError
from edgecls.image_limits import DEFAULT_LIMITS, ImageLimits
from edgecls.modelfile import read_model
from edgecls.runtime.classifier import Classifier
from edgecls.runtime.execution.providers import Provider
from edgecls.runtime.frame_predictions import FramePrediction, changes
from edgecls.runtime.labelled_video import LabelledVideo
from edgecls.runtime.opening import open_classifier
from edgecls.runtime.tuned import Goal
from edgecls.runtime.verified import verify_once
from edgecls.runtime.video.live import is_still_reading
from edgecls.video_names import names_live_source, without_credentials

__all__ = ["run_on_video"]

LABELS_COUNTED = 20  # one by one
VIDEO_SUFFIX = ".mp4"


class _Tally:
    """Counts the frames of a source, and draws them on their way."""

    def __init__(self, source: str) -> None:
        self._shown = on_one_line(_shown(source))
        self._answers: Counter[str] = Counter()
        self.frames = 0
        self.changes = 0

    def counting(self, frames: Iterable[FramePrediction], labelled: LabelledVideo | None) -> Iterator[FramePrediction]:
        """Pass frames on."""
        for found in frames:
            self.frames += 1
            self._answers[found.prediction.label] += 1
            if labelled is not None:
                labelled.add(found)
            yield found

    @property
    def described(self) -> str:
        """How many frames got which label."""
        ranked = self._answers.most_common()
        counts = [f"{on_one_line(label)} {count}" for label, count in ranked[:LABELS_COUNTED]]
        if rest := ranked[LABELS_COUNTED:]:
            counts.append(f"{len(rest)} other labels {sum(count for _, count in rest)}")
        changed = f", {counted(self.changes, 'change')}" if self.changes else ""
        return f"{self._shown}: {counted(self.frames, 'frame')}{changed}{': ' if counts else ''}{', '.join(counts)}"


def run_on_video(
    paths: tuple[str, ...],
    model: Path,
    *,
    video: VideoOptions,
    output_format: str | None,
    top: int,
    label_folder: Path | None,
    provider: str,
    tuned: bool,
    tune: bool,
    threads: int | None,
    unknown_threshold: float | None,
    min_familiarity: float | str | None,
    embeddings: bool,
    max_megapixels: float,
) -> None:
    """Classify frames and print a line for each, or for each change.

    Ctrl-C ends a live source, as nothing else does: that is no failure. A video that is stopped is not done.
    """
    output_format = output_format or "json"
    if embeddings and output_format != "json":
        raise click.UsageError("--embeddings goes with --format json")
    is_live = names_live_source(paths[0])
    wanted = Provider(provider)
    model_file = read_model(model)
    goal = Goal.LATENCY if is_live else Goal.THROUGHPUT
    setting = tuned_setting_from(model_file, goal, provider=wanted, workers=threads, tuned=tuned, tune=tune)
    classifier = open_classifier(
        model_file,
        wanted,
        setting=setting,
        limits=ImageLimits(DEFAULT_LIMITS.max_bytes, int(max_megapixels * 1e6)),
        unknown_threshold=unknown_threshold,
        min_familiarity=min_familiarity,
        features=embeddings,
    )
    verify_once(model_file, classifier)
    announce_provider(classifier)
    if is_verbose(click.get_current_context()):
        click.echo(f"{classifier!r}, from {model}, {threads or classifier.workers} at once", err=True)
    sources = _found(paths)
    most = min(top, len(classifier.labels))
    out = make_output(output_format, classifier, sources, top=most, embeddings=embeddings)
    with _sigterm_like_ctrl_c():
        failed = sum(
            not _print_answers(source, classifier, out, video=video, label_folder=label_folder, threads=threads)
            for source in sources
        )
    if failed:
        if len(sources) > 1:
            click.echo(f"{failed} of {counted(len(sources), 'video')} could not be classified, or not whole", err=True)
        _leave(1)


@contextlib.contextmanager
def _sigterm_like_ctrl_c() -> Iterator[None]:
    """End as with Ctrl-C when a service manager ends the program: a labelled video is finished then."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _print_answers(
    source: str,
    classifier: Classifier,
    out: VideoOutput,
    *,
    video: VideoOptions,
    label_folder: Path | None,
    threads: int | None,
) -> bool:
    """Classify a source, or end the program if it is stopped; return False if there was an error, which is printed."""
    tally = _Tally(source)
    error = None
    try:
        _classify(source, classifier, out, tally, video=video, label_folder=label_folder, threads=threads)
    except VideoError as found:
        error = found
        out.write_error(_shown(source), found)
    except KeyboardInterrupt:
        click.echo(f"stopped; {tally.described}", err=True)
        _leave(0 if names_live_source(source) else INTERRUPTED)
    if isinstance(out, TableOutput) and tally.frames:
        click.echo(tally.described, err=True)
    return error is None


def _leave(exit_code: int) -> NoReturn:
    """End the program, without Python's own ending where a thread still waits in OpenCV."""
    if is_still_reading():
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(exit_code)
    sys.exit(exit_code)


def _found(paths: tuple[str, ...]) -> list[str]:
    """Return the sources, with patterns expanded, as shells on Windows do not."""
    found = []
    for path in paths:
        is_pattern = not names_live_source(path) and glob.has_magic(path) and not os.path.lexists(path)
        found += (sorted(glob.glob(path, recursive=True)) if is_pattern else []) or [path]
    return found


def _classify(
    source: str,
    classifier: Classifier,
    out: VideoOutput,
    tally: _Tally,
    *,
    video: VideoOptions,
    label_folder: Path | None,
    threads: int | None,
) -> None:
    frames = classifier.predict_video(
        source,
        every_s=video.every_s,
        crop=video.crop,
        workers=threads,
        timeout_s=video.timeout_s,
        reconnect_s=video.reconnect_s,
        on_notice=lambda text: click.echo(text, err=True),
    )
    labelled = None if label_folder is None else _labelled_video(label_folder, source, classifier, video)
    try:
        with contextlib.closing(frames):
            counted_frames = tally.counting(frames, labelled)
            if video.changes is None:
                for found in counted_frames:
                    out.write(found)
            else:
                for change in changes(counted_frames, confirm=video.changes):
                    tally.changes += 1
                    out.write(change)
    finally:
        if labelled is not None:
            labelled.close()
            if labelled.path is not None:
                click.echo(f"wrote {labelled.path}", err=True)


def _labelled_video(target: Path, source: str, classifier: Classifier, video: VideoOptions) -> LabelledVideo:
    """Return the labelled video: `target` itself if it is named as a video, or else a video in that folder."""
    remark = undrawable_remark(classifier.card.labels)
    if remark is not None:
        click.echo(remark, err=True)
    is_file = target.suffix.lower() == VIDEO_SUFFIX and not target.is_dir()
    folder = target.parent if is_file else target
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot make folder {str(folder)!r}: {error.strerror}; choose another place") from error
    return LabelledVideo(target if is_file else target / _drawing_name(source), every_s=video.every_s)


def _drawing_name(source: str) -> str:
    """Return the name of a labelled video: that of the video, "camera-0.mp4", or that of the stream's host."""
    if not names_live_source(source):
        return Path(source).with_suffix(VIDEO_SUFFIX).name
    shown = _shown(source).rpartition("@")[2].rpartition("://")[2]
    words = "".join(char if char.isalnum() or char == "." else "-" for char in shown).strip("-.")
    return f"{words or 'stream'}{VIDEO_SUFFIX}"


def _shown(source: str) -> str:
    return without_credentials(source) if names_live_source(source) else source
