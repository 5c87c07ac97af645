"""The run directory: settings, history, checkpoint and report of a training run."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Any

from edgecls.atomic_write import check_writable, whole_files
from edgecls.errors import OutputError, TrainingError
from edgecls.evaluation.history import EpochReport, history_csv
from edgecls.file_moves import link_or_copy
from edgecls.json_text import parse_json
from edgecls.regular_file import read_regular
from edgecls.tracking import RECORD_NAME
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
SPLIT_NAME = "split"
OPEN_WEIGHTS = ("auto", "imagenet")  # of which a run has to find out what there is
MODEL_NAMES = ("model.onnx", "model.keras")


class ExistingRun(Enum):
    """What to do with a run that is already in the run directory.

    REPLACE_FINISHED: replace it if it is finished, otherwise raise an error.
    RESUME: resume it.
    OVERWRITE: replace it, finished or not.
    """

    REPLACE_FINISHED = "replace-finished"
    RESUME = "resume"
    OVERWRITE = "overwrite"


@dataclass(frozen=True)
class RunFacts:
    """The images of a run.

    Attributes:
        dataset_sha256: Fingerprint of the images and labels.
        train_images: Number of training images.
        validation_images: Number of validation images.
    """

    dataset_sha256: str
    train_images: int
    validation_images: int


def default_run_directory(onnx_path: Path) -> Path:
    """Return the default run directory of a model file: next to it, with the same name and the ending .run."""
    return onnx_path.with_suffix(".run")


class RunDirectory:
    """The files of one training run.

    Attributes:
        path: The folder.
        checkpoints: The state to resume from.
        weights_from: Where the weights came from that the run started with; it is recorded when the run begins.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.checkpoints = Checkpoints(path)
        self.weights_from = ""

    @property
    def report_path(self) -> Path:
        """Where the report goes."""
        return self.path / REPORT_NAME

    @property
    def plots_path(self) -> Path:
        """The folder for the report's plots."""
        return self.path / PLOTS_NAME

    @property
    def split_path(self) -> Path:
        """The folder for lists of the training, validation and test images, a dataset like any other."""
        return self.path / SPLIT_NAME

    @property
    def tensorboard_path(self) -> Path:
        """The folder for logs for TensorBoard."""
        return self.path / TENSORBOARD_NAME

    @property
    def small_files(self) -> tuple[Path, ...]:
        """The files that describe the run: settings, history, report."""
        return tuple(self.path / name for name in (CONFIG_NAME, HISTORY_NAME, REPORT_NAME))

    def check(self, existing: ExistingRun) -> None:
        """Check before long work whether a run can start here or be resumed.

        Raises:
            TrainingError: There is an unfinished run and `existing` does not allow to replace it, or
                there is none to resume.
            OutputError: The folder is something else, or cannot be written.
        """
        name = str(self.path)
        document = self._read_document()
        if document is None:
            if existing is ExistingRun.RESUME:
                raise TrainingError(f"there is no run in {name!r} to resume; omit --resume to start one")
            if self.path.is_dir() and any(self.path.iterdir()):
                raise OutputError(f"{name!r} already exists and is not a run directory; choose another --run-dir")
            check_writable(self.path / FACTS_NAME if self.path.is_dir() else self.path)
            return
        check_writable(self.path / FACTS_NAME)
        if existing is ExistingRun.RESUME and document["finished"]:
            raise TrainingError(f"the run in {name!r} is finished; omit --resume to train again")
        if existing is ExistingRun.REPLACE_FINISHED and not document["finished"] and self.checkpoints.exist():
            raise TrainingError(
                f"{name!r} has an unfinished run; continue it with --resume, or replace it with --overwrite"
            )

    def saved_settings(self) -> dict[str, Any]:
        """Return the settings of the run that is here, for `build_config`.

        Raises:
            TrainingError: There are none, or they are damaged.
        """
        return read_settings(self.path / CONFIG_NAME)

    def with_recorded_weights(self, config: TrainConfig) -> TrainConfig:
        """Return settings that leave the weights open with those that the run here was started with.

        Takes over where those came from, too.

        Raises:
            TrainingError: The settings of that run are damaged.
        """
        saved = self.saved_settings()
        self.weights_from = str((self._read_document() or {}).get("weights_from", ""))
        if config.weights not in OPEN_WEIGHTS or saved.get("arch") != config.arch or "weights" not in saved:
            return config
        return replace(config, weights=saved["weights"], variant=saved.get("variant"))

    def begin(self, config: TrainConfig | None, facts: RunFacts) -> None:
        """Remove the files of an earlier run and record the settings and images of this one.

        Args:
            config: The settings; None for a run that has no epochs and cannot be resumed.
            facts: The images.

        Raises:
            OutputError: The folder cannot be written.
        """
        self._clear()
        try:
            self.path.mkdir(exist_ok=True)
        except OSError as error:
            raise OutputError(f"cannot make run directory {str(self.path)!r}: {error.strerror}") from error
        if config is not None:
            self._write_text(CONFIG_NAME, config_to_toml(config))
        self._write_document({"finished": False, **asdict(facts), "weights_from": self.weights_from})

    def resume(self, config: TrainConfig, facts: RunFacts) -> Checkpoint | None:
        """Return the state to resume from; None if the run ended before its first epoch was finished.

        Raises:
            TrainingError: The run has other images or settings, or its files are damaged.
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
                f"cannot resume the run in {str(self.path)!r}, because it differs: {'; '.join(reasons)}. "
                "Use the same images and settings, or start again with --overwrite"
            )
        return self.checkpoints.load() if self.checkpoints.exist() else None

    def write_history(self, history: Sequence[EpochReport]) -> None:
        """Write the epochs so far as CSV."""
        self._write_text(HISTORY_NAME, history_csv(history))

    def keep_model(self, *paths: Path) -> None:
        """Keep the files of the model with the run, whatever happens to those at the output path.

        Args:
            paths: The .onnx and the .keras file; hard links where the file system supports them, otherwise copies.

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
        """Mark the run as finished and remove its checkpoint, which is several times the size of the model."""
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
            document = parse_json(read_regular(path))
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
            staged.write_bytes(text.encode("utf-8", "backslashreplace"))

    def _clear(self) -> None:
        """Remove the files of a run and nothing else; the one that marks it as a run goes last."""
        if not self.path.is_dir():
            return
        self.checkpoints.remove()
        for name in (TENSORBOARD_NAME, PLOTS_NAME, SPLIT_NAME):
            shutil.rmtree(self.path / name, ignore_errors=True)
        for name in (HISTORY_NAME, REPORT_NAME, *MODEL_NAMES, CONFIG_NAME, RECORD_NAME, FACTS_NAME):
            (self.path / name).unlink(missing_ok=True)
