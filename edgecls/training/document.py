"""What documents a trained network: its calibration, the card of its model file, the report in the run directory."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import numpy.typing as npt

from edgecls.atomic_write import whole_files
from edgecls.dataset.formats.labelled_images import Dataset, LabelledImages
from edgecls.evaluation.calibration import Calibration, calibrate, choose_unknown_threshold
from edgecls.evaluation.evaluate import evaluate
from edgecls.evaluation.history import EpochReport, training_curves
from edgecls.evaluation.mirroring import Mirroring
from edgecls.evaluation.record import Evaluation
from edgecls.evaluation.report import write_report
from edgecls.export.from_keras.export import golden_from
from edgecls.model_card import DatasetFacts, ModelCard
from edgecls.models import fold_temperature
from edgecls.plots.confusion import MAX_NUMBERED, confused_block_png, confusion_png, full_confusion_png
from edgecls.runtime.classifier import Classifier
from edgecls.runtime.machine.cores import usable_cores
from edgecls.training.config import TrainConfig
from edgecls.training.images import PreparedImages, golden_images
from edgecls.training.run_directory import RunDirectory

__all__ = ["MIN_IMAGES", "CalibratedNetwork", "calibrated", "report_on_run", "write_card"]

MIN_IMAGES = 50
"""Validation images that a temperature takes; fitted on fewer it says more about those few than about the network."""


@dataclass(frozen=True)
class CalibratedNetwork:
    """A calibrated network.

    Attributes:
        network: The network, with its temperature folded in.
        calibration: The effect of the temperature; None if there is none.
        rejected: The effect of a temperature that was fitted and not kept, as it improves nothing; None otherwise.
        unknown_threshold: Probability of the predicted label below which the answer is "unknown"; None for never.
    """

    network: keras.Model
    calibration: Calibration | None
    unknown_threshold: float | None
    rejected: Calibration | None = None

    @property
    def temperature(self) -> float:
        """What the logits are divided by; 1 if nothing was fitted."""
        return 1.0 if self.calibration is None else self.calibration.temperature


def calibrated(network: keras.Model, config: TrainConfig, images: PreparedImages) -> CalibratedNetwork:
    """Fit a temperature on the validation images and choose the unknown threshold, as the settings say.

    With fewer than MIN_IMAGES of them there is no temperature, and no threshold except a given one. A temperature that
    does not improve both loss and calibration error, on images that it was not fitted on, is not kept either.

    Args:
        network: In float32; not changed.
        config: The settings.
        images: Of which the validation images are used.
    """
    enough = len(images.validation_indices) >= MIN_IMAGES
    wants_threshold = config.unknown_threshold == "auto"
    threshold = config.unknown_threshold if isinstance(config.unknown_threshold, float | int) else None
    calibration = rejected = None
    if enough and (config.calibrate or wants_threshold):
        label_ids = images.cached.label_ids[images.validation_indices]
        if config.calibrate:
            with np.errstate(divide="ignore"):
                fitted = calibrate(np.log(_probabilities(network, config, images)), label_ids)
            calibration, rejected = (fitted, None) if fitted.improves else (None, fitted)
            if calibration is not None:
                network = fold_temperature(network, calibration.temperature)
        if wants_threshold:
            threshold = choose_unknown_threshold(_probabilities(network, config, images), label_ids)
    return CalibratedNetwork(network, calibration, threshold, rejected)


def _probabilities(network: keras.Model, config: TrainConfig, images: PreparedImages) -> npt.NDArray[np.float32]:
    return np.concatenate([network.predict_on_batch(pixels) for pixels, _ in images.held_out(config.batch_size)])


def write_card(
    name: str,
    config: TrainConfig,
    images: PreparedImages,
    model: CalibratedNetwork,
    best: EpochReport,
    *,
    weights_from: str = "",
) -> ModelCard:
    """Return the card of a network.

    Args:
        name: Of the model.
        config: The settings it was trained with.
        images: What it was trained on; its golden samples are some of the validation images.
        model: The network that is exported.
        best: The epoch its weights are of.
        weights_from: Where the weights came from that training started with, for users.

    Raises:
        ExportError: The outputs are not probabilities.
    """
    cached = images.cached
    samples = golden_images(cached, images.validation_indices)
    metrics = {
        "validation_accuracy": round(best.validation_accuracy, 6),
        "validation_loss": round(best.validation_loss, 6),
        "best_epoch": best.epoch,
    }
    if model.calibration is not None:
        metrics["validation_loss"] = round(model.calibration.loss_after, 6)
        metrics["validation_calibration_error"] = round(model.calibration.error_after, 6)
    return ModelCard(
        name=name,
        labels=cached.labels,
        image=config.image,
        architecture=config.arch,
        golden=golden_from(model.network, samples),
        temperature=model.temperature,
        unknown_threshold=model.unknown_threshold,
        metrics=metrics,
        training={**config.as_facts(), **({"weights_from": weights_from} if weights_from else {})},
        dataset=DatasetFacts(
            sha256=cached.sha256,
            train_images=len(images.train_indices),
            validation_images=len(images.validation_indices),
            images_per_label=cached.counts,
        ),
    )


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
        history: The epochs of the run.
        calibration: The effect of the temperature, if one was fitted.
        mirroring: The effect of mirroring the validation images.
        on_progress: Called with the number of images done and the number of all.

    Raises:
        OutputError: The files cannot be written.
        MissingExtraError: matplotlib is not installed.
    """
    split = "validation" if dataset.test is None else "test"
    chosen = _validation_images(images) if dataset.test is None else dataset.test
    evaluation = evaluate(classifier, chosen, workers=usable_cores(), on_progress=on_progress)
    write_report(
        run.report_path,
        evaluation,
        card=classifier.card,
        data_name=str(data),
        split=split,
        model_bytes=model_bytes,
        history=history,
        calibration=calibration,
        mirroring=mirroring,
    )
    _write_plots(run.plots_path, evaluation, history)
    return evaluation


def _validation_images(images: PreparedImages) -> LabelledImages:
    cached = images.cached
    return LabelledImages(
        cached.labels,
        tuple(Path(cached.names[index]) for index in images.validation_indices),
        tuple(int(cached.label_ids[index]) for index in images.validation_indices),
    )


def _write_plots(folder: Path, evaluation: Evaluation, history: Sequence[EpochReport]) -> None:
    plots = {**training_curves(history), "confusion": confusion_png(evaluation.confusion, evaluation.labels)}
    if len(evaluation.labels) > MAX_NUMBERED:
        plots["confusion-full"] = full_confusion_png(evaluation.confusion, evaluation.labels)
        block = confused_block_png(evaluation.confusion, evaluation.labels)
        plots |= {} if block is None else {"confusion-most": block}
    folder.mkdir(exist_ok=True)
    with whole_files(*(folder / f"{name}.png" for name in plots)) as staged:
        for path, png in zip(staged, plots.values(), strict=True):
            path.write_bytes(png)
