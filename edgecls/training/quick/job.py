"""A run of quick training, from a dataset to a model file and a run directory."""

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from math import prod
from pathlib import Path

import numpy as np

from edgecls.atomic_write import check_writable, whole_files
from edgecls.dataset.cache_kind import Cache
from edgecls.dataset.formats.labelled_images import Dataset, LabelledImages
from edgecls.dataset.formats.read import read_dataset
from edgecls.dataset.notes import notes_on
from edgecls.dataset.similarity.fingerprints import UnusableImage
from edgecls.dataset.similarity.groups import keep_together
from edgecls.dataset.splits.write import SplitFormat, write_splits
from edgecls.errors import DatasetError, OutputError
from edgecls.evaluation.calibration import (
    MIN_IMAGES,
    Calibration,
    calibrate,
    choose_unknown_threshold,
    negative_log_likelihood,
)
from edgecls.evaluation.evaluate import evaluate
from edgecls.evaluation.mirroring import Mirroring, measure_mirroring
from edgecls.evaluation.record import Evaluation
from edgecls.export.classical import export_classical, original_network
from edgecls.export.familiarity.backbone import bundled_backbone
from edgecls.export.familiarity.thresholds import cross_fitted
from edgecls.export.parity import Network, Remembering
from edgecls.export.proof import Export, golden_answers
from edgecls.export.reference import describe_export, exported_with_reference
from edgecls.extras import import_from_extra
from edgecls.image import read_file
from edgecls.image_formats.read import read_header
from edgecls.image_spec import ImageSpec
from edgecls.model_card import DatasetFacts, ModelCard
from edgecls.models.classical.features import Features
from edgecls.models.classical.linear import LinearClassifier
from edgecls.models.classical.registry import FeatureRows
from edgecls.plots.figure import check_can_draw
from edgecls.reference import reference_of
from edgecls.runtime.appearance import Appearance, appearance_of
from edgecls.runtime.machine.cores import usable_cores
from edgecls.runtime.opening import load
from edgecls.training.classical import PARITY_IMAGES, Scores, accuracy, with_familiarity
from edgecls.training.images import ImagesListener, PreparedImages, golden_images, prepare_images, without_rare_labels
from edgecls.training.quick.config import ARCH, CROSS_VALIDATED, USUAL_FRACTION, QuickConfig
from edgecls.training.quick.features import compute_rows, views_for
from edgecls.training.quick.unseen import Unseen, fit_and_judge
from edgecls.training.run_directory import ExistingRun, RunDirectory, RunFacts, default_run_directory
from edgecls.training.run_report import validation_images, write_run_report

__all__ = ["QuickListener", "QuickResult", "run_quick_training"]

MIRRORED_AT_ONCE = 4  # validation images: more at once take more memory and no less time
MEMORY_BYTES = 96 << 20  # of decoded images that are kept; of more, each is decoded again for every view


@dataclass(frozen=True)
class QuickListener(ImagesListener):
    """Callbacks for the progress of quick training, in addition to those of images; each does nothing by default.

    Attributes:
        on_compared: Number of images compared with each other for duplicates, number of all.
        on_features: Number of views whose features are computed, number of all.
        on_fitting: Fitting starts.
        on_exporting: Fitting is over, the export starts.
    """

    on_compared: Callable[[int, int], None] = field(default=lambda done, total: None)
    on_features: Callable[[int, int], None] = field(default=lambda done, total: None)
    on_fitting: Callable[[], None] = field(default=lambda: None)
    on_exporting: Callable[[], None] = field(default=lambda: None)


@dataclass(frozen=True, repr=False)
class QuickResult:
    """The results of quick training.

    Attributes:
        fitted: The head, with its temperature.
        views: Number of views of each training image that it was fitted to.
        metrics: Its accuracy on the training images, and accuracy and loss on the validation images, or those of
            cross-validation.
        folds: Of the cross-validation; None if images were held out.
        calibration: The effect of its temperature; None if it has none.
        rejected: The effect of a temperature that was fitted and not kept, as it improves nothing; None otherwise.
        export: The model file, verified against scikit-learn.
        unfamiliar: Why the model file has no familiarity; None if it has one or was not to have one.
        evaluation: On the test split; if there is none, on the validation images, or by cross-validation.
        has_test: Whether there is a test split, which `evaluation` is of.
        mirroring: The effect of mirroring the same images; None if nothing was mirrored for cross-validation.
        onnx_path: Where the model file is.
        run: Where report and split are.
        split: Lists of the training, validation and test images, without validation if none were held out; None if
            one cannot be named in a list.
    """

    fitted: LinearClassifier
    views: int
    metrics: Mapping[str, float]
    folds: int | None
    calibration: Calibration | None
    rejected: Calibration | None
    export: Export
    unfamiliar: str | None
    evaluation: Evaluation
    has_test: bool
    mirroring: Mirroring | None
    onnx_path: Path
    run: RunDirectory
    split: Path | None

    def __repr__(self) -> str:
        return f"<QuickResult: {str(self.onnx_path)!r}, {self.evaluation!r}>"

    def _repr_html_(self) -> str:
        """Return the evaluation and where the model file is, as notebooks show it."""
        from edgecls.notebook import facts

        crossed = "" if self.folds is None else f"all images, by cross-validation with {self.folds} folds"
        images = "the test images" if self.has_test else crossed or "the validation images"
        where = facts({"measured on": images, "model file": str(self.onnx_path), "report": str(self.run.report_path)})
        return f"<div>{self.evaluation._repr_html_()}{where}</div>"


def run_quick_training(
    data: Path,
    onnx_path: Path,
    config: QuickConfig,
    *,
    run_directory: Path | None = None,
    overwrite: bool = False,
    cache: Cache = Cache.AUTO,
    cache_folder: Path | None = None,
    listener: QuickListener | None = None,
) -> QuickResult:
    """Fit a head to the features of the bundled backbone, and write both as one model file.

    The file is written completely or not at all, and only if onnxruntime gives the same results as scikit-learn does on
    the features. The run directory keeps the report, a copy of the model file and the split.

    Args:
        data: A dataset in any format that `read_dataset` supports.
        onnx_path: Where to write; must end in .onnx.
        config: The settings.
        run_directory: Where report and split go; None for the folder next to the model file with its name and the
            ending .run.
        overwrite: Whether the model may replace a network that was trained to the same file, or an unfinished run.
        cache: Where decoded images are kept; AUTO keeps few of them in memory and many nowhere.
        cache_folder: Where decoded images and features go if they are kept on disk; None for the model file's folder.
        listener: Callbacks for its progress.

    Raises:
        MissingExtraError: A package of the extra "quick" is not installed.
        OutputError: The file cannot be written there, or a network is there; checked before training where possible.
        DatasetError: The dataset cannot be trained on.
        TrainingError: The run directory has an unfinished run.
        ExportError: The model file does not give the same results as scikit-learn.
    """
    listener = listener or QuickListener()
    keras_path, run = onnx_path.with_suffix(".keras"), RunDirectory(run_directory or default_run_directory(onnx_path))
    _check_output(onnx_path, keras_path, run, overwrite=overwrite)
    for module in ("onnx", "sklearn", "imagehash"):  # before all the decoding
        import_from_extra(module, extra="quick", purpose="quick training")
    check_can_draw()
    spec = config.image
    dataset, groups, remarks = _read(data, config, listener)
    listener.on_remarks([*remarks, *notes_on(data, dataset, spec, can_balance=not config.balanced)])
    folder = cache_folder or onnx_path.absolute().parent
    images = prepare_images(
        dataset,
        spec,
        validation_fraction=config.validation_fraction or USUAL_FRACTION,
        rare_labels=config.rare_labels,
        seed=config.seed,
        cache=_cache(cache, dataset, spec),
        cache_folder=folder,
        groups=groups,
        on_progress=listener.on_decoded,
    )
    if _is_cross_validated(config, dataset, images):
        images = replace(images, train_indices=list(range(len(images.cached.label_ids))), validation_indices=[])
    listener.on_prepared(images)
    backbone = bundled_backbone(spec)
    views = views_for(len(images.train_indices)) if config.augment and config.flip else 1
    rows = compute_rows(images, backbone, views, config, folder, listener.on_features)
    listener.on_fitting()
    fitted, unseen = fit_and_judge(images, rows, groups, views=views, seed=config.seed, balanced=config.balanced)
    training = len(images.train_indices)
    calibration = rejected = None
    if config.calibrate and len(unseen.label_ids) >= MIN_IMAGES:
        found = calibrate(unseen.logits, unseen.label_ids)
        calibration, rejected = (found, None) if found.improves else (None, found)
    if calibration is not None:
        fitted = fitted.calibrated(calibration.temperature)
    listener.on_exporting()
    original = Remembering(original_network(fitted, Features.BACKBONE, spec, backbone))
    card = _card(onnx_path.stem, config, images, fitted, original, views, rows, unseen)
    card = replace(card, training={**card.training, "backbone": backbone.name})
    compared = images.validation_indices[:: -(-len(images.validation_indices) // PARITY_IMAGES) or 1]
    export = export_classical(
        fitted,
        Features.BACKBONE,
        card,
        backbone=backbone,
        original=original,
        images={images.cached.names[index]: images.cached.pixels[index] for index in compared},
    )
    unfamiliar = None
    if config.familiarity:
        alike = np.array([groups[Path(images.cached.names[index])] for index in images.train_indices], np.int64)
        export, unfamiliar = with_familiarity(
            export, rows[:training], images.cached.label_ids[images.train_indices], rows[views * training :], alike
        )
    export = _with_reference(export, images, unseen, rows[:training], groups)
    with whole_files(onnx_path) as (temporary,):
        temporary.write_bytes(export.onnx)
    keras_path.unlink(missing_ok=True)
    run.begin(None, RunFacts(images.cached.sha256, training, len(images.validation_indices)))
    run.keep_model(onnx_path)
    split = _write_split(run.split_path, images, dataset)
    evaluation, mirroring = _evaluated(onnx_path, dataset, images, unseen, export.card, listener)
    write_run_report(
        run,
        evaluation,
        export.card,
        model_bytes=len(export.onnx),
        data=data,
        split="test" if dataset.test else "validation" if unseen.folds is None else "cross-validation",
        history=(),
        calibration=calibration,
        mirroring=mirroring,
        folds=unseen.folds,
    )
    run.finish()
    return QuickResult(
        fitted=fitted,
        views=views,
        metrics=export.card.metrics,
        folds=unseen.folds,
        calibration=calibration,
        rejected=rejected,
        export=export,
        unfamiliar=unfamiliar,
        evaluation=evaluation,
        has_test=dataset.test is not None,
        mirroring=mirroring,
        onnx_path=onnx_path,
        run=run,
        split=split,
    )


def _check_output(onnx_path: Path, keras_path: Path, run: RunDirectory, *, overwrite: bool) -> None:
    if onnx_path.suffix != ".onnx":
        raise OutputError(f"the model file must end in .onnx, got {str(onnx_path)!r}")
    check_writable(onnx_path)
    run.check(ExistingRun.OVERWRITE if overwrite else ExistingRun.REPLACE_FINISHED)
    if keras_path.exists() and not overwrite:
        raise OutputError(
            f"cannot write {str(onnx_path)!r}: a network was trained to that file, to which {str(keras_path)!r} "
            "belongs; choose another -o, or replace the network with --overwrite"
        )


def _read(data: Path, config: QuickConfig, listener: QuickListener) -> tuple[Dataset, dict[Path, int], tuple[str, ...]]:
    """Return the dataset, a number for each training and validation image by its path, the same for those that look
    alike, and remarks.

    Raises:
        DatasetError: No image can be decoded, or all of them look alike.
    """
    dataset = read_dataset(data)
    listener.on_found(dataset)
    paths = dataset.train.paths + (() if dataset.validation is None else dataset.validation.paths)
    kept = keep_together(paths, workers=usable_cores(), on_progress=listener.on_compared)
    faults = [found.reason for found in kept.fingerprints if isinstance(found, UnusableImage)]
    if len(faults) == len(paths):
        raise DatasetError(f"none of the {len(paths)} images can be used; the first fault: {faults[0]}")
    usable = {
        group
        for group, found in zip(kept.groups, kept.fingerprints, strict=True)
        if not isinstance(found, UnusableImage)
    }
    if len(usable) == 1:
        raise DatasetError(
            f"all {len(paths) - len(faults)} usable images of {str(data)!r} are duplicates or near duplicates of one "
            "another (edgecls data check lists them), so there is nothing to tell labels apart by; add other images"
        )
    groups = dict(zip(paths, kept.groups, strict=True))
    dataset, left_out = without_rare_labels(dataset, config.rare_labels, groups)
    return dataset, groups, left_out


def _cache(cache: Cache, dataset: Dataset, spec: ImageSpec) -> Cache:
    if cache is not Cache.AUTO:
        return cache
    count = sum(len(split.paths) for name, split in dataset.splits.items() if name != "test")
    return Cache.MEMORY if count * prod(spec.shape_hwc) <= MEMORY_BYTES else Cache.STREAM


def _with_reference(
    export: Export, images: PreparedImages, unseen: Unseen, rows: FeatureRows, groups: Mapping[Path, int]
) -> Export:
    """Return a model file that describes images as heads saw them that were not fitted to them.

    Args:
        export: The model file.
        images: The images.
        unseen: What heads answered to images that they were not fitted to.
        rows: The features of the training images.
        groups: A number for each image by its path, the same for those that look alike.
    """
    if unseen.folds is None:
        return exported_with_reference(export, images.held_out_paths)
    cached, card = images.cached, export.card
    looks = []
    for index in unseen.indices:
        header = read_header(read_file(cached.names[index]), name=cached.names[index])
        looks.append(appearance_of(np.asarray(cached.pixels[index]), header.upright_hw))
    answers = unseen.probabilities(card.temperature)
    values: dict[str, list[float]] = {"probability": answers.max(axis=1).tolist()}
    if card.familiarity is not None:
        chosen = images.train_indices
        alike = np.array([groups[Path(cached.names[index])] for index in chosen], np.int64)
        label_ids = cached.label_ids[chosen].astype(np.int64)
        values["familiarity"] = cross_fitted(rows, label_ids, labels=len(card.labels), alike=alike)[
            : len(looks)
        ].tolist()
    for name in Appearance._fields:
        values[name] = [getattr(look, name) for look in looks]
    reference = reference_of(values, answers.argmax(axis=1).tolist(), labels=len(card.labels))
    return export if reference is None else describe_export(export, reference)


def _is_cross_validated(config: QuickConfig, dataset: Dataset, images: PreparedImages) -> bool:
    few = len(images.cached.label_ids) <= CROSS_VALIDATED
    return few and config.validation_fraction is None and dataset.validation is None


def _evaluated(
    onnx_path: Path,
    dataset: Dataset,
    images: PreparedImages,
    unseen: Unseen,
    card: ModelCard,
    listener: QuickListener,
) -> tuple[Evaluation, Mirroring | None]:
    """Return the evaluation of the report, and the effect of mirroring.

    The model file is evaluated as it is used where there are images that it was not fitted to.
    """
    crossed = unseen.folds is not None
    if crossed and dataset.test is None:
        made = unseen.evaluation(images, temperature=card.temperature, unknown_threshold=card.unknown_threshold)
        return made, unseen.mirroring(dataset.labels)
    chosen = validation_images(images) if dataset.test is None else dataset.test
    with contextlib.closing(load(onnx_path, "cpu", intra_op_threads=usable_cores())) as classifier:
        mirroring = (
            unseen.mirroring(dataset.labels)
            if crossed
            else measure_mirroring(classifier.probabilities, images.held_out(MIRRORED_AT_ONCE), dataset.labels)
        )
        made = evaluate(classifier, chosen, workers=usable_cores(), on_progress=listener.on_evaluated)
    return made, mirroring


def _card(
    name: str,
    config: QuickConfig,
    images: PreparedImages,
    fitted: LinearClassifier,
    original: Network,
    views: int,
    rows: FeatureRows,
    unseen: Unseen,
) -> ModelCard:
    """Return the card of the model file; `rows` are the features, those of the training images first."""
    cached = images.cached
    train_ids = cached.label_ids[images.train_indices]
    answers = unseen.probabilities(fitted.temperature)
    threshold: float | None = config.unknown_threshold if isinstance(config.unknown_threshold, float | int) else None
    if config.unknown_threshold == "auto" and len(unseen.label_ids) >= MIN_IMAGES:
        threshold = choose_unknown_threshold(answers, unseen.label_ids)
    scores = Scores(
        accuracy=accuracy(fitted.probabilities(rows[: len(train_ids)]), train_ids),
        validation_accuracy=accuracy(answers, unseen.label_ids),
        validation_loss=negative_log_likelihood(answers, unseen.label_ids),
    )
    folds = {} if unseen.folds is None else {"cross_validation_folds": unseen.folds}
    return ModelCard(
        name=name,
        labels=cached.labels,
        image=config.image,
        architecture=ARCH,
        golden=golden_answers(
            original,
            golden_images(cached, images.validation_indices or unseen.indices),
            name=ARCH,
        ),
        temperature=fitted.temperature,
        unknown_threshold=threshold,
        metrics=scores.as_metrics(),
        training={**config.as_facts(), **folds, "views": views, "penalty": fitted.penalty},
        dataset=DatasetFacts(
            sha256=cached.sha256,
            train_images=len(train_ids),
            validation_images=len(images.validation_indices),
            images_per_label=cached.counts,
        ),
    )


def _write_split(path: Path, images: PreparedImages, dataset: Dataset) -> Path | None:
    """Write which images were trained on, validated on and held out for testing, as a dataset of lists.

    None are listed for validation if the head was fitted to all.

    Returns:
        Where it is; None if the name of an image cannot be written into a list.
    """
    cached = images.cached
    paths, label_ids = list(map(Path, cached.names)), cached.label_ids.tolist()
    splits = {"train": images.train_indices}
    if images.validation_indices:
        splits["val"] = images.validation_indices
    if dataset.test is not None:
        splits["test"] = list(range(len(paths), len(paths) + len(dataset.test.paths)))
        paths += dataset.test.paths
        label_ids += dataset.test.label_ids
    try:
        write_splits(path, LabelledImages(cached.labels, tuple(paths), tuple(label_ids)), splits, SplitFormat.LISTS)
    except DatasetError:
        return None
    return path
