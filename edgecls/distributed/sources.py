"""Where the images of a cluster job come from: folders, list files and object storage, listed as a stream.

A list of all images is never held: at most one folder's names, or one line of a list file, are in memory.
"""

import contextlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgecls import image
from edgecls.errors import DistributedError, ImageReadError
from edgecls.extras import import_from_extra
from edgecls.image_files import has_image_name, image_names, is_hidden
from edgecls.image_limits import ImageLimits, check_size

__all__ = [
    "HERE",
    "LIST_SUFFIXES",
    "Listed",
    "Place",
    "RemoteReader",
    "folder_entries",
    "is_uri",
    "list_images",
    "listing_errors",
    "local_roots",
    "open_location",
]

LIST_SUFFIXES = (".txt", ".lst")
"""File name endings, in lower case, of files that name images, one a line."""

HERE = ""
"""The location of files that are opened by their path."""


@dataclass(frozen=True, slots=True)
class Listed:
    """An image that is to be classified.

    Attributes:
        location: The URI of the root that holds it, with the options of its file system; "" for a local file.
        name: What it is called in the output: its path as given, or its URI without options and credentials.
        label_id: Its true label, as an index into those of the model; None where that is not known.
    """

    location: str
    name: str
    label_id: int | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """What a URI names.

    Attributes:
        location: As in `Listed`.
        shown: The URI without options and credentials.
        key: Where in the location it is.
    """

    location: str
    shown: str
    key: str

    @classmethod
    def of(cls, uri: str) -> "Place":
        """Take a URI apart."""
        bare, _, options = uri.partition("?")
        scheme, _, rest = bare.partition("://")
        host, _, key = rest.partition("/")
        return cls(_location(scheme, host, options), _uri(scheme, host, key), key)


def is_uri(source: str) -> bool:
    """True for s3://bucket/key and the like, false for local paths."""
    scheme, separator, _ = source.partition("://")
    return bool(separator) and scheme.isalnum()


def list_images(sources: Sequence[str]) -> Iterator[Listed]:
    """Yield the images of all sources, in their order; one that is named twice comes twice.

    A folder gives the images below it, by their suffixes, as `edgecls run` finds them. A file that ends in .txt or
    .lst names images, one a line, local or not. Any other file is an image. URIs are those that pyarrow opens.

    Args:
        sources: Paths and URIs.

    Raises:
        DistributedError: A source does not exist or cannot be listed.
        MissingExtraError: pyarrow is not installed, and a source is a URI.
    """
    for source in sources:
        yield from _remote_images(source) if is_uri(source) else _local_images(source)


def local_roots(sources: Sequence[str]) -> list[str]:
    """Return the absolute paths that every machine of the cluster has to see: local folders and images.

    Raises:
        DistributedError: One does not exist.
    """
    local = [source for source in sources if not is_uri(source)]
    for source in local:
        if not os.path.exists(source):
            raise DistributedError(f"cannot list {source!r}: no such file or folder; check the path")
    return [os.path.abspath(source) for source in local if not source.lower().endswith(LIST_SUFFIXES)]


def _local_images(source: str) -> Iterator[Listed]:
    if os.path.isdir(source):
        for name in image_names(Path(source)):
            yield Listed(HERE, name)
    elif source.lower().endswith(LIST_SUFFIXES):
        try:
            with open(source, "rb") as stream:
                yield from _named_in(stream, "")
        except OSError as error:
            raise DistributedError(f"cannot read the list {source!r}: {error.strerror or error}") from error
    else:
        yield Listed(HERE, source)


def _named_in(lines: Any, options: str) -> Iterator[Listed]:
    """Yield what the lines of a list name; blank ones do not count."""
    for line in lines:
        name = line.rstrip(b"\r\n").decode("utf-8", "surrogateescape")
        if not name.strip():
            continue
        if is_uri(name):
            scheme, _, rest = name.partition("://")
            host, _, key = rest.partition("/")
            yield Listed(_location(scheme, host, options), _uri(scheme, host, key))
        else:
            yield Listed(HERE, name)


def _remote_images(source: str) -> Iterator[Listed]:
    place = Place.of(source)
    with listing_errors(place):
        system, fs, root = open_location(place.location)
        top = f"{root}/{place.key}".rstrip("/") or "/"
        found = system.get_file_info(top)
        if found.type == fs.FileType.NotFound:
            raise DistributedError(f"cannot list {place.shown!r}: there is nothing under this name; check it")
        if found.type == fs.FileType.File and place.key.lower().endswith(LIST_SUFFIXES):
            with system.open_input_stream(top) as stream:
                yield from _named_in(_lines(stream), source.partition("?")[2])
        elif found.type == fs.FileType.File:
            yield Listed(place.location, place.shown)
        else:
            beginning = place.shown.rstrip("/")
            for path in _walk(system, fs, top):
                yield Listed(place.location, f"{beginning}/{path[len(top) :].lstrip('/')}")


@contextlib.contextmanager
def listing_errors(place: Place) -> Iterator[None]:
    """Turn the errors of file systems into a DistributedError."""
    try:
        yield
    except (OSError, ValueError) as error:
        raise DistributedError(
            f"cannot list {place.shown!r}: {error}; check the name, the credentials and the options of the address"
        ) from error


def _walk(system: Any, fs: Any, folder: str) -> Iterator[str]:
    """Yield the paths of images, those of a folder before those below it; one folder's names are in memory."""
    folders, images = folder_entries(system, fs, folder)
    beginning = folder.rstrip("/")
    yield from (f"{beginning}/{name}" for name in images)
    for name in folders:
        yield from _walk(system, fs, f"{beginning}/{name}")


def folder_entries(system: Any, fs: Any, folder: str) -> tuple[list[str], list[str]]:
    """Return the names of the visible folders in a folder, and those of the images, each sorted."""
    folders, images = list[str](), list[str]()
    for info in system.get_file_info(fs.FileSelector(folder)):
        name = str(info.base_name)
        if info.type != fs.FileType.Directory:
            if has_image_name(name):
                images.append(name)
        elif not is_hidden(name):
            folders.append(name)
    return sorted(folders), sorted(images)


def _lines(stream: Any) -> Iterator[bytes]:
    """Yield the lines of a stream of pyarrow, which has none itself."""
    left = b""
    while block := stream.read(1 << 20):
        *lines, left = (left + block).split(b"\n")
        yield from lines
    yield left


def _location(scheme: str, host: str, options: str) -> str:
    return f"{scheme}://{host}/" + (f"?{options}" if options else "")


def _uri(scheme: str, host: str, key: str) -> str:
    """Return the name of an image: its URI without a user and password."""
    return f"{scheme}://{host.rpartition('@')[2]}/{key}"


def open_location(location: str) -> tuple[Any, Any, str]:
    """Return the file system of a location, the module `pyarrow.fs`, and the path of the location's root there.

    Raises:
        OSError: It cannot be reached.
        ValueError: pyarrow knows no such scheme or option.
    """
    fs = import_from_extra("pyarrow.fs", extra="ray", purpose=f"reading from {location.partition('?')[0]!r}")
    system, root = fs.FileSystem.from_uri(location)
    return system, fs, root.rstrip("/")


class RemoteReader:
    """Reads images by their names; file systems stay open. May be shared between threads."""

    def __init__(self) -> None:
        self._systems: dict[str, tuple[Any, Any, str]] = {}

    def read(self, location: str, name: str, limits: ImageLimits) -> bytes:
        """Return the encoded bytes of an image.

        Args:
            location: As `Listed.location`.
            name: As `Listed.name`.
            limits: Bounds on the image.

        Raises:
            ImageReadError: It cannot be read.
            ImageTooLargeError: It has more bytes than the limits allow.
        """
        if location == HERE:
            return image.read_file(name, limits=limits)
        try:
            if location not in self._systems:
                self._systems[location] = open_location(location)
            system, _, root = self._systems[location]
            key = name.partition("://")[2].partition("/")[2]
            with system.open_input_stream(f"{root}/{key}") as stream:
                data: bytes = stream.read(limits.max_bytes + 1)
        except (OSError, ValueError) as error:
            raise ImageReadError(f"cannot read {name!r}: {error}; check the name and the credentials") from error
        check_size(len(data), name=name, limits=limits)
        return data
