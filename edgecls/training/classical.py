"""A training run of a classical model, from a dataset to a model file. Does not load Keras."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edgecls.atomic_write import check_writable, whole_files
from edgecls.dataset.cache_kind import Cache
from edgecls.dataset.formats.read import read_dataset
from edgecls.dataset.notes import notes_on
from edgecls.dataset.pixel_cache import CachedImages
from edgecls.dataset.splits.rare_labels import RareLabels
from edgecls.errors import FamiliarityError, OutputError, TrainingError
from edgecls.evaluation.calibration import negative_log_likelihood
from edgecls.evaluation.evaluate import evaluate
from edgecls.evaluation.record import Evaluation
from edgecls.export.classical import export_classical, original_network
from edgecls.export.familiarity.add import FeaturesOfImages, familiar
from edgecls.export.proof import Export, golden_answers
from edgecls.export.reference import exported_with_reference
from edgecls.extras import import_from_extra
from edgecls.image import TRAINED_COLORS
from edgecls.image_spec import ImageSpec
from edgecls.model_card import DatasetFacts, ModelCard
from edgecls.modelfile import ModelFile
from edgecls.models.classical.features import BACKBONE_TENSOR, Backbone, Features, feature_count, open_features
from edgecls.models.classical.registry import FeatureRows, FittedClassifier, TrainingRows, get_classical
from edgecls.runtime.machine.cores import usable_cores
from edgecls.runtime.opening import load
from edgecls.training.images import ImagesListener, golden_images, prepare_images, without_rare_labels
from edgecls.training.run_directory import RunDirectory, default_run_directory

__all__ = [
    "ClassicalConfig",
    "ClassicalListener",
    "ClassicalResult",
    "Scores",
    "accuracy",
    "run_classical_training",
    "with_familiarity",
]

PIXELS_AT_ONCE = 2**18  # whose features are computed together: 64 images of 64x64
SMALLEST_PROBABILITY = 1e-7  # in the loss: a tree may rule out a label
PARITY_IMAGES = 64  # of validation, compared before a file is written


@dataclass(frozen=True)
class ClassicalConfig:
    """All settings of the training of a classical model.

    Attributes:
        image: The input image of the model.
        arch: A classical model of the registry.
        features: Its features of images.
        validation_fraction: Fraction of each label's images held out for validation, above 0, below 1.
        rare_labels: What to do with labels that have too few images for that.
        seed: Of the split and the model.
        backbone: The network that computes the features, for Features.BACKBONE.
        familiarity: Whether a model on the features of a backbone judges how much an image is like its training images.

    Raises:
        ModelConfigError: There is no such model, or no such features of such images.
        TrainingError: A value is outside its limits.
    """

    image: ImageSpec
    arch: str
    features: Features
    validation_fraction: float = 0.1
    rare_labels: RareLabels = RareLabels.REFUSE
    seed: int = 0
    backbone: Backbone | None = None
    familiarity: bool = True

    def __post_init__(self) -> None:
        get_classical(self.arch)
        feature_count(self.features, self.image, self.backbone)
        if not 0 < self.validation_fraction < 1:
            raise TrainingError(f"validation split must be above 0 and below 1, got {self.validation_fraction}")
        if not 0 <= self.seed < 2**32:
            raise TrainingError(f"seed must be from 0 to {2**32 - 1}, got {self.seed}")

    def as_facts(self) -> dict[str, str | float | bool]:
        """Return the settings as the model card records them: without the image."""
        backbone = {} if self.backbone is None else {"backbone": self.backbone.name}
        return {
            "arch": self.arch,
            "features": str(self.features),
            **backbone,
            "validation_fraction": self.validation_fraction,
            "rare_labels": str(self.rare_labels),
            "seed": self.seed,
            **get_classical(self.arch).settings,
        }


@dataclass(frozen=True)
class ClassicalListener(ImagesListener):
    """Callbacks for the progress of a training run, in addition to those of images; each does nothing by default.

    Attributes:
        on_features: Number of images whose features are computed, number of all.
        on_fitting: Fitting starts.
        on_exporting: Fitting is over, the export starts.
    """

    on_features: Callable[[int, int], None] = field(default=lambda done, total: None)
    on_fitting: Callable[[], None] = field(default=lambda: None)
    on_exporting: Callable[[], None] = field(default=lambda: None)


@dataclass(frozen=True)
class Scores:
    """Metrics of a fitted model.

    Attributes:
        accuracy: Fraction of the training images that is classified correctly, 0 to 1.
        validation_accuracy: The same for the validation images.
        validation_loss: Their mean cross-entropy in nats.
    """

    accuracy: float
    validation_accuracy: float
    validation_loss: float

    def as_metrics(self) -> dict[str, float]:
        """Return them as the model card has them."""
        return {name: round(value, 6) for name, value in asdict(self).items()}


@dataclass(frozen=True)
class ClassicalResult:
    """The results of a training run.

    Attributes:
        fitted: The model of its library.
        scores: Its accuracy on the training images, and accuracy and loss on the validation images.
        export: The model file, verified against the original.
        evaluation: On the test split; None if there is none.
        onnx_path: Where it is.
        unfamiliar: Why a model on the features of a backbone has no familiarity; None if it has, or was not to have it.
    """

    fitted: FittedClassifier
    scores: Scores
    export: Export
    evaluation: Evaluation | None
    onnx_path: Path
    unfamiliar: str | None = None


def run_classical_training(
    data: Path,
    onnx_path: Path,
    config: ClassicalConfig,
    *,
    replaces_network: bool = False,
    listener: ClassicalListener | None = None,
) -> ClassicalResult:
    """Fit a classical model to a dataset and write it as a model file.

    The split is that of a network with the same seed, so that their figures can be compared. The
    file is written completely or not at all, and only if onnxruntime gives the same results as the library.

    Args:
        data: A dataset in any format that `read_dataset` supports.
        onnx_path: Where to write; must end in .onnx.
        config: The settings.
        replaces_network: Whether the model may replace a network that was trained to the same file. The network's
            .keras file and its run in the default run directory are then removed.
        listener: Callbacks for its progress.

    Raises:
        MissingExtraError: A package of the extra "classical" is not installed.
        OutputError: The file cannot be written there, or a network is there; checked before training where possible.
        DatasetError: The dataset cannot be trained on.
        TrainingError: The model cannot be fitted to so few images.
        ExportError: The exported model does not give the same results as the fitted one.
    """
    listener = listener or ClassicalListener()
    if onnx_path.suffix != ".onnx":
        raise OutputError(f"the model file must end in .onnx, got {str(onnx_path)!r}")
    check_writable(onnx_path)
    keras_path, run = onnx_path.with_suffix(".keras"), RunDirectory(default_run_directory(onnx_path))
    remains = [str(path) for path, is_there in ((keras_path, keras_path.exists()), (run.path, run.exists)) if is_there]
    if remains and not replaces_network:
        raise OutputError(
            f"cannot write {config.arch} to {str(onnx_path)!r}: a network was trained to that file, to which "
            f"{' and '.join(remains)} belong(s); choose another -o, or replace the network and remove these "
            "with --overwrite"
        )
    import_from_extra("sklearn", extra="classical", purpose=f"training {config.arch}")  # before all the decoding
    dataset, left_out = without_rare_labels(read_dataset(data), config.rare_labels)
    listener.on_found(dataset)
    listener.on_remarks([*left_out, *notes_on(data, dataset, config.image, can_balance=False)])
    images = prepare_images(
        dataset,
        config.image,
        validation_fraction=config.validation_fraction,
        rare_labels=config.rare_labels,
        seed=config.seed,
        cache=Cache.AUTO,
        cache_folder=onnx_path.absolute().parent,
        on_progress=listener.on_decoded,
    )
    listener.on_prepared(images)
    cached, train_indices, held_out = images.cached, images.train_indices, images.validation_indices
    rows = _features(cached, config, listener.on_features)
    listener.on_fitting()
    fitted = get_classical(config.arch).fit(
        TrainingRows(rows[train_indices], cached.label_ids[train_indices], config.seed, usable_cores())
    )
    scores = _score(fitted, rows, cached.label_ids, train_indices, held_out)
    listener.on_exporting()
    card = ModelCard(
        name=onnx_path.stem,
        labels=cached.labels,
        image=config.image,
        architecture=config.arch,
        golden=golden_answers(
            original_network(fitted, config.features, config.image, config.backbone),
            golden_images(cached, held_out),
            name=config.arch,
        ),
        metrics=scores.as_metrics(),
        training=config.as_facts() | TRAINED_COLORS,
        dataset=DatasetFacts(
            sha256=cached.sha256,
            train_images=len(train_indices),
            validation_images=len(held_out),
            images_per_label=cached.counts,
        ),
    )
    compared = {cached.names[index]: cached.pixels[index] for index in held_out[:: -(-len(held_out) // PARITY_IMAGES)]}
    export = export_classical(fitted, config.features, card, backbone=config.backbone, images=compared)
    unfamiliar = None
    if config.backbone is not None and config.familiarity:
        export, unfamiliar = with_familiarity(
            export, rows[train_indices], cached.label_ids[train_indices], rows[held_out]
        )
    export = exported_with_reference(export, images.held_out_paths)
    with whole_files(onnx_path) as (temporary,):
        temporary.write_bytes(export.onnx)
    keras_path.unlink(missing_ok=True)
    if run.exists:
        run.remove()
    evaluation = None
    if dataset.test is not None:
        evaluation = evaluate(
            load(onnx_path, "cpu"), dataset.test, workers=usable_cores(), on_progress=listener.on_evaluated
        )
    return ClassicalResult(fitted, scores, export, evaluation, onnx_path, unfamiliar)


def with_familiarity(
    export: Export,
    rows: FeatureRows,
    label_ids: npt.NDArray[np.int32],
    held_out: FeatureRows,
    alike: npt.NDArray[np.int64] | None = None,
) -> tuple[Export, str | None]:
    """Return a model on the features of a backbone that judges familiarity, or the same model and why it cannot.

    Args:
        export: The model file.
        rows: The features of its training images.
        label_ids: Their labels.
        held_out: The features of its validation images, of which there may be none.
        alike: A number for each training image, the same for those that look alike; None if that is not known.
    """
    model = ModelFile(export.card.name, export.card, export.onnx)
    features = FeaturesOfImages(rows, label_ids.astype(np.int64), held_out, alike)
    try:
        made = familiar(model, features, tensor=BACKBONE_TENSOR)
    except FamiliarityError as error:
        return export, str(error)
    return replace(export, onnx=made.onnx, card=made.card), None


def _features(cached: CachedImages, config: ClassicalConfig, on_progress: Callable[[int, int], None]) -> FeatureRows:
    network = open_features(config.features, config.image, config.backbone, intra_op_threads=usable_cores())
    at_once = max(1, PIXELS_AT_ONCE // (config.image.height * config.image.width))
    total = len(cached.label_ids)
    rows = np.empty((total, feature_count(config.features, config.image, config.backbone)), np.float32)
    for start in range(0, total, at_once):
        end = min(start + at_once, total)
        rows[start:end] = network(cached.pixels[np.arange(start, end)])
        on_progress(end, total)
    return rows


def _score(
    fitted: FittedClassifier,
    rows: FeatureRows,
    label_ids: npt.NDArray[np.int32],
    train_indices: Sequence[int],
    held_out: Sequence[int],
) -> Scores:
    answers = fitted.probabilities(rows)
    return Scores(
        accuracy=accuracy(answers[train_indices], label_ids[train_indices]),
        validation_accuracy=accuracy(answers[held_out], label_ids[held_out]),
        validation_loss=negative_log_likelihood(
            np.maximum(answers[held_out], SMALLEST_PROBABILITY), label_ids[held_out]
        ),
    )


def accuracy(answers: npt.NDArray[np.float32], label_ids: npt.NDArray[np.int32]) -> float:
    """Return the fraction of the rows whose most probable label is the true one."""
    return float((answers.argmax(axis=1) == label_ids).mean())
