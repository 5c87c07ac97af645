"""Images that the model was unsure about, kept for labelling: a folder for each day, and a journal of the answers."""

import contextlib
import hashlib
import json
import logging
import os
import shutil
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from edgecls.atomic_write import check_writable, whole_files
from edgecls.errors import ImageError, OutputError, ServerError
from edgecls.folder_lock import locked_folder
from edgecls.image_files import SUFFIXES_OF_FORMAT
from edgecls.image_formats import read_header
from edgecls.runtime.prediction import Prediction
from edgecls.server.models.served_model import ServedModel
from edgecls.server.storage.folder_sizes import FolderSizes, blocks

__all__ = ["JOURNAL", "UnsureImage", "UnsureStore"]

JOURNAL = "answers.jsonl"
MAX_NAME_LENGTH = 255
PATIENCE_S = 15.0  # for other processes that write
MIN_FREE_BYTES = 256 << 20  # of the disk, which are left to others
MAX_WAITING_BYTES = 64 << 20  # of images that wait to be written; further ones are not kept
TAIL_BYTES = 1 << 16  # of the journal, in which a line that was cut short is looked for

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class UnsureImage:
    """An image and the answer to it, as the journal holds it.

    Attributes:
        file: The image, below the folder of the store.
        sha256: Of the encoded image.
        reason: Why it is unknown: "unlike" or "undecided".
        label: The model's most probable label.
        probability: Of that label.
        familiarity: Of the image; None if the model does not judge that.
        model: The model's name.
        model_sha256: Of the model file.
        name: What the client called the image.
        time: When, in UTC, ISO 8601.
    """

    file: str
    sha256: str
    reason: str
    label: str
    probability: float
    familiarity: float | None
    model: str
    model_sha256: str
    name: str
    time: str


class UnsureStore:
    """A folder of images whose answer was "unknown"; may be used by several threads and processes.

    Answers do not wait for it: images are written by a thread of its own, as long as there is space. An image is there
    once, by its content, and nothing is ever removed.

    Args:
        root: The folder; made if need be.
        max_bytes: What all its files may take together.
        tell: Takes a line for the operator when images are no longer kept.

    Raises:
        ServerError: Nothing can be written there.
    """

    def __init__(self, root: Path, *, max_bytes: int, tell: Callable[[str], None] = _log.warning) -> None:
        self._root = root
        self._max_bytes = max_bytes
        self._tell = tell
        self._sizes = FolderSizes(root)
        self._changed = threading.Condition()
        self._waiting: deque[tuple[bytes, Prediction, ServedModel]] = deque()
        self._waiting_bytes = 0
        self._thread: threading.Thread | None = None
        self._is_told = False
        try:
            root.mkdir(parents=True, exist_ok=True)
            check_writable(root / "probe")
        except (OSError, OutputError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise ServerError(f"cannot keep unsure images in {str(root)!r}: {reason}; give another folder") from error

    def offer(self, data: bytes, prediction: Prediction, model: ServedModel) -> None:
        """Keep an image if its answer is "unknown"; returns at once, and drops it where too many wait.

        Args:
            data: The encoded image.
            prediction: The answer.
            model: What gave it.
        """
        if prediction.is_known:
            return
        with self._changed:
            if self._waiting_bytes + len(data) > MAX_WAITING_BYTES:
                return
            self._waiting.append((data, prediction, model))
            self._waiting_bytes += len(data)
            if self._thread is None:  # it ends where nothing waits
                self._thread = threading.Thread(target=self._run, name="edgecls-unsure", daemon=True)
                self._thread.start()

    def flush(self) -> None:
        """Return once everything that waited is written."""
        with self._changed:
            thread = self._thread
            self._changed.wait_for(lambda: self._thread is None)
        if thread is not None:
            thread.join()

    def _run(self) -> None:
        while True:
            with self._changed:
                if not self._waiting:
                    self._thread = None
                    self._changed.notify_all()
                    return
                data, prediction, model = self._waiting.popleft()
                self._waiting_bytes -= len(data)
            try:
                self._keep(data, prediction, model)
            except (OSError, OutputError, TimeoutError) as error:
                self._say(str(error))
            except ImageError:  # it was one when it was classified
                pass

    def _keep(self, data: bytes, prediction: Prediction, model: ServedModel) -> None:
        sha256 = hashlib.sha256(data).hexdigest()
        now = datetime.now(UTC)
        suffix = SUFFIXES_OF_FORMAT[read_header(data, name=prediction.image).format][0]
        path = self._root / now.date().isoformat() / f"{sha256}{suffix}"
        kept = UnsureImage(
            file=f"{path.parent.name}/{path.name}",
            sha256=sha256,
            reason=str(prediction.unknown_reason),
            label=prediction.best_label,
            probability=round(prediction.probability, 6),
            familiarity=None if prediction.familiarity is None else round(prediction.familiarity, 6),
            model=model.name,
            model_sha256=model.sha256,
            name=prediction.image[:MAX_NAME_LENGTH],
            time=now.isoformat(timespec="seconds"),
        )
        line = (json.dumps(asdict(kept), ensure_ascii=False) + "\n").encode("utf-8", "replace")
        with locked_folder(self._root, timeout_s=PATIENCE_S):
            taken = self._sizes.look()
            if self._sizes.find(sha256):
                return
            journal = self._root / JOURNAL
            with contextlib.suppress(FileNotFoundError):
                taken += blocks(journal.stat().st_size)
            if taken + blocks(len(data)) + blocks(len(line)) > self._max_bytes:
                self._say(f"they take {self._max_bytes / 2**20:.4g} MiB; move some away, or raise --keep-unsure-max-mb")
                return
            if shutil.disk_usage(self._root).free < MIN_FREE_BYTES + len(data):
                self._say(f"less than {MIN_FREE_BYTES >> 20} MiB of the disk are free")
                return
            path.parent.mkdir(exist_ok=True)
            with whole_files(path) as (staged,):
                staged.write_bytes(data)
            self._sizes.note([path])
            _append(journal, line)
        self._is_told = False

    def _say(self, reason: str) -> None:
        """Tell the operator, once until images are kept again."""
        if not self._is_told:
            self._is_told = True
            self._tell(f"unsure images are no longer kept in {str(self._root)!r}: {reason}")


def _append(journal: Path, line: bytes) -> None:
    """Append a line to a journal, in place of one that a killed process has left unfinished.

    The caller has locked its folder.
    """
    with open(journal, "ab+") as stream:
        size = stream.seek(0, os.SEEK_END)
        stream.seek(max(0, size - TAIL_BYTES))
        tail = stream.read()
        if unfinished := len(tail) - (tail.rfind(b"\n") + 1):
            stream.truncate(size - unfinished)
        stream.write(line)
