"""The classifier: pictures in, predictions out."""

import os
import time

import numpy as np

from edgecls import image, modelfile
from edgecls.errors import ProviderError
from edgecls.image import DEFAULT_LIMITS, ImageLimits
from edgecls.model_card import ModelCard, check_unknown_threshold
from edgecls.runtime.golden import GoldenResult, check_golden
from edgecls.runtime.prediction import Prediction, unsure_of
from edgecls.runtime.providers import Provider, SkippedProvider
from edgecls.runtime.session import Batch, Probabilities, Session, open_session

__all__ = ["Classifier", "load"]


def load(
    model_path: str | os.PathLike[str],
    provider: Provider | str = Provider.AUTO,
    *,
    intra_op_threads: int = 1,
    limits: ImageLimits = DEFAULT_LIMITS,
    unknown_threshold: float | None = None,
) -> "Classifier":
    """Open a model file.

    Args:
        model_path: A self-describing .onnx file.
        provider: "auto", or "cpu", "cuda", "tensorrt" to run there or fail.
        intra_op_threads: Threads that one prediction may use on the CPU. More than one helps a single
            caller who waits for each answer; with several callers one each is faster.
        limits: Bounds on every picture.
        unknown_threshold: Takes the place of the one in the file: the answer is "unknown" where no label is at
            least so probable. From 0, where every picture gets a label, to below 1; None for the file's own.

    Raises:
        MissingExtraError: onnxruntime is not installed.
        ModelFileError: The file is missing, damaged or not self-describing, or cannot have that threshold.
        ProviderError: It cannot run on that provider here, or the provider is unknown.
    """
    try:
        wanted = Provider(provider)
    except ValueError as error:
        raise ProviderError(f"unknown provider {provider!r}; choose one of {', '.join(Provider)}") from error
    model = modelfile.read_model(model_path)
    session = open_session(model, wanted, intra_op_threads=intra_op_threads)
    return Classifier(session, limits=limits, unknown_threshold=unknown_threshold)


class Classifier:
    """A model file, opened; may be shared between threads. `load` makes one.

    Attributes:
        card: What the model file says about itself.
        limits: Bounds on every picture.
        unknown_threshold: Below this probability of the best label the answer is "unknown"; None for never.
    """

    def __init__(
        self,
        session: Session,
        *,
        limits: ImageLimits = DEFAULT_LIMITS,
        unknown_threshold: float | None = None,
    ) -> None:
        self._session = session
        self.card: ModelCard = session.card
        self.limits = limits
        self.unknown_threshold = self.card.unknown_threshold if unknown_threshold is None else unknown_threshold or None
        check_unknown_threshold(self.unknown_threshold, self.card.labels)

    @property
    def provider(self) -> Provider:
        """What the network really runs on, never AUTO."""
        return self._session.provider

    @property
    def nodes(self) -> dict[str, int]:
        """Number of nodes on each provider, by onnxruntime's names; empty on the CPU."""
        return self._session.nodes

    @property
    def skipped(self) -> tuple[SkippedProvider, ...]:
        """Better providers that could not be used, with reason and remedy."""
        return self._session.skipped

    @property
    def answers(self) -> tuple[str, ...]:
        """All that a prediction may be called, as `Prediction.described` gives it."""
        labels = self.card.labels
        return labels if self.unknown_threshold is None else labels + tuple(map(unsure_of, labels))

    def predict(self, path: str | os.PathLike[str]) -> Prediction:
        """Classify a picture file.

        Raises:
            ImageReadError: The file cannot be read.
            ImageTooLargeError: It has more bytes or pixels than the limits allow.
            ImageDecodeError: It is not a whole picture in a supported format.
        """
        return self.predict_bytes(image.read_file(path, limits=self.limits), name=os.fspath(path))

    def predict_bytes(self, data: bytes, *, name: str = "image") -> Prediction:
        """Classify an encoded picture, such as the body of an upload.

        Args:
            data: The whole encoded picture.
            name: What to call it in the answer and in errors.

        Raises:
            As `predict`, but for ImageReadError.
        """
        start = time.perf_counter()
        pixels = image.decode_to_fit(data, self.card.image, name=name, limits=self.limits)
        row = self._session.run(pixels[np.newaxis])[0]
        elapsed_ms = (time.perf_counter() - start) * 1000
        return Prediction(name, self.card.labels, tuple(row.tolist()), elapsed_ms, self.unknown_threshold)

    def probabilities(self, batch_nhwc: Batch) -> Probabilities:
        """Run the network on pictures that are at the model's size already.

        Args:
            batch_nhwc: uint8, ``[N, height, width, channels]``, RGB or grey, N at least 1.

        Returns:
            float32, ``[N, labels]``; every row sums to 1.

        Raises:
            InputShapeError: The array has another shape or dtype.
        """
        return self._session.run(batch_nhwc)

    def verify(self) -> list[GoldenResult]:
        """Run the golden samples of the model file, alone and as one batch.

        Also warms the session up: after it, predictions take their usual time.

        Raises:
            ModelFileError: A golden sample is damaged.
        """
        return check_golden(self.card, self._session.run)
