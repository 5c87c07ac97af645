"""Training and evaluation for programs and notebooks: one call each, as the commands do them."""

import logging
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgecls.notebook import Progress
from edgecls.runtime.classifier import Classifier

if TYPE_CHECKING:
    from edgecls.evaluation.record import Evaluation
    from edgecls.training.quick.job import QuickResult

__all__ = ["evaluate", "train_quick"]

StrPath = str | PathLike[str]

_log = logging.getLogger(__name__)


def train_quick(
    data: StrPath,
    output: StrPath,
    *,
    run_directory: StrPath | None = None,
    overwrite: bool = False,
    **settings: Any,
) -> "QuickResult":
    """Train a linear classifier on the features of the bundled backbone, as `edgecls train --quick` does.

    A notebook shows the progress. Remarks about the images go to `logging` at level WARNING.

    Args:
        data: A dataset in any format that `read_dataset` supports.
        output: The model file to write, ending in .onnx.
        run_directory: Where report and split go; None for the folder next to the model file with its name and the
            ending .run.
        overwrite: Whether the model may replace a network that was trained to the same file, or an unfinished run.
        settings: Attributes of `edgecls.training.quick.config.QuickConfig` that differ from its defaults.

    Raises:
        TypeError: There is no such setting.
        MissingExtraError: A package of the extra "quick" is not installed.
        OutputError: The file cannot be written there.
        DatasetError: The dataset cannot be trained on.
        TrainingError: A setting is outside its limits, or the run directory has an unfinished run.
    """
    from edgecls.training.quick.config import QuickConfig
    from edgecls.training.quick.job import QuickListener, run_quick_training

    config = QuickConfig(**settings)
    with Progress() as progress:
        result = run_quick_training(
            Path(data),
            Path(output),
            config,
            run_directory=None if run_directory is None else Path(run_directory),
            overwrite=overwrite,
            listener=QuickListener(
                on_remarks=lambda remarks: _log.warning("\n".join(remarks)) if remarks else None,
                on_compared=lambda done, total: progress.show("looking for duplicates", done, total),
                on_decoded=lambda done, total: progress.show("decoding images", done, total),
                on_features=lambda done, total: progress.show("computing features", done, total),
                on_fitting=lambda: progress.show("fitting"),
                on_exporting=lambda: progress.show("exporting and comparing with the fitted model"),
                on_evaluated=lambda done, total: progress.show("classifying images for the report", done, total),
            ),
        )
        progress.show("trained")
    return result


def evaluate(
    model: StrPath | Classifier,
    data: StrPath,
    *,
    split: str = "auto",
    ignore_unknown_labels: bool = False,
    threads: int | None = None,
) -> "Evaluation":
    """Measure a model on labelled images, as `edgecls evaluate` does. A notebook shows the progress.

    Args:
        model: A model file, or one that is loaded.
        data: A dataset in any format that `read_dataset` supports.
        split: "train", "val", "test", or "all" images; "auto" takes test, else val, else all.
        ignore_unknown_labels: Whether images are left out whose label the model does not have.
        threads: Number of images to process at once; None for the cores that this process may use.

    Raises:
        DatasetError: The dataset cannot be read, has no such split, has labels that the model does not have, or none
            of its images can be classified.
        ModelFileError: The model file cannot be used.
        ValueError: There is no such split, or `threads` is below 1.
    """
    from edgecls.dataset.formats.read import read_dataset
    from edgecls.evaluation import evaluate as evaluation
    from edgecls.runtime.machine.cores import usable_cores
    from edgecls.runtime.opening import load

    if split not in evaluation.SPLIT_NAMES:
        raise ValueError(f"there is no split {split!r}; choose one of {', '.join(evaluation.SPLIT_NAMES)}")
    if threads is not None and threads < 1:
        raise ValueError(f"threads must be at least 1, got {threads}")
    images = evaluation.choose_split(read_dataset(data), split)[1]
    classifier = model if isinstance(model, Classifier) else load(model)
    try:
        if ignore_unknown_labels:
            images = evaluation.without_foreign_labels(images, classifier.labels)
        with Progress() as progress:
            return evaluation.evaluate(
                classifier,
                images,
                workers=threads or usable_cores(),
                on_progress=lambda done, total: progress.show("images classified", done, total),
            )
    finally:
        if classifier is not model:
            classifier.close()
