"""The options of edgecls run for videos, cameras and streams, and which of its other options go with them."""

import functools
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import click

from edgecls.commands.options import typed_options
from edgecls.commands.terminal import on_one_line
from edgecls.video_names import has_video_name, is_video, names_live_source

__all__ = ["PassedOver", "VideoOptions", "is_on_video", "video_options"]

_OPTIONS = ("every_s", "changes", "crop", "timeout_s", "reconnect_s")
_BOTH = frozenset(
    [
        *("paths", "model", "top", "output_format", "label_folder", "provider", "gpu", "tuned", "tune", "threads"),
        *("unknown_threshold", "min_familiarity", "max_megapixels", "embeddings", "quiet", "verbose"),
    ]
)
"""Options for images that videos have, too."""

_LIVE = re.compile(r"camera:|(rtsps?|rtmps?|udp|rtp)://", re.IGNORECASE)
_UNITS = {"": 1.0, "s": 1.0, "ms": 0.001, "min": 60.0, "m": 60.0, "h": 3600.0}


class _Duration(click.ParamType[float]):
    """A duration in seconds, or with a unit."""

    name = "TIME"

    def __init__(self, *, shortest_s: float) -> None:
        self._shortest_s = shortest_s

    def convert(self, value: str | float, param: click.Parameter | None, ctx: click.Context | None) -> float:
        found = re.fullmatch(r"([0-9]*\.?[0-9]+)\s*(ms|s|min|m|h|)", str(value).strip())
        if found is None:
            self.fail(f"{value!r} is not a time; give it as 1s, 500ms, 2min or 1h", param, ctx)
        seconds = float(found[1]) * _UNITS[found[2]]
        if not self._shortest_s <= seconds < math.inf:
            self.fail(f"{value!r} is too short; give at least {self._shortest_s:g}s", param, ctx)
        return seconds


class _Crop(click.ParamType[tuple[int, int, int, int]]):
    """Left, top, width and height in pixels."""

    name = "X,Y,W,H"

    def convert(
        self, value: str | tuple[int, int, int, int], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int, int, int]:
        if isinstance(value, tuple):
            return value
        found = re.fullmatch(r"\s*(\d{1,6})\s*,\s*(\d{1,6})\s*,\s*(\d{1,6})\s*,\s*(\d{1,6})\s*", value)
        if found is None or not int(found[3]) or not int(found[4]):
            self.fail(
                f"{value!r} is not a part of a frame; give left,top,width,height in pixels, as 0,0,640,480", param, ctx
            )
        return int(found[1]), int(found[2]), int(found[3]), int(found[4])


@dataclass(frozen=True)
class VideoOptions:
    """The values of `video_options`; times in seconds."""

    every_s: float | None
    changes: int | None
    crop: tuple[int, int, int, int] | None
    timeout_s: float
    reconnect_s: float


def video_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options to a command, which gets them as `video`."""

    @functools.wraps(command)
    def packed(*arguments: Any, **values: Any) -> Any:
        video = VideoOptions(**{name: values.pop(name) for name in _OPTIONS})
        return command(*arguments, video=video, **values)

    options = (
        click.option(
            "--every",
            "every_s",
            type=_Duration(shortest_s=0.001),
            show_default="every frame of a video; of a camera or stream, as many as can be classified",
            help="Of a video, camera or stream: take a frame every so often, as 1s, 500ms or 2min.",
        ),
        click.option(
            "--changes",
            metavar="N",
            type=click.IntRange(min=1),
            help="Of a video, camera or stream: print only changes of the answer, each after N equal answers in a row.",
        ),
        click.option(
            "--crop", type=_Crop(), help="Of a video, camera or stream: the part of each frame to classify, in pixels."
        ),
        click.option(
            "--timeout",
            "timeout_s",
            type=_Duration(shortest_s=0.1),
            default="10s",
            show_default=True,
            help="Of a camera or stream: how long to wait for it to answer, and for each frame.",
        ),
        click.option(
            "--reconnect",
            "reconnect_s",
            type=_Duration(shortest_s=0),
            default="5min",
            show_default=True,
            help="Of a camera or stream: how long to try to get it back when it is lost; 0 for not at all.",
        ),
    )
    for option in reversed(options):
        packed = option(packed)
    return packed


def is_on_video(ctx: click.Context, paths: Sequence[str]) -> bool:
    """True if the work is to be done on videos, a camera or a stream.

    Images and video files given together are taken as images, and the videos are reported: a pattern may match both.

    Raises:
        click.UsageError: The options do not go together.
    """
    typed = typed_options(ctx)
    if "on" in typed:
        if any(_LIVE.match(path) for path in paths):
            raise click.UsageError("cameras and streams do not go with --on ray; they are for this machine")
        videos = False
    else:
        is_live = any(map(names_live_source, paths))
        if is_live and len(paths) > 1:
            raise click.UsageError("a camera or stream is classified alone; start a command for each")
        videos = is_live or all(map(is_video, paths))
    if not videos:
        for name in _OPTIONS:
            if name in typed:
                raise click.UsageError(
                    f"{typed[name]} is for videos, cameras and streams, and not for images; give them alone"
                )
        return False
    for name, option in typed.items():
        if name not in (*_BOTH, *_OPTIONS):
            raise click.UsageError(f"{option} does not go with videos, cameras and streams; it is for images")
    if ctx.params["output_format"] == "parquet":
        raise click.UsageError("--format parquet does not go with videos, cameras and streams; json does")
    return True


class PassedOver:
    """The videos in folders that are looked through for images."""

    def __init__(self) -> None:
        self._count = 0
        self._first = ""

    def add(self, path: str) -> None:
        """Take notice of a file that is no image."""
        if has_video_name(path):
            self._first = self._first or path
            self._count += 1

    def report(self) -> None:
        """Say on standard error how many there are, and what to do with them; nothing if there are none."""
        if self._count:
            noun = "video" if self._count == 1 else "videos"
            first = on_one_line(self._first)
            click.echo(f"passed over {self._count} {noun}; for their frames: edgecls run {first}", err=True)
