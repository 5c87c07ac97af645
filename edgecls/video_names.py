"""What names a video: the endings of files, cameras and addresses; and how to show an address without its password."""

import os
import re

__all__ = ["STREAM_SCHEMES", "VIDEO_SUFFIXES", "has_video_name", "is_video", "names_live_source", "without_credentials"]

VIDEO_SUFFIXES = frozenset(
    [
        *(".mp4", ".m4v", ".mov", ".qt", ".3gp", ".3g2", ".f4v"),
        *(".mkv", ".webm", ".avi", ".divx", ".wmv", ".asf", ".flv", ".ogv", ".ogm", ".mxf", ".dv", ".ivf", ".y4m"),
        *(".mpg", ".mpeg", ".mpe", ".m1v", ".m2v", ".vob", ".ts", ".mts", ".m2ts"),
        *(".mjpg", ".mjpeg", ".h264", ".264", ".h265", ".265", ".hevc"),
    ]
)
"""File name endings, in lower case, that mark a file as a video."""

STREAM_SCHEMES = ("rtsp", "rtsps", "rtmp", "rtmps", "http", "https", "udp", "rtp")

_SUFFIXES = tuple(VIDEO_SUFFIXES)
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]+)://", re.IGNORECASE)
_CAMERA = re.compile(r"camera:", re.IGNORECASE)
_HIDDEN = "***"
_HEAD_BYTES = 189  # as far as the second packet of a transport stream
_IMAGE_BRANDS = frozenset(b"avif avis heic heix heim heis hevc hevx hevm hevs mif1 mif2 msf1 miaf crx ".split(b" "))
_STARTS = (
    b"\x1a\x45\xdf\xa3",  # Matroska, WebM
    b"FLV\x01",
    b"OggS",
    b"\x30\x26\xb2\x75\x8e\x66\xcf\x11",  # ASF, WMV
    b"\x00\x00\x01\xba",  # MPEG program stream
    b"\x00\x00\x01\xb3",  # MPEG video
    b"DKIF",
    b"YUV4MPEG2",
)


def has_video_name(name: str) -> bool:
    """True if a file of this name is taken for a video."""
    return name.lower().endswith(_SUFFIXES)


def names_live_source(text: str) -> bool:
    """True for a camera or an address of any scheme: what is no path."""
    return _CAMERA.match(text) is not None or _SCHEME.match(text) is not None


def is_video(text: str) -> bool:
    """True for a camera, an address, a file with a video's ending, and one that begins as videos do.

    Args:
        text: As typed. A file is looked into only if its name has an ending of neither images nor videos.
    """
    if names_live_source(text):
        return True
    if has_video_name(text):
        return not os.path.isdir(text)
    from edgecls.image_files import IMAGE_SUFFIXES

    if os.path.splitext(text)[1].lower() in IMAGE_SUFFIXES or not os.path.isfile(text):
        return False
    try:
        with open(text, "rb") as stream:
            head = stream.read(_HEAD_BYTES)
    except OSError:
        return False
    return _begins_like_video(head)


def _begins_like_video(head: bytes) -> bool:
    if head[4:8] == b"ftyp":
        return head[8:12] not in _IMAGE_BRANDS
    is_transport_stream = len(head) == _HEAD_BYTES and head[0] == head[-1] == 0x47
    return is_transport_stream or head.startswith(_STARTS) or (head[:4] == b"RIFF" and head[8:12] == b"AVI ")


def without_credentials(address: str) -> str:
    """Return an address as it may be shown: scheme, host and path.

    Names and passwords before the host, all parameters, and what follows an equals sign in the path are left out, as
    is the last part of an RTMP path, which may be a key. Where it is unclear what belongs to a password, more is
    left out rather than less.
    """
    scheme, separator, rest = address.partition("://")
    if not separator:
        return address
    before, at, rest = rest.rpartition("@")  # passwords may have "@", "/" and "?" in them
    rest, question, _ = rest.partition("?")
    rest, hash_sign, _ = rest.partition("#")
    path, equals, _ = rest.partition("=")
    if scheme.lower().startswith("rtmp") and path.count("/") > 1:
        path = path.rpartition("/")[0] + "/" + _HIDDEN
    shown = path + (equals + _HIDDEN if equals else "") + (question and f"?{_HIDDEN}") + (hash_sign and f"#{_HIDDEN}")
    return f"{scheme}://{_HIDDEN + '@' if before or at else ''}{shown}"
