"""Which images were made from which: the manifest that `edgecls data augment` writes.

`augmented.jsonl` is in the folder of the copies. Its first line holds the settings of the run,
every other line one image. Lines are appended as images are finished, so that an interrupted
run can continue; a truncated last line does not count.
"""

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from edgecls.errors import DatasetError
from edgecls.journal import DamagedLineError, read_journal

__all__ = ["MANIFEST", "Augmented", "Manifest", "lineage_of", "read_manifest"]

MANIFEST = "augmented.jsonl"
FORMAT = 1


@dataclass(frozen=True)
class Augmented:
    """One image in a folder of augmented copies.

    Attributes:
        output: Its path below the folder, with forward slashes.
        source: The path of the image it was made from.
        source_sha256: The SHA-256 of that image's file, in hex: its identity, wherever it is.
        transform: The amounts of its warp, by name; None for the image itself, copied unchanged.
    """

    output: str
    source: str
    source_sha256: str
    transform: Mapping[str, float | bool] | None

    def __post_init__(self) -> None:
        path = PurePosixPath(self.output)
        if not self.output or path.is_absolute() or ".." in path.parts:
            raise ValueError(f"output must be a path below the folder, got {self.output!r}")
        if len(self.source_sha256) != 64 or set(self.source_sha256) - set("0123456789abcdef"):
            raise ValueError(f"source_sha256 must be a SHA-256 in hex, got {self.source_sha256!r}")
        if self.transform is not None and not isinstance(self.transform, Mapping):
            raise ValueError(f"transform must be an object or null, got {self.transform!r}")


@dataclass(frozen=True)
class Manifest:
    """The contents of a manifest.

    Attributes:
        settings: Of the run that made the images.
        images: The images finished so far.
    """

    settings: Mapping[str, Any]
    images: tuple[Augmented, ...]


def lineage_of(paths: Iterable[Path]) -> dict[Path, str]:
    """Return the identity of the source of every image that a manifest in a folder above it names.

    A copied original has the same identity as all that was made from it, so that images of one
    identity belong together.

    Args:
        paths: Images from anywhere, links included.

    Returns:
        SHA-256 of the source, in hex, by the path as given; images without lineage are left out.

    Raises:
        DatasetError: A manifest is damaged.
    """
    manifests: dict[Path, dict[Path, str]] = {}
    found: dict[Path, str] = {}
    for path in paths:
        real = Path(os.path.realpath(path))
        for folder in real.parents:
            if folder not in manifests:
                manifests[folder] = _lineage_in(folder)
            if real in manifests[folder]:
                found[path] = manifests[folder][real]
                break
    return found


def _lineage_in(folder: Path) -> dict[Path, str]:
    """Return for each image that the manifest in a folder names, by its real path, the identity of its source."""
    manifest = read_manifest(folder)
    root = Path(os.path.realpath(folder))
    return {root / image.output: image.source_sha256 for image in manifest.images} if manifest else {}


def read_manifest(folder: Path) -> Manifest | None:
    """Read the manifest in a folder of augmented copies; None if it has none.

    Raises:
        DatasetError: It is damaged, or in a format that this edgecls does not know.
    """
    path = folder / MANIFEST
    try:
        records = read_journal(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise DatasetError(f"cannot read {str(path)!r}: {error.strerror}; check who may read it") from error
    except DamagedLineError as error:
        raise _damaged(path, error) from error
    if not records:
        if any(other.name != MANIFEST for other in folder.iterdir()):
            raise DatasetError(f"manifest {str(path)!r} is empty; delete it together with the images next to it")
        return None  # killed before the first line was whole, so before the first image
    settings, *images = (
        _parse(record, number, path, _image if number > 1 else _settings) for number, record in enumerate(records, 1)
    )
    return Manifest(settings, tuple(images))


def _parse(record: Any, number: int, path: Path, make: Callable[[Any], Any]) -> Any:
    try:
        return make(record)
    except (ValueError, KeyError, TypeError) as error:
        raise _damaged(path, f"line {number}: {error}") from error


def _damaged(path: Path, reason: object) -> DatasetError:
    return DatasetError(f"manifest {str(path)!r} is damaged at {reason}; restore it, or augment into a new folder")


def _settings(head: Any) -> dict[str, Any]:
    if head["edgecls_augment"] != FORMAT:
        raise ValueError(f"format {head['edgecls_augment']!r} is not known to this edgecls, which reads {FORMAT}")
    return dict(head["settings"])


def _image(line: Any) -> Augmented:
    return Augmented(line["output"], line["source"], line["source_sha256"], line["transform"])
