"""Opening model files: with which provider, threads and batches."""

import contextlib
import functools
import importlib
import os
import threading
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from edgecls import modelfile
from edgecls.bundled_model import BUNDLED_MODEL
from edgecls.errors import ModelFileError
from edgecls.image_limits import DEFAULT_LIMITS, ImageLimits
from edgecls.model_card import ModelCard
from edgecls.modelfile import ACTIVATION_NAME, FEATURES_NAME, ModelFile
from edgecls.runtime.execution.providers import Provider
from edgecls.runtime.min_familiarity import MinFamiliarity
from edgecls.runtime.session import Session, open_session, try_provider

if TYPE_CHECKING:  # loaded where a model is opened, or only for a tuned one
    from edgecls.runtime.classifier import Classifier
    from edgecls.runtime.setting import Setting
    from edgecls.runtime.tuned import Goal

__all__ = ["load", "open_classifier"]


def load(
    model_path: str | os.PathLike[str] | None = None,
    provider: Provider | str = Provider.AUTO,
    *,
    intra_op_threads: int = 1,
    batch_sizes: Sequence[int] = (1,),
    limits: ImageLimits = DEFAULT_LIMITS,
    unknown_threshold: float | None = None,
    min_familiarity: MinFamiliarity | None = None,
    features: bool = False,
    tuned: "Goal | str | None" = None,
) -> "Classifier":
    """Open a model file.

    Args:
        model_path: A self-describing .onnx file; None for the one that comes with edgecls, which knows five flowers.
        provider: "auto", or "tensorrt", "cuda", "nv_tensorrt_rtx", "openvino", "openvino_plugin", "directml", "coreml",
            "mlx", "webgpu", "cpu" to run there or fail.
        intra_op_threads: Threads that one prediction may use on the CPU. More than one helps a single
            caller who waits for each answer; with several callers one each is faster.
        batch_sizes: The sizes of batches that `Classifier.probabilities` will be given, the likeliest first; on
            anything but the CPU each is run once beforehand.
        limits: Bounds on every image.
        unknown_threshold: Takes the place of the one in the file: the answer is "unknown" where no label is at
            least so probable. From 0, where every image gets a label, to below 1; None for the file's own.
        min_familiarity: Takes the place of the threshold in the file: the answer is "unknown" where an image is less
            like the training images than that. A proportion as in "95%", the threshold that accepts so many of the
            images held out in training (the file has some of these); or a familiarity; or "off". None for the file's
            own.
        features: Give the features of every image with its prediction, as `Prediction.features`. `Classifier.embed`
            needs no such thing.
        tuned: "throughput" for many images or "latency" for one at a time: run as `edgecls tune` found best for
            that on this machine, whatever `intra_op_threads` and `batch_sizes` say. Makes no difference
            where nothing was measured, or where another provider than the one named was best.

    Raises:
        MissingExtraError: onnxruntime is not installed.
        ModelFileError: The file is missing, damaged or not self-describing, cannot have one of the thresholds, or has
            no features.
        ProviderError: It cannot run on that provider here, or the provider is unknown.
        ValueError: `tuned` is no goal, or `min_familiarity` none of these.
    """
    wanted = Provider.named(provider)
    model = modelfile.read_model(BUNDLED_MODEL if model_path is None else model_path)
    setting = None
    if tuned is not None:
        from edgecls.runtime.tuned import Goal, tuned_setting

        setting = tuned_setting(model, Goal(tuned), provider=wanted)
    return open_classifier(
        model,
        wanted,
        setting=setting,
        intra_op_threads=intra_op_threads,
        batch_sizes=batch_sizes,
        limits=limits,
        unknown_threshold=unknown_threshold,
        min_familiarity=min_familiarity,
        features=features,
    )


def open_classifier(
    model: ModelFile,
    provider: Provider,
    *,
    setting: "Setting | None",
    intra_op_threads: int = 1,
    batch_sizes: Sequence[int] = (1,),
    limits: ImageLimits = DEFAULT_LIMITS,
    unknown_threshold: float | None = None,
    min_familiarity: MinFamiliarity | None = None,
    features: bool = False,
) -> "Classifier":
    """Open a model file that is in memory.

    Args:
        model: The model file.
        provider: As for `load`.
        setting: How to run it; if its provider fails, or it is None, the other arguments count.
        intra_op_threads: As for `load`.
        batch_sizes: As for `load`.
        limits: As for `load`.
        unknown_threshold: As for `load`.
        min_familiarity: As for `load`.
        features: As for `load`.

    Raises:
        As `load`.
    """
    with _loading_opencv():
        session = None if setting is None else _as_set(model, setting, features=features)
        if session is None:
            setting = None
            session = open_session(
                model, provider, intra_op_threads=intra_op_threads, batch_sizes=batch_sizes, features=features
            )
    from edgecls.runtime.classifier import Classifier

    # The network is not kept for this: it may be large, and onnxruntime has made its own of it.
    open_again = functools.partial(
        _open_again,
        model_path=os.path.abspath(model.path),
        card=session.card,
        network_sha256=model.network_sha256,
        provider=session.provider,
        intra_op_threads=intra_op_threads,
        features=features,
    )
    classifier = Classifier(
        session,
        setting=setting,
        limits=limits,
        unknown_threshold=unknown_threshold,
        min_familiarity=min_familiarity,
        open_again=open_again,
    )
    if features:
        classifier.check_features()
    return classifier


@contextlib.contextmanager
def _loading_opencv() -> Iterator[None]:
    """Import what handles images while the block opens a network, which onnxruntime does without Python's lock.

    A program that classifies one image spends a fifth of its time on each.
    """
    thread = threading.Thread(target=_load_opencv, name="edgecls-loading")
    thread.start()
    try:
        yield
    finally:
        thread.join()


def _load_opencv() -> None:
    with contextlib.suppress(ImportError):  # the caller's own import says what is wrong
        importlib.import_module("edgecls.runtime.classifier")


def _as_set(model: ModelFile, setting: "Setting", *, features: bool) -> Session | None:
    """Open a model as it was found best, or return None if that does not work any more."""
    found = try_provider(
        model,
        setting.provider,
        intra_op_threads=setting.intra_op_threads,
        batch_sizes=setting.batch_sizes,
        features=features,
    )
    return found if isinstance(found, Session) else None


def _open_again(
    output: str,
    *,
    model_path: str,
    card: ModelCard,
    network_sha256: str,
    provider: Provider,
    intra_op_threads: int,
    features: bool,
) -> Session:
    """Open a model file once more, this time with an optional output."""
    model = modelfile.read_model(model_path)
    if model.card != card or model.network_sha256 != network_sha256:
        raise ModelFileError(
            f"cannot get the {output.replace('_', ' ')} of model {model_path!r}: another model has taken its place "
            "since it was opened; load it again"
        )
    return open_session(
        model,
        provider,
        intra_op_threads=intra_op_threads,
        class_activation=output == ACTIVATION_NAME,
        features=features or output == FEATURES_NAME,
    )
