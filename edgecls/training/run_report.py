"""The report of a training run: the model file is evaluated as it is used, and described in the run directory."""

from collections.abc import Callable, Sequence
from pathlib import Path

from edgecls.atomic_write import whole_files
from edgecls.dataset.formats.labelled_images import Dataset, LabelledImages
from edgecls.evaluation.calibration import Calibration
from edgecls.evaluation.evaluate import evaluate
from edgecls.evaluation.history import EpochReport, training_curves
from edgecls.evaluation.mirroring import Mirroring
from edgecls.evaluation.record import Evaluation
from edgecls.evaluation.report import write_report
from edgecls.model_card import ModelCard
from edgecls.plots.confusion import MAX_NUMBERED, confused_block_png, confusion_png, full_confusion_png
from edgecls.runtime.classifier import Classifier
from edgecls.runtime.machine.cores import usable_cores
from edgecls.training.images import PreparedImages
from edgecls.training.run_directory import RunDirectory

__all__ = ["report_on_run", "validation_images", "write_run_report"]


def report_on_run(
    run: RunDirectory,
    classifier: Classifier,
    *,
    model_bytes: int,
    data: Path,
    dataset: Dataset,
    images: PreparedImages,
    history: Sequence[EpochReport],
    calibration: Calibration | None,
    mirroring: Mirroring,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> Evaluation:
    """Evaluate a model file as it is used, by onnxruntime, and write report and plots into the run directory.

    The images are those of the dataset's test split; without one, the validation images.

    Args:
        run: Where to write.
        classifier: The model file, opened.
        model_bytes: Its size.
        data: Where the images come from, as the user named it.
        dataset: All splits.
        images: The training and validation images.
        history: The epochs of the run; none if it had none.
        calibration: The effect of the temperature, if one was fitted.
        mirroring: The effect of mirroring the validation images.
        on_progress: Called with the number of images done and the number of all.

    Raises:
        OutputError: The files cannot be written.
        MissingExtraError: matplotlib is not installed.
    """
    split = "validation" if dataset.test is None else "test"
    chosen = validation_images(images) if dataset.test is None else dataset.test
    evaluation = evaluate(classifier, chosen, workers=usable_cores(), on_progress=on_progress)
    write_run_report(
        run,
        evaluation,
        classifier.card,
        model_bytes=model_bytes,
        data=data,
        split=split,
        history=history,
        calibration=calibration,
        mirroring=mirroring,
    )
    return evaluation


def write_run_report(
    run: RunDirectory,
    evaluation: Evaluation,
    card: ModelCard,
    *,
    model_bytes: int,
    data: Path,
    split: str,
    history: Sequence[EpochReport],
    calibration: Calibration | None,
    mirroring: Mirroring | None,
    folds: int | None = None,
) -> None:
    """Write report and plots of an evaluation into the run directory.

    Args:
        run: Where to write.
        evaluation: The evaluation.
        card: The card of the model file.
        model_bytes: Its size.
        data: Where the images come from, as the user named it.
        split: The split that was evaluated, or "cross-validation".
        history: The epochs of the run; none if it had none.
        calibration: The effect of the temperature, if one was fitted.
        mirroring: The effect of mirroring, if it was measured.
        folds: Of the cross-validation that calibration and the accuracy without a test split come from; None for
            held-out images.

    Raises:
        OutputError: The files cannot be written.
        MissingExtraError: matplotlib is not installed.
    """
    write_report(
        run.report_path,
        evaluation,
        card=card,
        data_name=str(data),
        split=split,
        model_bytes=model_bytes,
        history=history or None,
        calibration=calibration,
        mirroring=mirroring,
        folds=folds,
    )
    _write_plots(run.plots_path, evaluation, history)


def validation_images(images: PreparedImages) -> LabelledImages:
    """Return the validation images with their labels."""
    cached = images.cached
    return LabelledImages(
        cached.labels,
        tuple(images.held_out_paths),
        tuple(int(cached.label_ids[index]) for index in images.validation_indices),
    )


def _write_plots(folder: Path, evaluation: Evaluation, history: Sequence[EpochReport]) -> None:
    plots = {"confusion": confusion_png(evaluation.confusion, evaluation.labels)}
    if history:
        plots |= training_curves(history)
    if len(evaluation.labels) > MAX_NUMBERED:
        plots["confusion-full"] = full_confusion_png(evaluation.confusion, evaluation.labels)
        block = confused_block_png(evaluation.confusion, evaluation.labels)
        plots |= {} if block is None else {"confusion-most": block}
    folder.mkdir(exist_ok=True)
    with whole_files(*(folder / f"{name}.png" for name in plots)) as staged:
        for path, png in zip(staged, plots.values(), strict=True):
            path.write_bytes(png)
