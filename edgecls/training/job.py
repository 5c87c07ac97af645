"""A training run from a dataset to a .keras and a .onnx file."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import keras
import numpy as np

from edgecls.atomic_write import check_writable, whole_files
from edgecls.dataset.formats.read import read_dataset
from edgecls.dataset.notes import notes_on
from edgecls.errors import FamiliarityError, MissingExtraError, OutputError
from edgecls.evaluation.history import EpochReport
from edgecls.evaluation.mirroring import Mirroring, measure_mirroring
from edgecls.evaluation.record import Evaluation
from edgecls.export.familiarity.add import familiar_by_images
from edgecls.export.from_keras.export import Export, export_float32
from edgecls.export.from_keras.file import save_keras
from edgecls.export.reference import exported_with_reference
from edgecls.modelfile import ModelFile
from edgecls.models import NO_WEIGHTS, Origin, get_architecture
from edgecls.plots.figure import check_can_draw
from edgecls.runtime.opening import load
from edgecls.training.config import ClassWeights, TrainConfig
from edgecls.training.config_file import Settings, build_config, read_settings
from edgecls.training.devices import FULL_PRECISION, Devices, choose_devices, dtype_policy
from edgecls.training.document import CalibratedNetwork, calibrated, write_card
from edgecls.training.epoch_keeper import Watch, stop_request
from edgecls.training.images import ImagesListener, PreparedImages, prepare_images, without_rare_labels
from edgecls.training.run_directory import ExistingRun, RunDirectory, RunFacts, default_run_directory
from edgecls.training.run_report import report_on_run
from edgecls.training.trainer import TrainedNetwork, build_network, start_network, train

__all__ = ["Listener", "RunOptions", "TrainingResult", "resolve_config", "run_training"]


@dataclass(frozen=True)
class Listener(ImagesListener):
    """Callbacks for the progress of a training run, in addition to those of images; each does nothing by default.

    Attributes:
        on_devices: The devices to train on.
        on_weights: Where the weights come from that training starts with; not if a run is resumed.
        on_begun: The run directory is ready: it, and the epochs that a resumed run has already.
        on_resumed: The last epoch of the run that is resumed.
        on_batch: Steps done, all steps of the epoch, loss and accuracy so far.
        on_epoch: The results of an epoch.
        on_exporting: Training is over, complete or stopped, and the export starts.
        on_features: Number of images whose features for the familiarity are computed, number of all.
    """

    on_devices: Callable[[Devices], None] = field(default=lambda devices: None)
    on_weights: Callable[[Origin], None] = field(default=lambda origin: None)
    on_begun: Callable[[RunDirectory, Sequence[EpochReport]], None] = field(default=lambda run, history: None)
    on_resumed: Callable[[EpochReport], None] = field(default=lambda report: None)
    on_batch: Callable[[int, int, float, float], None] = field(default=lambda done, total, loss, accuracy: None)
    on_epoch: Callable[[EpochReport], None] = field(default=lambda report: None)
    on_exporting: Callable[[TrainedNetwork], None] = field(default=lambda trained: None)
    on_features: Callable[[int, int], None] = field(default=lambda done, total: None)


@dataclass(frozen=True)
class RunOptions:
    """Options of a training run that do not change the trained network.

    Attributes:
        run_directory: Where settings, history and checkpoint go; None for the folder next to the model file
            with its name and the ending .run.
        existing: What to do with a run that already exists.
        cache_folder: Where decoded images go if they are kept on disk; None for the model file's folder.
        tensorboard: Whether to write logs for TensorBoard into the run directory.
        keeps_test: Whether the test split, if there is one, is left for later; the report is then on the validation
            images.
    """

    run_directory: Path | None = None
    existing: ExistingRun = ExistingRun.REPLACE_FINISHED
    cache_folder: Path | None = None
    tensorboard: bool = False
    keeps_test: bool = False


@dataclass(frozen=True)
class TrainingResult:
    """The results of a training run.

    Attributes:
        trained: The network and its history; not complete if it was stopped by Ctrl-C.
        model: The network as it was exported, calibrated.
        export: The model file, verified against the original.
        evaluation: On the test split, or on the validation images if there is none.
        has_test: Whether there is a test split, which `evaluation` is of.
        mirroring: The effect of mirroring the validation images.
        onnx_path: Where it is.
        keras_path: Where the network is as Keras saves it.
        run: Where settings, history and report are.
        unfamiliar: Why the model file has no familiarity; None if it has one or was not to have one.
    """

    trained: TrainedNetwork
    model: CalibratedNetwork
    export: Export
    evaluation: Evaluation
    has_test: bool
    mirroring: Mirroring
    onnx_path: Path
    keras_path: Path
    run: RunDirectory
    unfamiliar: str | None = None


def run_training(
    data: Path,
    onnx_path: Path,
    config: TrainConfig,
    *,
    options: RunOptions | None = None,
    listener: Listener | None = None,
) -> TrainingResult:
    """Train on a dataset and write the model as .onnx and, next to it, as .keras.

    Both files are written completely or not at all, and only if the exported network gives the same
    results as the trained one. A run directory keeps settings, history and report, and a checkpoint until the run is
    finished, from which a run that was killed can be resumed. The first
    Ctrl-C during training ends it, and the best epoch so far is exported; the run can still be
    resumed.

    Args:
        data: A dataset in any format that `read_dataset` supports.
        onnx_path: Where to write; must end in .onnx.
        config: The settings.
        options: Further options.
        listener: Callbacks for its progress.

    Raises:
        OutputError: The files cannot be written there; checked before training where possible.
        DatasetError: The dataset cannot be trained on.
        ModelConfigError: The architecture cannot be built with these settings.
        TrainingError: The loss became infinite or NaN, the device cannot be used, or the run directory
            has a run that differs from this one.
        ExportError: The exported network does not give the same results as the trained one.
        MissingExtraError: The packages that convert to ONNX are not installed; the .keras file is written all the same.
    """
    listener = listener or Listener()
    options = options or RunOptions()
    if onnx_path.suffix != ".onnx":
        raise OutputError(f"the model file must end in .onnx, got {str(onnx_path)!r}")
    keras_path = onnx_path.with_suffix(".keras")
    check_writable(onnx_path)
    check_writable(keras_path)
    check_can_draw()
    run = RunDirectory(options.run_directory or default_run_directory(onnx_path))
    run.check(options.existing)
    dataset, left_out = without_rare_labels(read_dataset(data), config.rare_labels)
    listener.on_found(dataset)
    if options.keeps_test:
        dataset = replace(dataset, test=None)
    can_balance = config.class_weights is ClassWeights.NONE
    listener.on_remarks([*left_out, *notes_on(data, dataset, config.image, can_balance=can_balance)])
    devices = choose_devices(config.device)
    policy = dtype_policy(config.mixed_precision, devices)
    with devices.scope():
        network, config = _start_in(run, config, options, listener, num_classes=len(dataset.labels), policy=policy)
        images = prepare_images(
            dataset,
            config.image,
            validation_fraction=config.validation_fraction,
            rare_labels=config.rare_labels,
            seed=config.seed,
            cache=config.cache,
            cache_folder=options.cache_folder or onnx_path.absolute().parent,
            on_progress=listener.on_decoded,
        )
        listener.on_prepared(images)
        listener.on_devices(devices)
        trained = _train_in(run, network, images, config, options, listener, device_count=len(devices.names))
    listener.on_exporting(trained)
    exported = trained.network
    if policy != FULL_PRECISION or len(devices.names) > 1:
        exported = _plain_copy(trained.network, config, num_classes=len(dataset.labels))
    model = calibrated(exported, config, images)
    card = write_card(onnx_path.stem, config, images, model, trained.best, weights_from=run.weights_from)
    try:
        export = export_float32(model.network, card)
    except MissingExtraError as error:  # of the packages that convert: another machine can do it
        with whole_files(keras_path) as (temporary_keras,):
            save_keras(temporary_keras, model.network, card)
        raise MissingExtraError(
            f"{error}. The network is trained and kept in {str(keras_path)!r}; make the model file there or on another "
            f"machine with: edgecls export {keras_path.name} -o {onnx_path.name}"
        ) from error
    plain_card = export.card
    unfamiliar = None
    if config.familiarity:
        cache_folder = options.cache_folder or onnx_path.absolute().parent
        export, unfamiliar = _with_familiarity(export, images, cache_folder, listener)
    export = exported_with_reference(export, images.held_out_paths)
    with whole_files(keras_path, onnx_path) as (temporary_keras, temporary_onnx):
        save_keras(temporary_keras, model.network, plain_card)
        temporary_onnx.write_bytes(export.onnx)
    run.keep_model(onnx_path, keras_path)
    mirroring = measure_mirroring(model.network.predict_on_batch, images.held_out(config.batch_size), dataset.labels)
    evaluation = report_on_run(
        run,
        load(onnx_path, "cpu"),
        model_bytes=len(export.onnx),
        data=data,
        dataset=dataset,
        images=images,
        history=trained.history,
        calibration=model.calibration,
        mirroring=mirroring,
        on_progress=listener.on_evaluated,
    )
    if trained.is_complete:
        run.finish()
    has_test = dataset.test is not None
    return TrainingResult(
        trained, model, export, evaluation, has_test, mirroring, onnx_path, keras_path, run, unfamiliar
    )


def _with_familiarity(
    export: Export, images: PreparedImages, folder: Path, listener: Listener
) -> tuple[Export, str | None]:
    """Return a model file that judges familiarity, or the same and why it cannot."""
    try:
        made = familiar_by_images(
            ModelFile(export.card.name, export.card, export.onnx),
            images.cached.pixels,
            images.cached.label_ids.astype(np.int64),
            images.train_indices,
            images.validation_indices,
            folder=folder,
            on_progress=listener.on_features,
        )
    except FamiliarityError as error:
        return export, str(error)
    return replace(export, onnx=made.onnx, card=made.card), None


def resolve_config(flags: Settings, onnx_path: Path, options: RunOptions, *, config_file: Path | None) -> TrainConfig:
    """Return the settings of a run: defaults, then those of a file, then those of the command line.

    A resumed run uses the file of its own settings, unless another is given.

    Args:
        flags: Settings of the command line, as `build_config` takes them.
        onnx_path: As `run_training` takes it.
        options: As `run_training` takes them.
        config_file: A TOML file of settings, or None.

    Raises:
        TrainingError: A file cannot be read or a setting is wrong, or there is no run to resume.
        ModelConfigError: The architecture is unknown, or a value of the image is outside its limits.
    """
    settings: Settings = {}
    if config_file is not None:
        settings = read_settings(config_file)
    elif options.existing is ExistingRun.RESUME:
        run = RunDirectory(options.run_directory or default_run_directory(onnx_path))
        run.check(options.existing)
        settings = run.saved_settings()
    return build_config(settings, flags, default_image=lambda arch: get_architecture(arch).default_image)


def _start_in(
    run: RunDirectory,
    config: TrainConfig,
    options: RunOptions,
    listener: Listener,
    *,
    num_classes: int,
    policy: str,
) -> tuple[keras.Model, TrainConfig]:
    """Build the network; return it with the settings in which its weights are settled.

    A run that is resumed takes all weights from its checkpoint, so that those it started with are not needed.
    """
    is_resumed = options.existing is ExistingRun.RESUME
    if is_resumed:
        config = run.with_recorded_weights(config)
    if is_resumed and run.checkpoints.exist():
        return build_network(replace(config, weights=NO_WEIGHTS), num_classes=num_classes, policy=policy), config
    started = start_network(config, num_classes=num_classes, policy=policy)  # it may not work out
    run.weights_from = started.origin.text
    listener.on_weights(started.origin)
    return started.network, started.config


def _train_in(
    run: RunDirectory,
    network: keras.Model,
    images: PreparedImages,
    config: TrainConfig,
    options: RunOptions,
    listener: Listener,
    *,
    device_count: int,
) -> TrainedNetwork:
    facts = RunFacts(images.cached.sha256, len(images.train_indices), len(images.validation_indices))
    history: list[EpochReport] = []
    resumed = None
    if options.existing is ExistingRun.RESUME:
        resumed = run.resume(config, facts)
    else:
        run.begin(config, facts)
    if resumed is not None:
        history += resumed.history
        run.write_history(history)  # the kill may have come between checkpoint and history
        listener.on_resumed(history[-1])
    listener.on_begun(run, tuple(history))

    def on_epoch(report: EpochReport) -> None:
        history.append(report)
        run.write_history(history)
        listener.on_epoch(report)

    try:
        with stop_request() as should_stop:
            return train(
                config,
                network,
                images.cached,
                train_indices=images.train_indices,
                validation_indices=images.validation_indices,
                checkpoints=run.checkpoints,
                resumed=resumed,
                tensorboard=run.tensorboard_path if options.tensorboard else None,
                device_count=device_count,
                watch=Watch(on_epoch, listener.on_batch, should_stop),
            )
    finally:
        run.discard_if_empty()


def _plain_copy(network: keras.Model, config: TrainConfig, *, num_classes: int) -> keras.Model:
    """Return the same network in float32 on one device, for the export."""
    copy = build_network(replace(config, weights=NO_WEIGHTS), num_classes=num_classes)
    copy.set_weights(network.get_weights())
    return copy
