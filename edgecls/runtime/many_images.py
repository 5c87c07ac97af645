"""Many images: finding them by files, folders, patterns and standard input, and classifying them in order."""

import glob
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edgecls import image
from edgecls.errors import ImageError, ImageReadError, UnsupportedImageError
from edgecls.image_files import image_names
from edgecls.image_limits import ImageLimits
from edgecls.in_order import map_in_order
from edgecls.runtime.prediction import Outcome
from edgecls.video_names import has_video_name

if TYPE_CHECKING:
    from edgecls.runtime.classifier import Classifier
    from edgecls.runtime.illustrator import Illustrator

__all__ = ["STDIN", "Source", "classify_stream", "each_name", "file_source", "find_names", "open_source"]

STDIN = "-"


@dataclass(frozen=True, slots=True)
class Source:
    """One image that has not been read yet.

    Attributes:
        name: What it is called in results: its path, or "-" for standard input.
        read: Returns its encoded bytes; raises ImageReadError or ImageTooLargeError.
    """

    name: str
    read: Callable[[ImageLimits], bytes]


def classify_stream(
    classifier: "Classifier", sources: Iterable[Source], *, workers: int, illustrator: "Illustrator | None" = None
) -> Iterator[Outcome]:
    """Classify images and return an outcome for each, in the order of `sources`.

    Each worker reads, decodes and classifies one image at a time; that keeps as many cores busy
    as there are workers, which on a CPU beats batches. If the classifier runs batches, those that several workers
    have decoded run together.

    Args:
        classifier: The opened model.
        sources: The images; taken one by one, a few ahead of the outcomes.
        workers: How many to work on at once, at least 1.
        illustrator: Makes drawings of the answers; None for none.
    """

    def classify(source: Source) -> Outcome:
        try:
            data = source.read(classifier.limits)
            if illustrator is not None:
                return illustrator.classify(classifier, data, name=source.name)
            return Outcome(source.name, classifier.predict_bytes(data, name=source.name))
        except ImageError as error:
            return Outcome(source.name, error)

    return map_in_order(classify, sources, workers=workers)


def find_names(
    paths: Sequence[str], *, passing_over: Collection[str] = (), on_other: Callable[[str], object] | None = None
) -> list[str]:
    """Return what `each_name` yields."""
    # Names and not sources: of a million images, these take a hundred megabytes, those would take several.
    return list(each_name(paths, passing_over=passing_over, on_other=on_other))


def each_name(
    paths: Sequence[str], *, passing_over: Collection[str] = (), on_other: Callable[[str], object] | None = None
) -> Iterator[str]:
    """Expand paths into the names of images, keeping the order; `open_source` opens each.

    A file is taken whatever its suffix. A folder gives all images below it, sorted, by their
    suffixes, one folder at a time. A name that does not exist and has ``*``, ``?`` or ``[`` in it is a pattern
    (``**`` for folders at any depth), as shells on Windows do not expand them. ``-`` is standard input. A name
    that leads to nothing is kept, so that it is reported in its place.

    Args:
        paths: Files, folders, patterns, "-".
        passing_over: Folders below those of `paths` that are left out, by their real paths. If there are
            any, a folder without images is no fault: they may all be in there.
        on_other: Told every file in the folders that is no image.
    """
    for path in paths:
        yield from _names_of(path, passing_over, on_other)


def _names_of(path: str, passing_over: Collection[str], on_other: Callable[[str], object] | None) -> Iterator[str]:
    if path == STDIN:
        yield path
    elif os.path.isdir(path):
        is_empty = True
        for name in image_names(Path(path), passing_over=passing_over, on_other=on_other):
            is_empty = False
            yield name
        if is_empty and not passing_over:
            yield path
    elif os.path.lexists(path) or not glob.has_magic(path):
        yield path
    else:
        matches = sorted(match for match in glob.iglob(path, recursive=True) if not os.path.isdir(match))
        yield from (os.path.join(os.curdir, match) if match == STDIN else match for match in matches or [path])


def open_source(name: str) -> Source:
    """Return an image that `find_names` has named."""
    if name == STDIN:
        return Source(STDIN, lambda limits: image.read_stdin(limits=limits))
    return Source(name, lambda limits: _read_named(name, limits))


def file_source(path: str) -> Source:
    """Return a file, whatever its name, as an image to read."""
    return Source(path, lambda limits: image.read_file(path, limits=limits))


def _read_named(name: str, limits: ImageLimits) -> bytes:
    try:
        if has_video_name(name) and os.path.isfile(name):
            raise UnsupportedImageError(
                f"cannot use {name!r}: it is a video; classify it without images: edgecls run VIDEO"
            )
        return image.read_file(name, limits=limits)
    except ImageReadError as error:
        if os.path.isdir(name):
            reason = "the folder has no images"
        elif glob.has_magic(name) and not os.path.lexists(name):
            reason = "no file matches the pattern"
        else:
            raise
        raise ImageReadError(f"cannot read {name!r}: {reason}; check the path") from error
