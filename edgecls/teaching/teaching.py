"""A folder that is taught in: images in, models out, all of it by one program at a time."""

import csv
import hashlib
import io
import os
import shutil
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any

from edgecls.atomic_write import check_writable
from edgecls.dataset.formats.folders import has_split_folders
from edgecls.errors import DatasetError, OutputError, ServerError
from edgecls.folder_lock import try_lock_folder
from edgecls.folder_names import escaped_label
from edgecls.image_files import has_image_name, is_hidden
from edgecls.image_limits import DEFAULT_LIMITS, ImageLimits
from edgecls.teaching.bounds import TaughtElsewhereError, TeachingBounds, TeachingConflictError
from edgecls.teaching.dataset import HIDDEN, KEPT, Added, TaughtDataset
from edgecls.teaching.judgement import LEAST, alike_groups, comparison, doubtful_images, label_warnings
from edgecls.teaching.steps import Step, Steps
from edgecls.teaching.training_process import TrainingProcess, TrainingProgress
from edgecls.teaching.versions import Version, Versions

__all__ = ["Teaching", "is_dataset"]

JOURNAL = "steps.jsonl"
LOOKED_AT = 200  # entries of a folder
MODEL_BYTES = 64 * 2**20  # that a training may need on the disk: the model file, its report, and features


def is_dataset(root: Path) -> bool:
    """Return whether a folder is empty or missing, was taught in, or has folders of images as a dataset has.

    Only the beginning of large folders is looked at.
    """
    if not root.is_dir() or (root / HIDDEN).exists():
        return True
    try:
        entries = [entry for entry in os.scandir(root) if not is_hidden(entry.name)][:LOOKED_AT]
        folders = [entry.path for entry in entries if entry.is_dir()]
        files = (name for folder in folders for name in os.listdir(folder)[:LOOKED_AT])
        return not entries or any(map(has_image_name, files))
    except OSError:
        return True  # opening it says why it cannot be


class Teaching:
    """A dataset, its model versions, and the training that leads from one to the other; for several threads.

    The folder belongs to this object until `close`: nobody else can teach in it meanwhile.

    Args:
        root: The folder; made if need be. It may be a dataset with a folder of images for each label.
        bounds: How much it may hold.
        limits: On each image.

    Raises:
        ServerError: The folder cannot be used.
        TaughtElsewhereError: Another program is teaching in it.
        DatasetError: It has folders for splits, or its journal is damaged.
    """

    def __init__(
        self, root: Path, bounds: TeachingBounds | None = None, *, limits: ImageLimits = DEFAULT_LIMITS
    ) -> None:
        bounds = bounds or TeachingBounds()
        self.root = root.absolute()
        self.bounds = bounds
        self._lock = threading.RLock()
        hidden = self.root / HIDDEN
        try:
            if not hidden.exists() and self.root.is_dir() and has_split_folders(self.root):
                raise DatasetError(
                    f"cannot teach in {str(root)!r}: its folders are splits, as train and test, not labels; "
                    "give one of them"
                )
            (self.root / KEPT).mkdir(parents=True, exist_ok=True)
            check_writable(hidden / "probe")
            lock = try_lock_folder(hidden)
        except (OSError, OutputError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise ServerError(f"cannot teach in {str(root)!r}: {reason}; give another folder") from error
        if lock is None:
            raise TaughtElsewhereError(
                f"another program is teaching in {str(root)!r}; stop it first, or give another folder"
            )
        self._folder_lock: int | None = lock
        try:
            self._steps = Steps(self.root, hidden / JOURNAL)
            _remove_leftovers(self.root / KEPT)
            self._dataset = TaughtDataset(self.root, self._steps, bounds, limits)
            self._versions = Versions(self.root, self._steps, most=bounds.max_versions)
            self._training = TrainingProcess(hidden / "training", self.name, self._keep)
        except BaseException as error:
            os.close(lock)
            if isinstance(error, OSError):
                raise ServerError(f"cannot teach in {str(root)!r}: {error.strerror or error}") from error
            raise
        self._alike_at = -1
        self._alike: list[dict[str, Any]] = []

    @property
    def name(self) -> str:
        """What the models are called: the name of the folder."""
        return self.root.name or "taught"

    @property
    def in_use(self) -> Version | None:
        """The version that is in use; None before the first one is."""
        with self._lock:
            return self._versions.in_use

    def state(self) -> dict[str, Any]:
        """Return everything that a page shows: labels, warnings, versions, how far a training is."""
        with self._lock:
            labels = self._dataset.labels()
            if self._alike_at != self._steps.changes:
                self._alike_at, self._alike = self._steps.changes, alike_groups(labels, self._dataset.hashes())
            versions = self._versions.all()
            in_use = self._versions.in_use
            newest = versions[-1] if versions else None
            kept = self._dataset.kept_labels
            doubtful = [] if newest is None else doubtful_images(labels, newest.facts["evaluated"], kept)
            return {
                "name": self.name,
                "changes": self._steps.changes,
                "labels": [{"label": entry.label, "images": len(entry.images)} for entry in labels],
                "can_train": sum(len(entry.images) >= LEAST for entry in labels) >= 2,
                "warnings": [*label_warnings(labels), *self._alike, *doubtful],
                "corrections": _corrections(self._steps.done),
                "undo": _undo_facts(self._steps.done),
                "training": asdict(self._training.progress),
                "versions": [self._version_facts(version, versions) for version in versions],
                "in_use": None if in_use is None else in_use.number,
                "bounds": asdict(self.bounds),
            }

    @property
    def progress(self) -> TrainingProgress:
        """How far a training is; known at once, whatever else goes on."""
        return self._training.progress

    def folders(self) -> dict[str, str]:
        """Return the label of each folder that is there or will be."""
        with self._lock:
            return {entry.folder: entry.label for entry in self._dataset.labels()}

    def images(self, label: str) -> list[str]:
        """Return the paths of the images of a label below the folder, in the order in which they came.

        Images that others have put there come first.
        """
        with self._lock:
            found = next((entry.images for entry in self._dataset.labels() if entry.label == label), ())
            came = {target: step.number for step in self._steps.done for _, target in step.moves}
            return sorted(found, key=lambda path: (came.get(path, 0), path))

    def image_file(self, path: str) -> Path:
        """Return where an image is. Raises as `TaughtDataset.file`."""
        with self._lock:
            return self._dataset.file(path)

    def add_label(self, label: str) -> str:
        """Make a label. Raises as `TaughtDataset.add_label`."""
        with self._lock:
            return self._dataset.add_label(label)

    def rename_label(self, label: str, new: str) -> str:
        """Give a label another name. Raises as `TaughtDataset.rename_label`."""
        with self._lock:
            return self._dataset.rename_label(label, new)

    def remove_label(self, label: str) -> None:
        """Take a label and its images out. Raises as `TaughtDataset.remove_label`."""
        with self._lock:
            self._dataset.remove_label(label)

    def add_image(self, data: bytes, label: str, *, name: str, batch: str = "", **origin: Any) -> Added:
        """Add an image. Raises as `TaughtDataset.add_image`."""
        with self._lock:
            return self._dataset.add_image(data, label, name=name, batch=batch, **origin)

    def correct(
        self,
        data: bytes,
        label: str,
        *,
        name: str,
        predicted: str,
        probability: float,
        batch: str = "",
        **model: str,
    ) -> Added:
        """Add an image under the label that a user gives it.

        Args:
            data: The encoded image.
            label: What it shows.
            name: What the user's file is called.
            predicted: The label that a model found most probable.
            probability: How probable.
            batch: As for `TaughtDataset.add_image`.
            model: What else is to be written down of the model.

        Raises:
            As `TaughtDataset.add_image`.
        """
        facts = {"corrects": predicted, "probability": round(probability, 6), **model}
        return self.add_image(data, label, name=name, batch=batch, **facts)

    def move_image(self, path: str, label: str) -> str:
        """Give an image another label. Raises as `TaughtDataset.move_image`."""
        with self._lock:
            return self._dataset.move_image(path, label)

    def keep_label(self, path: str) -> None:
        """Doubt the label of an image no longer. Raises as `TaughtDataset.keep_label`."""
        with self._lock:
            self._dataset.keep_label(path)

    def remove_image(self, path: str) -> None:
        """Take an image out. Raises as `TaughtDataset.remove_image`."""
        with self._lock:
            self._dataset.remove_image(path)

    def undo(self) -> Step:
        """Undo the last step, and return it. Raises as `Steps.undo`."""
        with self._lock:
            return self._steps.undo()[0]

    def train(self) -> None:
        """Start to train a version of the model on the images as they are now.

        Raises:
            TeachingConflictError: A training is running, or there are too few images.
            TeachingFullError: There is no space for another version.
            TrainingError: The training cannot be started.
            OSError: Nothing can be written.
        """
        with self._lock:
            labels = self._dataset.labels()
            if self._training.progress.state != "running":  # which is the more important reason
                _check_enough(labels)
                self._dataset.look()
                self._dataset.check_space(MODEL_BYTES)
            listed = io.StringIO()
            rows = csv.writer(listed)
            rows.writerow(["path", "label"])
            for entry in labels:
                rows.writerows([str(self.root / path), entry.label] for path in entry.images)
            self._training.start(listed.getvalue())

    def cancel_training(self) -> None:
        """End the training that is running, if there is one."""
        self._training.cancel()

    def wait_for_training(self) -> None:
        """Return when no training is running."""
        self._training.wait()

    def versions(self) -> list[Version]:
        """Return the versions, the oldest first."""
        with self._lock:
            return self._versions.all()

    def version(self, number: int) -> Version:
        """Return a version. Raises as `Versions.version`."""
        with self._lock:
            return self._versions.version(number)

    def use(self, number: int) -> Version:
        """Put a version into use; that it works has been found out before. Raises as `Versions.use`."""
        with self._lock:
            return self._versions.use(number)

    def zipped(self) -> Iterator[bytes]:
        """Yield the dataset as a ZIP file in pieces: a folder for each label, and `labels.csv` with their true names.

        Images that are removed meanwhile are left out.
        """
        with self._lock:
            labels = self._dataset.labels()
        sink = _Sink()
        with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED) as archive:
            table = io.StringIO()
            rows = csv.writer(table)
            rows.writerow(["path", "label"])
            top = _safe_name(self.name)
            for entry in labels:
                for path in entry.images:
                    try:
                        data = (self.root / path).read_bytes()
                    except OSError:
                        continue
                    inside = "/".join(map(_safe_name, PurePosixPath(path).parts))
                    archive.writestr(f"{top}/{inside}", data)
                    rows.writerow([inside, entry.label])
                    yield sink.take()
            archive.writestr(f"{top}/labels.csv", table.getvalue())
        yield sink.take()

    def close(self) -> None:
        """End a training that is running, and let go of the folder; does nothing the second time."""
        self._training.cancel()
        with self._lock:
            self._steps.close()
            if self._folder_lock is not None:
                os.close(self._folder_lock)
                self._folder_lock = None

    def _keep(self, folder: Path, result: dict[str, Any]) -> None:
        """Keep the model of a training that has ended well."""
        evaluated = [
            {**one, "image": os.path.relpath(one["image"], self.root).replace(os.sep, "/")}
            for one in result["evaluated"]
        ]
        facts = {key: value for key, value in result.items() if key not in ("model", "report")}
        report = folder / "run" / "report.html"
        if report.exists():
            report.rename(folder / "report.html")
        with self._lock:
            in_use = self._versions.in_use
            facts |= {
                "evaluated": evaluated,
                "time": datetime.now(UTC).isoformat(timespec="seconds"),
                "before": None if in_use is None else in_use.number,
            }
            self._versions.add(folder, facts)

    def _version_facts(self, version: Version, versions: list[Version]) -> dict[str, Any]:
        facts = version.facts
        before = next((other for other in versions if other.number == facts["before"]), None)
        return {
            "number": version.number,
            "time": facts["time"],
            "duration_s": facts["duration_s"],
            "cpu_s": facts["cpu_s"],
            "labels": facts["labels"],
            "images": sum((facts["images_per_label"] or {}).values()),
            "accuracy": facts["accuracy"],
            "accuracy_interval": facts["accuracy_interval"],
            "accuracy_of": facts["accuracy_of"],
            "evaluated": len(facts["evaluated"]),
            "before": None if before is None else before.number,
            "accuracy_before": None if before is None else before.facts["accuracy"],
            "per_label": comparison(None if before is None else before.facts, facts),
        }


class _Sink(io.RawIOBase):
    """Takes what is written, and gives it away."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        self._pieces.append(bytes(data))
        return len(data)

    def take(self) -> bytes:
        taken = b"".join(self._pieces)
        self._pieces.clear()
        return taken


def _safe_name(name: str) -> str:
    """Return a name that unpacks to one file of that name, in one folder, on every system."""
    try:
        return escaped_label(name)
    except DatasetError:  # too long
        stem, suffix = os.path.splitext(name)
        return hashlib.sha256(stem.encode("utf-8", "surrogatepass")).hexdigest()[:20] + escaped_label(suffix)


def _remove_leftovers(kept: Path) -> None:
    """Remove what a kill has left half written, and versions whose training was undone."""
    for path in kept.glob(".*.moving"):
        path.unlink()
    for path in kept.glob("version-*"):
        shutil.rmtree(path, ignore_errors=True)


def _check_enough(labels: list[Any]) -> None:
    with_images = [entry for entry in labels if entry.images]
    if len(with_images) < 2:
        raise TeachingConflictError("a model tells labels apart: give images of at least two")
    few = [entry.label for entry in with_images if len(entry.images) < LEAST]
    if few:
        raise TeachingConflictError(
            f"label {few[0]!r} has a single image, and one has to be held out; add more, or remove the label"
        )


def _corrections(done: list[Step]) -> int:
    """Return how many images were corrected since the last version was trained."""
    count = 0
    for step in reversed(done):
        if step.kind == "version":
            break
        count += "corrects" in step.facts
    return count


def _undo_facts(done: list[Step]) -> dict[str, Any] | None:
    """Return what would be undone: its kind, the number of images, and the label or the version it is about."""
    if not done:
        return None
    last = done[-1]
    batch = last.facts.get("batch")
    count = 0
    for step in reversed(done):
        if step is not last and (not batch or step.facts.get("batch") != batch):
            break
        count += step.kind in ("add", "move", "keep", "remove", "forget") and max(1, len(step.moves))
    about = last.facts.get("to") or last.facts.get("label")
    return {"kind": last.kind, "images": count, "label": about, "version": last.facts.get("number")}
