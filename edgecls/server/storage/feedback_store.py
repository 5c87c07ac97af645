"""Corrections that users send: images in class folders, each with a record of where it came from.

The folder can be checked, divided and trained on as any other: what is not an image is in a hidden folder.
"""

import contextlib
import errno
import hashlib
import json
import os
import re
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from edgecls.atomic_write import check_writable, whole_files
from edgecls.errors import DatasetError, EdgeclsError, OutputError, ServerError
from edgecls.folder_lock import locked_folder
from edgecls.folder_names import class_folder, escaped_label, folder_label
from edgecls.image_files import IMAGE_SUFFIXES, SUFFIXES_OF_FORMAT
from edgecls.image_formats import read_header
from edgecls.server.models.served_model import ServedModel

__all__ = ["RECORDS_FOLDER", "BadLabelError", "Correction", "FeedbackBusyError", "FeedbackFullError", "FeedbackStore"]

RECORDS_FOLDER = ".corrections"
MAX_NAME_LENGTH = 255
PATIENCE_S = 15.0  # for others who are at work in the folder; a process that was halted there would keep all waiting
BLOCK_BYTES = 4096  # the usual block of file systems: a file of one byte takes as much
_STAGED = re.compile(r"\.[0-9a-f]{8}-[0-9a-f]{64}\.[a-z]+")  # a file on its way to its name
_NO_SPACE = {errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)}


class BadLabelError(EdgeclsError):
    """A correction has a label that the store does not take."""


class FeedbackFullError(EdgeclsError):
    """There is no space for another correction."""


class FeedbackBusyError(EdgeclsError):
    """Others have been at work in the folder for too long.

    Attributes:
        retry_s: When to try again, in seconds.
    """

    retry_s = 1


@dataclass(frozen=True)
class Correction:
    """An image and what a user says about it, as its record holds it.

    Attributes:
        sha256: Of the encoded image.
        file: The image, below the folder of the store.
        label: What the user says it is.
        predicted: The model's most probable label.
        probability: Of that label.
        model: The model's name.
        model_sha256: Of the model file.
        name: What the user's file was called.
        time: When, in UTC, ISO 8601.
    """

    sha256: str
    file: str
    label: str
    predicted: str
    probability: float
    model: str
    model_sha256: str
    name: str
    time: str


class FeedbackStore:
    """A folder of corrected images; may be used by several threads and processes, which take turns.

    An image is there once, by its content; corrected again, it moves. Nothing is ever half stored, and what is there
    stays when a new image does not fit.

    Args:
        root: The folder of the class folders; made if need be.
        max_bytes: What all its files may take together.
        takes_new_labels: Whether a label may be one that the model does not have.

    Raises:
        ServerError: Nothing can be written there.
    """

    def __init__(self, root: Path, *, max_bytes: int, takes_new_labels: bool = False) -> None:
        self.takes_new_labels = takes_new_labels
        self._root = root
        self._records = root / RECORDS_FOLDER
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._sizes = _Sizes(root)
        try:
            self._records.mkdir(parents=True, exist_ok=True)
            check_writable(self._records / "probe")
        except (OSError, OutputError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise ServerError(f"cannot keep feedback in {str(root)!r}: {reason}; give another folder") from error

    def keep(self, data: bytes, label: str, *, name: str, model: ServedModel) -> Correction:
        """Store an image under the label that a user gives it.

        The model is asked about the image, so that the record says what this very model answers, and so that only
        images are stored.

        Args:
            data: The encoded image.
            label: One of the model's labels, or a new one if the store takes such.
            name: What the user's file is called.
            model: What gave the answer that is corrected.

        Raises:
            ImageError: It is not an image that can be used.
            BadLabelError: The label cannot be taken.
            FeedbackFullError: There is no space.
            FeedbackBusyError: Others keep the folder busy.
            OutputError: It cannot be written.
        """
        label, folder_name = self._folder_name(label, model)
        prediction = model.predict(data, image_name=name)
        sha256 = hashlib.sha256(data).hexdigest()
        file_name = sha256 + SUFFIXES_OF_FORMAT[read_header(data, name=name).format][0]
        correction = Correction(
            sha256=sha256,
            file=file_name,
            label=label,
            predicted=prediction.best_label,
            probability=round(prediction.probability, 6),
            model=model.name,
            model_sha256=model.sha256,
            name=name[:MAX_NAME_LENGTH],
            time=datetime.now(UTC).isoformat(timespec="seconds"),
        )
        try:
            with self._turn(), locked_folder(self._records, timeout_s=PATIENCE_S):
                folder = self._class_folder(folder_name, is_own=label in model.classifier.card.labels)
                correction = replace(correction, file=f"{folder.name}/{file_name}")
                self._write(data, folder / file_name, correction)
        except TimeoutError as error:
            raise _busy() from error
        except (OSError, OutputError) as error:
            cause = error if isinstance(error, OSError) else error.__cause__
            if isinstance(cause, OSError) and cause.errno in _NO_SPACE:
                raise _full("the disk of the feedback folder is full; free some space there") from error
            reason = cause.strerror if isinstance(cause, OSError) else error
            raise OutputError(f"the image was not stored: {reason}; check the feedback folder") from error
        return correction

    @contextlib.contextmanager
    def _turn(self) -> Iterator[None]:
        """Let one thread at a time into the block.

        Raises:
            FeedbackBusyError: Other threads have held it for too long.
        """
        if not self._lock.acquire(timeout=PATIENCE_S):
            raise _busy()
        try:
            yield
        finally:
            self._lock.release()

    def _folder_name(self, label: str, model: ServedModel) -> tuple[str, str]:
        """Return a label as it is kept, and the name of its folder."""
        labels = model.classifier.card.labels
        try:
            if label in labels:
                return label, escaped_label(label)
            if self.takes_new_labels:
                return _new_label(label, labels)
        except DatasetError as error:
            raise BadLabelError(str(error)) from error
        raise BadLabelError(
            f"model {model.name!r} has no label {label[:100]!r}; give one of those that GET /status lists"
        )

    def _class_folder(self, name: str, *, is_own: bool) -> Path:
        """Return a class folder; nothing but a file of its name is in the way of a model's own label."""
        try:
            return class_folder(self._root, name)
        except DatasetError as error:
            path = self._root / name
            if is_own and (path.is_dir() or not path.exists()):
                return path
            raise BadLabelError(str(error)) from error

    def _write(self, data: bytes, path: Path, correction: Correction) -> None:
        record_path = self._records / f"{correction.sha256}.json"
        record = (json.dumps(asdict(correction), ensure_ascii=False) + "\n").encode("utf-8", "replace")
        taken = self._sizes.look()
        earlier = self._sizes.find(correction.sha256)
        freed = sum(map(self._sizes.of, [*earlier, record_path]))
        if taken - freed + _blocks(len(data)) + _blocks(len(record)) > self._max_bytes:
            raise _full(
                f"all corrections together may take {self._max_bytes / 2**20:.4g} MiB; "
                "take some out of the feedback folder, or raise --feedback-max-mb"
            )
        try:
            path.parent.mkdir(exist_ok=True)
            with whole_files(path, record_path) as (staged, staged_record):
                staged.write_bytes(data)
                staged_record.write_bytes(record)
            for file in earlier:
                # Where upper and lower case are one, the folder may have the other name.
                with contextlib.suppress(FileNotFoundError):
                    if file.name != path.name or not file.parent.samefile(path.parent):
                        file.unlink()
        finally:
            # A class folder without images could not be trained on.
            for folder in {path.parent, *(file.parent for file in earlier)}:
                with contextlib.suppress(OSError):
                    folder.rmdir()
            self._sizes.note([path, record_path, *earlier])


class _Sizes:
    """What the files of a store take. Class folders are listed again only when somebody else has changed them: people,
    and other processes of the server.

    Whether they were is seen from their time of change. Systems round that to some milliseconds, in which two processes
    may well have changed a folder; so this one sets it to the nanosecond after each change of its own.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._seen: dict[str, tuple[int, dict[str, int]]] = {}  # by folder: when it was changed, bytes by name of file

    def look(self) -> int:
        """Return the bytes that all files take, after a look at what others have changed.

        Unfinished files of a killed process are removed: the caller holds the lock.

        Raises:
            OSError: The folder cannot be listed.
        """
        with os.scandir(self._root) as entries:
            folders = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
        self._seen = {name: seen for name in folders if (seen := self._look_into(name)) is not None}
        return sum(sum(sizes.values()) for _, sizes in self._seen.values())

    def find(self, sha256: str) -> list[Path]:
        """Return the files in class folders that hold an image."""
        names = [sha256 + suffix for suffix in IMAGE_SUFFIXES]
        return [
            self._root / folder / name
            for folder, (_, sizes) in self._seen.items()
            for name in names
            if folder != RECORDS_FOLDER and name in sizes
        ]

    def of(self, file: Path) -> int:
        """Return the bytes that a file takes; 0 if it is not there."""
        _, sizes = self._seen.get(file.parent.name, (0, {}))
        return sizes.get(file.name, 0)

    def note(self, files: Iterable[Path]) -> None:
        """Take note of files that were written or removed just now."""
        for file in files:
            folder = file.parent
            _, sizes = self._seen.setdefault(folder.name, (0, {}))
            sizes.pop(file.name, None)
            with contextlib.suppress(OSError):
                sizes[file.name] = _blocks(file.lstat().st_size)
            changed_ns = time.time_ns()
            with contextlib.suppress(OSError):
                os.utime(folder, ns=(changed_ns, changed_ns))
                self._seen[folder.name] = folder.stat().st_mtime_ns, sizes

    def _look_into(self, name: str) -> tuple[int, dict[str, int]] | None:
        """Return what a folder has; None if it is not there any more."""
        before_ns, known = self._seen.get(name, (0, {}))
        folder = self._root / name
        try:
            changed_ns = folder.stat().st_mtime_ns
            if changed_ns == before_ns:
                return before_ns, known
            names = os.listdir(folder)
        except FileNotFoundError:
            return None
        sizes = {}
        for file in names:
            if file in known:
                sizes[file] = known[file]
                continue
            with contextlib.suppress(FileNotFoundError):
                if _STAGED.fullmatch(file):
                    (folder / file).unlink()
                else:
                    sizes[file] = _blocks(os.lstat(os.path.join(folder, file)).st_size)
        return changed_ns, sizes


def _new_label(text: str, labels: Iterable[str]) -> tuple[str, str]:
    """Return a label that a model need not have, and the name of its folder.

    Raises:
        DatasetError: It cannot be the name of a folder, or it differs from one of the model's in case only.
    """
    try:
        name = folder_label(text)
    except DatasetError as error:
        raise DatasetError(f"{error}; give another label") from error
    for label in labels:
        with contextlib.suppress(DatasetError):  # one that is too long for a folder
            own = escaped_label(label)
            if own == name:
                return label, own
            if own.casefold() == name.casefold():
                break
    else:
        return name, name
    raise DatasetError(
        f"{text!r} differs from the model's label {label!r} in upper and lower case only; give the label as {label!r}"
    )


def _blocks(size: int) -> int:
    return -(-size // BLOCK_BYTES) * BLOCK_BYTES


def _busy() -> FeedbackBusyError:
    return FeedbackBusyError(
        "the image was not stored: other processes are using the feedback folder; try again shortly"
    )


def _full(reason: str) -> FeedbackFullError:
    return FeedbackFullError(f"the image was not stored: {reason}")
