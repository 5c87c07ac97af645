"""Corrections that users send: pictures in class folders, each with a record of where it came from.

The folder can be checked, divided and trained on as any other: what is not a picture lies in a hidden folder.
"""

import contextlib
import errno
import hashlib
import json
import os
import threading
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from edgecls.atomic_write import check_writable, whole_files
from edgecls.errors import DatasetError, OutputError, ServerError
from edgecls.folder_names import class_folder, escaped_label, folder_label
from edgecls.image_formats import read_header
from edgecls.picture_files import SUFFIXES_OF_FORMAT
from edgecls.serving.http.answer import Refusal
from edgecls.serving.repository.served_model import ServedModel

__all__ = ["RECORDS_FOLDER", "Correction", "FeedbackStore"]

RECORDS_FOLDER = ".corrections"
MAX_NAME_LENGTH = 255
BLOCK_BYTES = 4096  # what file systems commonly give out at once: a file of one byte takes as much
_NO_SPACE = {errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)}


@dataclass(frozen=True)
class Correction:
    """A picture and what a user says about it, as its record holds it.

    Attributes:
        sha256: Of the encoded picture.
        file: The picture, below the folder of the store.
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
    """A folder of corrected pictures; may be used by several threads, which take turns.

    A picture is there once, by its content; corrected again, it moves. Nothing is ever half there, and what is there
    stays when a new picture has no room.

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
        try:
            self._records.mkdir(parents=True, exist_ok=True)
            check_writable(self._records / "probe")
        except (OSError, OutputError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise ServerError(f"cannot keep feedback in {str(root)!r}: {reason}; give another folder") from error

    def keep(self, data: bytes, label: str, *, name: str, model: ServedModel) -> Correction:
        """Store a picture under the label that a user gives it.

        The model is asked about the picture, so that the record says what this very model answers, and so that only
        pictures are stored.

        Args:
            data: The encoded picture.
            label: One of the model's labels, or a new one if the store takes such.
            name: What the user's file is called.
            model: What gave the answer that is corrected.

        Raises:
            ImageError: It is not a picture that can be used.
            Refusal: The label cannot be taken (422), or there is no room (507).
            OutputError: It cannot be written.
        """
        folder_name = self._folder_name(label, model)
        prediction = model.predict(data, image_name=name)
        sha256 = hashlib.sha256(data).hexdigest()
        file_name = sha256 + SUFFIXES_OF_FORMAT[read_header(data, name=name).format][0]
        with self._lock:
            try:
                folder = class_folder(self._root, folder_name)
            except DatasetError as error:
                raise Refusal(422, "BadLabel", str(error)) from error
            correction = Correction(
                sha256=sha256,
                file=f"{folder.name}/{file_name}",
                label=label,
                predicted=prediction.best_label,
                probability=round(prediction.probability, 6),
                model=model.name,
                model_sha256=model.sha256,
                name=name[:MAX_NAME_LENGTH],
                time=datetime.now(UTC).isoformat(timespec="seconds"),
            )
            self._write(data, folder / file_name, correction)
        return correction

    def _folder_name(self, label: str, model: ServedModel) -> str:
        try:
            if label in model.classifier.card.labels:
                return escaped_label(label)
            if self.takes_new_labels:
                return folder_label(label)
        except DatasetError as error:
            raise Refusal(422, "BadLabel", str(error)) from error
        raise Refusal(
            422,
            "BadLabel",
            f"model {model.name!r} has no label {label[:100]!r}; give one of those that GET /status lists",
        )

    def _write(self, data: bytes, path: Path, correction: Correction) -> None:
        record_path = self._records / f"{correction.sha256}.json"
        record = (json.dumps(asdict(correction), ensure_ascii=False) + "\n").encode("utf-8", "replace")
        earlier: list[Path] = []
        try:
            taken, earlier = self._survey(correction.sha256)
            replaced = [*earlier, record_path] if record_path.exists() else earlier
            freed = sum(_blocks(file.stat().st_size) for file in replaced)
            if taken - freed + _blocks(len(data)) + _blocks(len(record)) > self._max_bytes:
                raise _full(
                    f"all corrections together may take {self._max_bytes / 2**20:.4g} MiB; "
                    "take some out of the feedback folder, or raise --feedback-max-mb"
                )
            path.parent.mkdir(exist_ok=True)
            with whole_files(path, record_path) as (staged, staged_record):
                staged.write_bytes(data)
                staged_record.write_bytes(record)
            for file in earlier:
                if file != path:
                    file.unlink(missing_ok=True)
        except (OSError, OutputError) as error:
            cause = error if isinstance(error, OSError) else error.__cause__
            if isinstance(cause, OSError) and cause.errno in _NO_SPACE:
                raise _full("the disk of the feedback folder is full; make room there") from error
            reason = cause.strerror if isinstance(cause, OSError) else error
            raise OutputError(f"the picture was not stored: {reason}; see to the feedback folder") from error
        finally:
            # A class folder without pictures could not be trained on.
            for folder in {path.parent, *(file.parent for file in earlier)}:
                with contextlib.suppress(OSError):
                    folder.rmdir()

    def _survey(self, sha256: str) -> tuple[int, list[Path]]:
        """Return the bytes that all files take, and those class-folder files that hold a certain picture.

        The folder is listed anew each time: people and other server processes change it too.
        """
        taken, found = 0, []
        with os.scandir(self._root) as folders:
            for folder in folders:
                if not folder.is_dir(follow_symlinks=False):
                    continue
                with os.scandir(folder) as files:
                    for file in files:
                        taken += _blocks(file.stat(follow_symlinks=False).st_size)
                        if file.name.startswith(f"{sha256}.") and folder.name != RECORDS_FOLDER:
                            found.append(Path(file))
        return taken, found


def _blocks(size: int) -> int:
    return -(-size // BLOCK_BYTES) * BLOCK_BYTES


def _full(reason: str) -> Refusal:
    return Refusal(507, "FeedbackFull", f"the picture was not stored: {reason}")
