"""The folder in which a training run keeps what it has come to: settings, history, checkpoint, report."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from edgecls.atomic_write import check_writable, whole_files
from edgecls.errors import OutputError, TrainingError
from edgecls.evaluation.history import EpochReport, history_csv
from edgecls.file_moves import link_or_copy
from edgecls.regular_file import read_regular
from edgecls.training.checkpoint import Checkpoint, Checkpoints
from edgecls.training.config import TrainConfig
from edgecls.training.config_file import build_config, config_to_toml, read_settings

__all__ = ["CONFIG_NAME", "ExistingRun", "RunDirectory", "RunFacts", "default_run_directory"]

FORMAT = 1
FACTS_NAME = "run.json"
CONFIG_NAME = "config.toml"
HISTORY_NAME = "history.csv"
REPORT_NAME = "report.html"
TENSORBOARD_NAME = "tensorboard"
PLOTS_NAME = "plots"
MODEL_NAMES = ("model.onnx", "model.keras")


class ExistingRun(Enum):
    """What to do with a run that is in the run directory already.

    REPLACE_FINISHED: replace it if it is finished, refuse to begin if it is not.
    RESUME: go on with it.
    OVERWRITE: replace it, finished or not.
    """

    REPLACE_FINISHED = "replace-finished"
    RESUME = "resume"
    OVERWRITE = "overwrite"


@dataclass(frozen=True)
class RunFacts:
    """The images a run is of.

    Attributes:
        dataset_sha256: Fingerprint of the images and labels.
        train_images: Number of images trained on.
        validation_images: Number of images held out.
    """

    dataset_sha256: str
    train_images: int
    validation_images: int


def default_run_directory(onnx_path: Path) -> Path:
    """Return the run directory of a model file: beside it, named like it, ending in .run."""
    return onnx_path.with_suffix(".run")


class RunDirectory:
    """The files of one training run.

    Attributes:
        path: The folder.
        checkpoints: The state to go on from.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.checkpoints = Checkpoints(path)

    @property
    def report_path(self) -> Path:
        """Where the report goes."""
        return self.path / REPORT_NAME

    @property
    def plots_path(self) -> Path:
        """The folder for the report's plots."""
        return self.path / PLOTS_NAME

    @property
    def tensorboard_path(self) -> Path:
        """The folder for what TensorBoard shows."""
        return self.path / TENSORBOARD_NAME

    def check(self, existing: ExistingRun) -> None:
        """Find out before long work whether a run can begin here, or go on.

        Raises:
            TrainingError: There is an unfinished run and it is not said what to do with it, or there is
                nothing to go on with.
            OutputError: The folder is something else, or cannot be written.
        """
        name = str(self.path)
        document = self._read_document()
        if document is None:
            if existing is ExistingRun.RESUME:
                raise TrainingError(f"there is no run in {name!r} to resume; leave out --resume to begin one")
            if self.path.is_dir() and any(self.path.iterdir()):
                raise OutputError(f"{name!r} is there already and is no run directory; choose another --run-dir")
            check_writable(self.path / FACTS_NAME if self.path.is_dir() else self.path)
            return
        check_writable(self.path / FACTS_NAME)
        if existing is ExistingRun.RESUME and document["finished"]:
            raise TrainingError(f"the run in {name!r} is finished; leave out --resume to train anew")
        if existing is ExistingRun.REPLACE_FINISHED and not document["finished"] and self.checkpoints.exist():
            raise TrainingError(
                f"{name!r} has a run that was not finished; go on with --resume, or replace it with --overwrite"
            )

    def saved_settings(self) -> dict[str, Any]:
        """Return the settings of the run that is here, for `build_config`.

        Raises:
            TrainingError: There are none, or they are damaged.
        """
        return read_settings(self.path / CONFIG_NAME)

    def begin(self, config: TrainConfig, facts: RunFacts) -> None:
        """Remove what an earlier run left here and write down what this one is.

        Raises:
            OutputError: The folder cannot be written.
        """
        self._clear()
        try:
            self.path.mkdir(exist_ok=True)
        except OSError as error:
            raise OutputError(f"cannot make run directory {str(self.path)!r}: {error.strerror}") from error
        self._write_text(CONFIG_NAME, config_to_toml(config))
        self._write_document({"finished": False, **asdict(facts)})

    def resume(self, config: TrainConfig, facts: RunFacts) -> Checkpoint | None:
        """Return the state to go on from; None if the run was ended before its first epoch was.

        Raises:
            TrainingError: The run is of other images or has other settings, or its files are damaged.
        """
        saved = build_config(
            self.saved_settings(), default_image=lambda arch: (config.image.height, config.image.color)
        )
        reasons = [f"{name} was {before} and is now {now}" for name, (before, now) in saved.differences(config).items()]
        document = self._read_document() or {}
        reasons += [
            f"{name} was {document.get(name)} and is now {value}"
            for name, value in asdict(facts).items()
            if document.get(name) != value
        ]
        if reasons:
            raise TrainingError(
                f"cannot resume the run in {str(self.path)!r}, for it is another: {'; '.join(reasons)}. "
                "Give the same images and settings, or begin anew with --overwrite"
            )
        return self.checkpoints.load() if self.checkpoints.exist() else None

    def write_history(self, history: Sequence[EpochReport]) -> None:
        """Write what the epochs so far came to, as CSV."""
        self._write_text(HISTORY_NAME, history_csv(history))

    def keep_model(self, *paths: Path) -> None:
        """Keep the files of the model with the run, whatever becomes of those at the output.

        Args:
            paths: The .onnx and the .keras file; where the file system can, they get a second name and no copy.

        Raises:
            OutputError: They cannot be written.
        """
        with whole_files(*(self.path / f"model{path.suffix}" for path in paths)) as staged:
            for path, temporary in zip(paths, staged, strict=True):
                link_or_copy(path, temporary)

    def drop_model(self) -> None:
        """Remove what `keep_model` kept."""
        for name in MODEL_NAMES:
            (self.path / name).unlink(missing_ok=True)

    def finish(self) -> None:
        """Mark the run as finished and remove its checkpoint, which is several times as large as the model."""
        document = self._read_document() or {}
        self._write_document({**document, "finished": True})
        self.checkpoints.remove()

    @property
    def exists(self) -> bool:
        """Whether there is a run in the folder, finished or not."""
        return (self.path / FACTS_NAME).is_file()

    def discard_if_empty(self) -> None:
        """Remove the folder again if no epoch was finished in it."""
        if self._read_document() is not None and not self.checkpoints.exist():
            self.remove()

    def remove(self) -> None:
        """Remove the files of the run, and the folder if nothing else is in it."""
        self._clear()
        if not any(self.path.iterdir()):
            self.path.rmdir()

    def _read_document(self) -> dict[str, Any] | None:
        path = self.path / FACTS_NAME
        try:
            document = json.loads(read_regular(path))
            if document["format"] != FORMAT or not isinstance(document["finished"], bool):
                raise TrainingError(f"{str(path)!r} is of another version of edgecls; choose another --run-dir")
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise TrainingError(f"cannot read {str(path)!r}: {error}; choose another --run-dir") from error
        return dict(document)

    def _write_document(self, document: dict[str, Any]) -> None:
        self._write_text(FACTS_NAME, json.dumps({"format": FORMAT, **document}, ensure_ascii=False, indent=2) + "\n")

    def _write_text(self, name: str, text: str) -> None:
        with whole_files(self.path / name) as (staged,):
            staged.write_bytes(text.encode())

    def _clear(self) -> None:
        """Remove the files of a run and nothing else; the one that marks it as a run goes last."""
        if not self.path.is_dir():
            return
        self.checkpoints.remove()
        for name in (TENSORBOARD_NAME, PLOTS_NAME):
            shutil.rmtree(self.path / name, ignore_errors=True)
        for name in (HISTORY_NAME, REPORT_NAME, *MODEL_NAMES, CONFIG_NAME, FACTS_NAME):
            (self.path / name).unlink(missing_ok=True)
