"""The taught dataset: class folders of images, as any other dataset, and how they are changed step by step."""

import hashlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from edgecls import image
from edgecls.dataset.similarity.fingerprints import BLANK_SPREAD
from edgecls.dataset.similarity.measures import HASH_SPEC, Hashes, perceptual_hash
from edgecls.errors import DatasetError
from edgecls.file_moves import write_new_file
from edgecls.folder_names import class_folder, escaped_label
from edgecls.image_files import SUFFIXES_OF_FORMAT, has_image_name, image_names, is_hidden
from edgecls.image_formats import read_header
from edgecls.image_limits import ImageLimits
from edgecls.teaching.bounds import (
    NotTaughtError,
    TaughtLabelError,
    TeachingBounds,
    TeachingFullError,
    TeachingLimitError,
)
from edgecls.teaching.steps import Move, Step, Steps

__all__ = ["HIDDEN", "Added", "TaughtDataset", "TaughtLabel", "used_bytes"]

HIDDEN = ".edgecls-teaching"
KEPT = f"{HIDDEN}/kept"  # images on their way into the dataset, and those that have left it
NAME_DIGITS = 20  # of the SHA-256 of an image, which name its file
LONGEST_LABEL = 100  # characters
MAX_ORIGIN = 255  # characters of what the user's file was called
_BLOCK = 4096
_HASH_BYTES = 32  # of a perceptual hash


@dataclass(frozen=True)
class TaughtLabel:
    """A label and its images.

    Attributes:
        label: As users write it.
        folder: Name of its folder, which is there once it has an image.
        images: Paths of its images below the dataset, with slashes, sorted.
    """

    label: str
    folder: str
    images: tuple[str, ...]


@dataclass(frozen=True)
class Added:
    """What became of an image that was added.

    Attributes:
        image: Its path below the dataset.
        label: Its label.
        before: The label under which it was until now; the same one if nothing has changed; None if it is new.
    """

    image: str
    label: str
    before: str | None


class TaughtDataset:
    """A folder with a folder of images for each label. Not for several threads at once.

    Args:
        root: The folder.
        steps: Its journal.
        bounds: How much it may hold.
        limits: On each image.
    """

    def __init__(self, root: Path, steps: Steps, bounds: TeachingBounds, limits: ImageLimits) -> None:
        self.root = root
        self.steps = steps
        self._bounds = bounds
        self._limits = limits
        self._known_at = -1
        self._labels: dict[str, str] = {}
        self._used = used_bytes(root)

    def labels(self) -> list[TaughtLabel]:
        """Return all labels in the order in which they were made; those that somebody else made come last."""
        known = self._known()
        found = sorted(
            entry.name
            for entry in os.scandir(self.root)
            if entry.is_dir(follow_symlinks=False) and not is_hidden(entry.name)
        )
        for folder in found:
            if folder not in known and any(image_names(self.root / folder)):
                known[folder] = folder
        return [TaughtLabel(label, folder, tuple(self._images(folder))) for folder, label in known.items()]

    def file(self, path: str) -> Path:
        """Return where an image is.

        Raises:
            NotTaughtError: There is no such image.
        """
        parts = PurePosixPath(path).parts
        is_inside = len(parts) > 1 and not any(part == ".." or is_hidden(part) or "\0" in part for part in parts)
        if not is_inside or not has_image_name(parts[-1]) or not os.path.isfile(self.root / path):
            raise NotTaughtError(f"there is no image {path[:200]!r} in the dataset; it may have been moved or removed")
        return self.root.joinpath(*parts)

    def add_label(self, label: str) -> str:
        """Make a label, and return it as it is kept.

        Raises:
            TaughtLabelError: It cannot be a label.
            TeachingLimitError: There are too many.
            OSError: The journal cannot be written.
        """
        label = label.strip()
        if label in {entry.label for entry in self.labels()}:
            return label
        folder = self._new_folder(label)
        self._make_label(label, folder, "", is_new=True)
        return label

    def rename_label(self, label: str, new: str) -> str:
        """Give a label another name, and return it as it is kept.

        Raises:
            As `add_label`; NotTaughtError: There is no such label.
        """
        entry, new = self._entry(label), new.strip()
        if new == label:
            return label
        if new in {other.label for other in self.labels()}:
            raise TaughtLabelError(f"there is a label {new!r} already; move the images there instead")
        folder = self._new_folder(new, beside=entry.folder)
        moves = [(entry.folder, folder)] if entry.images and folder != entry.folder else []
        self.steps.do("rename", moves, label=label, folder=entry.folder, to=new, to_folder=folder)
        return new

    def remove_label(self, label: str) -> None:
        """Take a label and its images out of the dataset.

        Raises:
            NotTaughtError: There is no such label.
        """
        entry = self._entry(label)
        self.steps.do("forget", self._leaving(entry.images), label=label, folder=entry.folder)

    def add_image(self, data: bytes, label: str, *, name: str, batch: str = "", **origin: Any) -> Added:
        """Add an image to a label. One that has another label moves, as it is the same image by its content.

        Args:
            data: The encoded image.
            label: One of the labels, or a new one.
            name: What the user's file is called.
            batch: The same for images that are undone together; "" for none.
            origin: What else is to be written down with it.

        Raises:
            ImageError: It is no image that can be used.
            TaughtLabelError: The label cannot be taken.
            TeachingLimitError: There are too many images or labels.
            TeachingFullError: There is no space.
            OSError: It cannot be written.
        """
        header = read_header(data, name=name)
        sha256 = hashlib.sha256(data).hexdigest()
        file_name = sha256[:NAME_DIGITS] + SUFFIXES_OF_FORMAT[header.format][0]
        label = label.strip()
        entries = self.labels()
        own = next((entry.folder for entry in entries if entry.label == label), None)
        folder = own or self._new_folder(label)
        if own is None:
            batch = batch or f"step {self.steps.next_number}"  # the label is made and undone with its image
        target = f"{folder}/{file_name}"
        for entry in entries:
            if there := next((path for path in entry.images if path.endswith(f"/{file_name}")), None):
                if entry.label != label:
                    self._make_label(label, folder, batch, is_new=own is None)
                    self.steps.do("move", [(there, target)], batch=batch, **origin)
                    there = target
                return Added(there, label, entry.label)
        facts: dict[str, Any] = {"name": name[:MAX_ORIGIN], "batch": batch, **origin}
        pixels = image.decode_to_fit(data, HASH_SPEC, limits=self._limits, name=name)
        image.check_whole(data, name=name)
        if pixels.std(axis=(0, 1)).max() >= BLANK_SPREAD:
            facts["hash"] = perceptual_hash(pixels).tobytes().hex()
        if sum(len(entry.images) for entry in entries) >= self._bounds.max_images:
            raise TeachingLimitError(f"there may be at most {self._bounds.max_images} images; remove some first")
        self.check_space(len(data))
        self._make_label(label, folder, batch, is_new=own is None)
        kept = f"{KEPT}/{file_name}"
        if not (self.root / kept).exists():
            write_new_file(data, self.root / kept)
            self._used += used_of(len(data))
        self.steps.do("add", [(kept, target)], **facts)
        return Added(target, label, None)

    def move_image(self, path: str, label: str) -> str:
        """Give an image another label, and return where it is then.

        Raises:
            NotTaughtError: There is no such image or label.
        """
        self.file(path)
        target = f"{self._entry(label).folder}/{PurePosixPath(path).name}"
        if target != path:
            self.steps.do("move", [(path, target)])
        return target

    def keep_label(self, path: str) -> None:
        """Write down that an image has the right label, as somebody who has looked at it says.

        Raises:
            NotTaughtError: There is no such image.
        """
        self.file(path)
        self.steps.do("keep", image=path)

    @property
    def kept_labels(self) -> frozenset[str]:
        """The paths of the images whose label is right, as somebody says."""
        return frozenset(step.facts["image"] for step in self.steps.done if step.kind == "keep")

    def remove_image(self, path: str) -> None:
        """Take an image out of the dataset.

        Raises:
            NotTaughtError: There is no such image.
        """
        self.file(path)
        self.steps.do("remove", self._leaving([path]))

    def hashes(self) -> dict[str, Hashes]:
        """Return the perceptual hashes that are known, by the names of the files."""
        return {
            PurePosixPath(step.moves[0][1]).name: np.frombuffer(bytes.fromhex(step.facts["hash"]), np.uint64)
            for step in self.steps.done
            if step.kind == "add" and len(step.facts.get("hash", "")) == 2 * _HASH_BYTES
        }

    def look(self) -> None:
        """Take note of what others have written, for `check_space`."""
        self._used = used_bytes(self.root)

    def check_space(self, size: int) -> None:
        """Return if there is space for so many bytes.

        Raises:
            TeachingFullError: There is not.
        """
        free = shutil.disk_usage(self.root).free
        if free - size < self._bounds.min_free_mb * 2**20:
            raise TeachingFullError(
                f"only {free / 2**20:.4g} MiB of the disk are free, and {self._bounds.min_free_mb:.4g} MiB have to "
                "stay so; free some space"
            )
        if self._used + size > self._bounds.max_mb * 2**20:
            raise TeachingFullError(
                f"the folder may take {self._bounds.max_mb:.4g} MiB; delete files in {KEPT!r} below it, which "
                "are images that were removed, or allow more (edgecls serve --teach-max-mb)"
            )

    def _known(self) -> dict[str, str]:
        """Return the labels that were made here, by their folders."""
        if self._known_at != self.steps.changes:
            self._labels = {}
            for step in self.steps.done:
                if step.kind == "label":
                    self._labels[step.facts["folder"]] = step.facts["label"]
                elif step.kind == "forget":
                    self._labels.pop(step.facts["folder"], None)
                elif step.kind == "rename":
                    self._labels = _renamed(self._labels, step)
            self._known_at = self.steps.changes
        return dict(self._labels)

    def _images(self, folder: str) -> Iterator[str]:
        top = self.root / folder
        start = len(os.path.join(top, ""))
        for path in image_names(top):  # a step looks through all of them, so each has to be quick
            yield f"{folder}/{path[start:].replace(os.sep, '/')}"

    def _entry(self, label: str) -> TaughtLabel:
        for entry in self.labels():
            if entry.label == label:
                return entry
        raise NotTaughtError(f"there is no label {label[:100]!r}; make it first")

    def _make_label(self, label: str, folder: str, batch: str, *, is_new: bool) -> None:
        if is_new:
            if len(self.labels()) >= self._bounds.max_labels:
                raise TeachingLimitError(f"there may be at most {self._bounds.max_labels} labels; remove one first")
            self.steps.do("label", label=label, folder=folder, batch=batch)

    def _new_folder(self, label: str, *, beside: str | None = None) -> str:
        """Return the folder of a label that is not there yet; `beside` is a folder that may be in its way."""
        try:
            if not label or len(label) > LONGEST_LABEL:
                raise DatasetError(f"a label has 1 to {LONGEST_LABEL} characters")
            folder = escaped_label(label)
            others = {name.casefold(): name for name in self._known() if name != beside}
            if twin := others.get(folder.casefold()):
                raise DatasetError(f"{label!r} and the label in folder {twin!r} differ in upper and lower case only")
            if beside is None or beside.casefold() != folder.casefold():
                folder = class_folder(self.root, folder).name
        except DatasetError as error:
            raise TaughtLabelError(f"{error}; give another label") from error
        return folder

    def _leaving(self, paths: tuple[str, ...] | list[str]) -> list[Move]:
        return [(path, f"{KEPT}/{self.steps.next_number}/{path}") for path in paths]


def _renamed(labels: dict[str, str], step: Step) -> dict[str, str]:
    """Return the labels with one under its new name, in its place."""
    old, new = step.facts["folder"], (step.facts["to_folder"], step.facts["to"])
    items = [new if folder == old else (folder, label) for folder, label in labels.items()]
    return dict(items if old in labels else [*items, new])


def used_of(size: int) -> int:
    """Return what a file of so many bytes takes on the disk."""
    return -(-size // _BLOCK) * _BLOCK


def used_bytes(folder: Path) -> int:
    """Return what all files below a folder take on the disk."""
    total = 0
    for parent, _, files in os.walk(folder):
        for name in files:
            try:
                total += used_of(os.lstat(os.path.join(parent, name)).st_size)
            except FileNotFoundError:
                continue
    return total
