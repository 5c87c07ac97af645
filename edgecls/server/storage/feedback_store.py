"""Corrections that users send: images in class folders, each with a record of where it came from.

The folder can be checked, divided and trained on as any other: what is not an image is in a hidden folder.
"""

import contextlib
import errno
import hashlib
import json
import threading
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from edgecls.atomic_write import check_writable, whole_files
from edgecls.errors import DatasetError, EdgeclsError, OutputError, ServerError
from edgecls.folder_lock import locked_folder
from edgecls.folder_names import class_folder, escaped_label, folder_label
from edgecls.image_files import SUFFIXES_OF_FORMAT
from edgecls.image_formats import read_header
from edgecls.server.models.served_model import ServedModel
from edgecls.server.storage.folder_sizes import FolderSizes, blocks

__all__ = ["RECORDS_FOLDER", "BadLabelError", "Correction", "FeedbackBusyError", "FeedbackFullError", "FeedbackStore"]

RECORDS_FOLDER = ".corrections"
MAX_NAME_LENGTH = 255
PATIENCE_S = 15.0  # for others who are at work in the folder; a process that was halted there would keep all waiting
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
        self._sizes = FolderSizes(root)
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
        if taken - freed + blocks(len(data)) + blocks(len(record)) > self._max_bytes:
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


def _busy() -> FeedbackBusyError:
    return FeedbackBusyError(
        "the image was not stored: other processes are using the feedback folder; try again shortly"
    )


def _full(reason: str) -> FeedbackFullError:
    return FeedbackFullError(f"the image was not stored: {reason}")
