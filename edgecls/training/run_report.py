"""The report of a training run: how good the model file is on images held out, and how it came so far."""

from collections.abc import Callable, Sequence
from pathlib import Path

from edgecls.atomic_write import whole_files
from edgecls.dataset.formats.labelled_images import Dataset, LabelledImages
from edgecls.evaluation.calibration import Calibration
from edgecls.evaluation.evaluate import evaluate
from edgecls.evaluation.history import HistoryRow
from edgecls.evaluation.mirroring import Mirroring
from edgecls.evaluation.record import Evaluation
from edgecls.evaluation.report import write_report
from edgecls.plots.confusion import MAX_NUMBERED, confused_block_png, confusion_png, full_confusion_png
from edgecls.plots.curves import training_curve_png
from edgecls.runtime.machine.cores import usable_cores
from edgecls.runtime.opening import load
from edgecls.evaluation.history import EpochReport, best_of
from edgecls.training.images import PreparedImages
from edgecls.training.run_directory import RunDirectory

__all__ = ["report_on_run"]


def report_on_run(
    run: RunDirectory,
    onnx_path: Path,
    *,
    data: Path,
    dataset: Dataset,
    images: PreparedImages,
    history: Sequence[EpochReport],
    calibration: Calibration | None,
    mirroring: Mirroring,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> Evaluation:
    """Evaluate a model file as it is used, by onnxruntime, and write report and plots into the run directory.

    The images are those of the dataset's test split; without one, those held out while training.

    Args:
        run: Where to write.
        onnx_path: The model file.
        data: Where the images come from, as the user named it.
        dataset: All splits.
        images: What was trained on and what was held out.
        history: The epochs of the run.
        calibration: What the temperature changed, if one was fitted.
        mirroring: What mirroring does to right answers on the images held out.
        on_progress: Called with the number of images done and the number of all.

    Raises:
        OutputError: The files cannot be written.
        MissingExtraError: matplotlib is not installed.
    """
    split = "validation" if dataset.test is None else "test"
    chosen = _held_out(images) if dataset.test is None else dataset.test
    classifier = load(onnx_path, "cpu")
    evaluation = evaluate(classifier, chosen, workers=usable_cores(), on_progress=on_progress)
    best = best_of(history)
    write_report(
        run.report_path,
        evaluation,
        card=classifier.card,
        data_name=str(data),
        split=split,
        model_bytes=onnx_path.stat().st_size,
        history=[_row(report) for report in history],
        best_epoch=best.epoch if best else None,
        calibration=calibration,
        mirroring=mirroring,
    )
    _write_plots(run.plots_path, evaluation, history)
    return evaluation


def _held_out(images: PreparedImages) -> LabelledImages:
    cached = images.cached
    return LabelledImages(
        cached.labels,
        tuple(Path(cached.names[index]) for index in images.validation_indices),
        tuple(int(cached.label_ids[index]) for index in images.validation_indices),
    )


def _row(report: EpochReport) -> HistoryRow:
    return HistoryRow(
        epoch=report.epoch,
        stage=report.stage,
        loss=report.loss,
        accuracy=report.accuracy,
        validation_loss=report.validation_loss,
        validation_accuracy=report.validation_accuracy,
        learning_rate=report.learning_rate,
        duration_s=report.duration_s,
    )


def _write_plots(folder: Path, evaluation: Evaluation, history: Sequence[EpochReport]) -> None:
    epochs = [report.epoch for report in history]
    stages: dict[int, str] = {}
    for report in history:
        if report.stage not in stages.values():
            stages[report.epoch] = report.stage
    best = best_of(history)
    curves = {
        "accuracy": ([report.accuracy for report in history], [report.validation_accuracy for report in history]),
        "loss": ([report.loss for report in history], [report.validation_loss for report in history]),
    }
    images = {
        name: training_curve_png(
            epochs,
            {"training": training, "validation": validation},
            title=name,
            stages=stages,
            best_epoch=best.epoch if best else None,
        )
        for name, (training, validation) in curves.items()
    }
    images["confusion"] = confusion_png(evaluation.confusion, evaluation.labels)
    if len(evaluation.labels) > MAX_NUMBERED:
        images["confusion-full"] = full_confusion_png(evaluation.confusion, evaluation.labels)
        block = confused_block_png(evaluation.confusion, evaluation.labels)
        images |= {} if block is None else {"confusion-most": block}
    folder.mkdir(exist_ok=True)
    with whole_files(*(folder / f"{name}.png" for name in images)) as staged:
        for path, image in zip(staged, images.values(), strict=True):
            path.write_bytes(image)
