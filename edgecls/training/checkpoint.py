"""Checkpoints: the state from which a killed run can be resumed, written atomically after each epoch."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from edgecls.atomic_write import whole_files
from edgecls.damaged_files import ARRAYS_FAULTS
from edgecls.errors import TrainingError
from edgecls.evaluation.history import EpochReport, best_of, epoch_report
from edgecls.json_text import parse_json
from edgecls.regular_file import open_regular

if TYPE_CHECKING:  # loaded where a network is saved, as classical models are trained without Keras
    import keras

__all__ = ["Checkpoint", "Checkpoints"]

FILE_NAME = "checkpoint.npz"
BEST_PATTERN = "best-*.weights.h5"

Arrays = tuple[npt.NDArray[np.generic], ...]


@dataclass(frozen=True)
class Checkpoint:
    """The state of a training run between two epochs.

    Random numbers are not part of it: they depend only on seed and epoch. Nor is the learning rate: it
    depends on the optimizer's count of steps or on the history.

    Attributes:
        history: The epochs so far, at least one.
        weights: Of the network, in its own order.
        optimizer: Variables of the optimizer, in its own order.
        best_weights: Weights file of the best epoch.
    """

    history: tuple[EpochReport, ...]
    weights: Arrays
    optimizer: Arrays
    best_weights: Path

    def restore_optimizer(self, optimizer: "keras.optimizers.Optimizer") -> None:
        """Put the state of the optimizer back; it must be built for the same weights.

        Raises:
            TrainingError: It is of another optimizer.
        """
        own = [tuple(variable.shape) for variable in optimizer.variables]
        if own != [array.shape for array in self.optimizer]:
            raise TrainingError(
                "the checkpoint is of a run on another kind of device or with another optimizer; "
                "resume it where it was started, or start again with --overwrite"
            )
        for variable, array in zip(optimizer.variables, self.optimizer, strict=True):
            variable.assign(array)


class Checkpoints:
    """The checkpoint files in a folder: the latest state, and the weights of the best epoch."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder / FILE_NAME

    def save(
        self, history: Sequence[EpochReport], network: "keras.Model", optimizer: "keras.optimizers.Optimizer"
    ) -> None:
        """Write the state after the last epoch of `history`; a kill at any time leaves this or the previous one.

        Raises:
            OutputError: The disk is full or cannot be written any more.
        """
        best = best_of(history)
        best_weights = self._folder / f"best-{best.epoch if best else 0}.weights.h5"
        targets = [self._path] if best_weights.exists() and not history[-1].is_best else [best_weights, self._path]
        with whole_files(*targets) as staged:
            if len(staged) == 2:
                network.save_weights(staged[0])
            self._write(staged[-1], history, network, optimizer)
        for outdated in self._folder.glob(BEST_PATTERN):
            if outdated != best_weights:
                outdated.unlink()

    def exist(self) -> bool:
        """Return whether there is one to resume from."""
        return self._path.is_file()

    def load(self) -> Checkpoint:
        """Read the latest state.

        Raises:
            TrainingError: The files are damaged.
        """
        try:
            with open_regular(self._path) as stream, np.load(stream, allow_pickle=False) as arrays:
                history = tuple(map(epoch_report, parse_json(str(arrays["history"]))))
                best = best_of(history)
                checkpoint = Checkpoint(
                    history,
                    _numbered(arrays, "network"),
                    _numbered(arrays, "optimizer"),
                    self._folder / f"best-{best.epoch if best else 0}.weights.h5",
                )
        except ARRAYS_FAULTS as error:
            raise TrainingError(
                f"the checkpoint {str(self._path)!r} is damaged: {error}; start again with --overwrite"
            ) from error
        if not checkpoint.best_weights.is_file():
            raise TrainingError(
                f"the checkpoint lacks its file {str(checkpoint.best_weights)!r}; start again with --overwrite"
            )
        return checkpoint

    def remove(self) -> None:
        """Delete all checkpoint files."""
        for path in (self._path, *self._folder.glob(BEST_PATTERN)):
            path.unlink(missing_ok=True)

    def _write(
        self,
        path: Path,
        history: Sequence[EpochReport],
        network: "keras.Model",
        optimizer: "keras.optimizers.Optimizer",
    ) -> None:
        import keras

        arrays = {f"network/{index}": array for index, array in enumerate(network.get_weights())}
        for index, variable in enumerate(optimizer.variables):
            arrays[f"optimizer/{index}"] = np.asarray(keras.ops.convert_to_numpy(variable))
        text = json.dumps([asdict(report) for report in history])
        np.savez(path, allow_pickle=False, history=np.array(text), **arrays)


def _numbered(arrays: "np.lib.npyio.NpzFile", prefix: str) -> Arrays:
    count = sum(name.startswith(prefix + "/") for name in arrays.files)
    found = tuple(arrays[f"{prefix}/{index}"] for index in range(count))
    if not all(isinstance(array, np.ndarray) and array.dtype.kind in "biufc" for array in found):
        raise ValueError(f"the arrays of the {prefix} are not all numbers")
    return found
