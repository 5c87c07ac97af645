"""Where frames come from: video files, cameras, streams."""

import os
import re
from dataclasses import dataclass, field
from enum import StrEnum

from edgecls.errors import VideoError
from edgecls.image_files import has_image_name
from edgecls.regular_file import NotRegularFileError, open_regular
from edgecls.video_names import STREAM_SCHEMES, names_live_source, without_credentials

__all__ = ["Kind", "VideoSource", "check_file", "parse_source", "why_unreadable"]

MAX_BOXES = 10_000  # at the top of an MP4 file; a fragmented one has two for each second or so


class Kind(StrEnum):
    """What a source is."""

    FILE = "file"
    CAMERA = "camera"
    STREAM = "stream"


@dataclass(frozen=True)
class VideoSource:
    """A video, camera or stream.

    Attributes:
        kind: What it is.
        address: What OpenCV opens: a path, the number or device of a camera, or a URL, which may have a password in it.
        shown: What to call it, without passwords.
    """

    kind: Kind
    address: str = field(repr=False)
    shown: str


def parse_source(source: str | os.PathLike[str]) -> VideoSource:
    """Return the source that a text names: ``camera:0``, a URL, or else a file.

    Raises:
        VideoError: No camera, or no scheme that can be read.
    """
    text = os.fsdecode(source)
    if isinstance(source, os.PathLike) or not names_live_source(text):
        return VideoSource(Kind.FILE, text, text)
    if text[:7].lower() == "camera:":
        camera = text[7:]
        if re.fullmatch(r"[0-9]{1,4}|/dev/.+", camera) is None:
            raise VideoError(
                f"cannot open {without_credentials(text)!r}: give the camera's number, as camera:0, or device: "
                "camera:/dev/video0"
            )
        return VideoSource(Kind.CAMERA, camera, f"camera:{camera}")
    scheme, _, rest = text.partition("://")
    shown = without_credentials(text)
    if scheme.lower() not in STREAM_SCHEMES:
        raise VideoError(f"cannot open {shown!r}: streams are {', '.join(f'{name}://' for name in STREAM_SCHEMES)}")
    if not rest.strip("/"):
        raise VideoError(f"cannot open {shown!r}: the address has no host")
    if scheme.lower().startswith("http") and has_image_name(rest.partition("?")[0].rpartition("/")[2]):
        raise VideoError(f"cannot open {shown!r}: it is the address of an image; try: curl -s URL | edgecls run -")
    return VideoSource(Kind.STREAM, f"{scheme.lower()}://{rest}", shown)


def check_file(source: VideoSource) -> None:
    """Check that a video is a file that can be read.

    Raises:
        VideoError: There is no such file, it is a folder, a pipe or a device, it is empty or may not be read.
    """
    try:
        with open_regular(source.address) as stream:
            is_empty = not stream.read(1)
    except FileNotFoundError as error:
        raise VideoError(f"cannot read {source.shown!r}: no such file; check the path") from error
    except NotRegularFileError as error:
        raise VideoError(f"cannot read {source.shown!r}: {error}; give a video file, or camera:N") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise VideoError(f"cannot read {source.shown!r}: {reason}; give a video file") from error
    if is_empty:
        raise VideoError(f"cannot read {source.shown!r}: the file is empty; check that it was copied whole")


def why_unreadable(source: VideoSource) -> str:
    """Return why OpenCV found no video in a file, as far as its bytes tell."""
    try:
        boxes = _boxes(source.address)
    except OSError:
        boxes = set()
    if b"ftyp" in boxes and b"moov" not in boxes:
        return "it is cut short, its index (moov) is missing; copy it again, or record it to the end"
    return (
        "there is no video in it that OpenCV can decode: it is damaged, has only audio, is of another format, or uses "
        "another codec; ffprobe tells which"
    )


def _boxes(path: str) -> set[bytes]:
    """Return the types of the outermost boxes, if it is an MP4 file."""
    found: set[bytes] = set()
    with open_regular(path) as stream:
        end, at = os.fstat(stream.fileno()).st_size, 0
        for _ in range(MAX_BOXES):
            stream.seek(at)
            head = stream.read(16)
            if len(head) < 8:
                break
            size = int.from_bytes(head[:4], "big")
            if size == 1:
                size = int.from_bytes(head[8:16], "big")
            if size == 0:
                size = end - at
            if size < 8 or at + size > end:
                break
            found.add(head[4:8])
            at += size
    return found
