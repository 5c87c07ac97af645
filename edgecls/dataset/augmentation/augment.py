"""Augmented copies of images on disk, with a manifest that records what was made from what."""

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from edgecls import image
from edgecls.atomic_write import whole_files
from edgecls.dataset.augmentation.lineage import FORMAT, MANIFEST, Augmented, Manifest, lineage_of, read_manifest
from edgecls.dataset.augmentation.warp import WarpLimits, apply_warp, draw_warp
from edgecls.dataset.formats.labelled_images import Dataset, LabelledImages
from edgecls.errors import DatasetError, ImageError, OutputError
from edgecls.in_order import map_in_order
from edgecls.journal import Journal

__all__ = ["AugmentResult", "AugmentSettings", "augment"]

LOSSY_SUFFIXES = frozenset([".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".avif", ".heic", ".heif", ".hif"])
"""Endings of photographs, whose copies are written as JPEG; copies of the others are written as PNG."""

JPEG_QUALITY = 95


@dataclass(frozen=True)
class AugmentSettings:
    """What to make.

    Attributes:
        copies: Augmented copies of each image, at least 1.
        limits: How far they may differ from it.
        seed: Same seed, same copies; whatever the order of the images and the number of workers.
        with_originals: Also copy the images themselves.

    Raises:
        DatasetError: `copies` is below 1 or `seed` below 0.
    """

    copies: int
    limits: WarpLimits = field(default_factory=WarpLimits)
    seed: int = 0
    with_originals: bool = True

    def __post_init__(self) -> None:
        if self.copies < 1 or self.seed < 0:
            raise DatasetError(f"copies must be at least 1 and seed at least 0, got {self.copies} and {self.seed}")


@dataclass(frozen=True)
class AugmentResult:
    """The outcome of augmenting.

    Attributes:
        written: Files written, originals included.
        kept: Files that an earlier, interrupted run wrote.
        failures: Why each of the other images could not be used.
    """

    written: int
    kept: int
    failures: tuple[ImageError, ...]


@dataclass(frozen=True)
class _Task:
    """An image, where it goes and where its copies go, as paths below the folder written to."""

    source: Path
    original: str | None
    copies: tuple[str, ...]

    @property
    def outputs(self) -> tuple[str, ...]:
        return self.copies if self.original is None else (self.original, *self.copies)


def augment(
    dataset: Dataset,
    data: Path,
    out: Path,
    settings: AugmentSettings,
    *,
    workers: int,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> AugmentResult:
    """Write augmented copies of the images to train on into class folders.

    Held-out splits are never augmented; they are copied unchanged, unless originals are not wanted.
    An interrupted run continues where it stopped when it is started again with the same settings.

    Args:
        dataset: The images.
        data: The path they were read from.
        out: Folder to write to: new, empty, or that of an interrupted run.
        settings: What to make.
        workers: How many images to work on at once.
        on_progress: Called with the number of images done and the number of all.

    Raises:
        OutputError: `out` holds something else, is inside `data`, or cannot be written to.
        DatasetError: A label cannot be a folder's name, two images would get the same name, or an image
            has changed since the run was interrupted.
    """
    tasks = _plan(dataset, settings)
    identities = lineage_of(task.source for task in tasks)
    run = {"data": str(data.resolve()), **asdict(settings)}
    manifest = _open_folder(out, data, run)
    done = {image.output: image.source_sha256 for image in manifest.images if os.path.isfile(out / image.output)}
    failures: list[ImageError] = []
    written = 0

    def work(task: _Task) -> list[Augmented] | ImageError:
        try:
            return _write(task, out, settings, done, identities.get(task.source))
        except ImageError as error:
            return error

    path = out / MANIFEST
    try:
        with Journal(path) as journal:
            for count, outcome in enumerate(map_in_order(work, tasks, workers=workers), 1):
                if isinstance(outcome, ImageError):
                    failures.append(outcome)
                else:
                    written += len(outcome)
                    journal.append(*(asdict(image) for image in outcome))
                on_progress(count, len(tasks))
    except OSError as error:
        raise OutputError(f"cannot write {str(path)!r}: {error.strerror or error}; choose another place") from error
    return AugmentResult(written, len(done), tuple(failures))


def _plan(dataset: Dataset, settings: AugmentSettings) -> list[_Task]:
    tasks: list[_Task] = []
    for name, split in dataset.splits.items():
        copies = settings.copies if name == "train" else 0
        prefix = f"{name}/" if len(dataset.splits) > 1 else ""
        for path, below in _names(split):
            original = f"{prefix}{below}" if settings.with_originals else None
            stem = os.path.splitext(below)[0]
            suffix = ".jpg" if path.suffix.lower() in LOSSY_SUFFIXES else ".png"
            copied = tuple(f"{prefix}{stem}-aug{index}{suffix}" for index in range(1, copies + 1))
            tasks.append(_Task(path, original, copied))
    taken: dict[str, Path] = {}
    for task in tasks:
        for output in task.outputs:
            if output in taken:
                raise DatasetError(
                    f"{str(taken[output])!r} and {str(task.source)!r} would both be written as {output!r}; rename one"
                )
            taken[output] = task.source
    return [task for task in tasks if task.outputs]


def _names(split: LabelledImages) -> Iterator[tuple[Path, str]]:
    """Yield each image with its path in the output: its label, then the path below the deepest folder of the label."""
    for index, label in enumerate(split.labels):
        if label.startswith(".") or any(char in label for char in "/\\\0"):
            raise DatasetError(f"label {label!r} cannot be the name of a folder; rename it")
        paths = [path for path, label_id in split if label_id == index]
        folder = os.path.commonpath([path.absolute().parent for path in paths]) if paths else ""
        for path in paths:
            yield path, f"{label}/{Path(os.path.relpath(path.absolute(), folder)).as_posix()}"


def _open_folder(out: Path, data: Path, run: dict[str, Any]) -> Manifest:
    """Create the folder with the head of its manifest, or find out how far an interrupted run got."""
    if data.is_dir() and out.resolve().is_relative_to(data.resolve()):
        raise OutputError(f"cannot write into {str(out)!r}: it is in {str(data)!r}; choose a folder elsewhere")
    earlier = read_manifest(out)
    if earlier is not None:
        settings = json.loads(json.dumps(run))
        differing = sorted(name for name, value in settings.items() if earlier.settings.get(name) != value)
        if differing:
            raise OutputError(
                f"{str(out)!r} holds a run with other settings ({', '.join(differing)}); "
                "give the same ones to continue it, or another folder"
            )
        return earlier
    try:
        out.mkdir(parents=True, exist_ok=True)
        if any(path.name != MANIFEST for path in out.iterdir()):
            raise OutputError(f"{str(out)!r} is not empty; choose a new folder, nothing is ever overwritten")
        with Journal(out / MANIFEST) as journal:
            journal.append({"edgecls_augment": FORMAT, "settings": run})
    except OSError as error:
        raise OutputError(f"cannot write into {str(out)!r}: {error.strerror}; choose another place") from error
    return Manifest(run, ())


def _write(
    task: _Task, out: Path, settings: AugmentSettings, done: dict[str, str], identity: str | None
) -> list[Augmented]:
    """Write what is missing of an image and its copies; return what was written."""
    data = image.read_file(task.source)
    digest = hashlib.sha256(data)
    identity = identity or digest.hexdigest()
    if any(done.get(output, identity) != identity for output in task.outputs):
        raise DatasetError(f"{str(task.source)!r} has changed since the run was interrupted; choose a new folder")
    missing = [output for output in task.outputs if output not in done]
    if not missing:
        return []
    source = str(task.source)
    pixels = image.decode(data, name=source)  # also if it is only copied: it must be usable
    written = []
    for output in missing:
        (out / output).parent.mkdir(parents=True, exist_ok=True)
        if output == task.original:
            encoded, transform = data, None
        else:
            copy = task.copies.index(output) + 1
            rng = np.random.default_rng([settings.seed, copy, *digest.digest()])
            warp = draw_warp(settings.limits, rng)
            options = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY] if output.endswith(".jpg") else []
            copy_pixels = apply_warp(pixels, warp)[:, :, ::-1]
            encoded = cv2.imencode(os.path.splitext(output)[1], copy_pixels, options)[1].tobytes()
            transform = asdict(warp)
        with whole_files(out / output) as (temporary,):
            temporary.write_bytes(encoded)
        written.append(Augmented(output, os.path.abspath(task.source), identity, transform))
    return written
