"""What runs in each worker of a cluster: one classifier, and images by name in, rows out."""

import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass

from edgecls import __version__
from edgecls.distributed.sources import RemoteReader
from edgecls.errors import DistributedError
from edgecls.evaluation.scores import TOP, score_of
from edgecls.image_limits import ImageLimits
from edgecls.modelfile import model_from_bytes
from edgecls.results.rows import Row, written_name
from edgecls.runtime.classifier import Classifier
from edgecls.runtime.execution.providers import Provider
from edgecls.runtime.many_images import Source, classify_stream
from edgecls.runtime.min_familiarity import MinFamiliarity
from edgecls.runtime.opening import open_classifier
from edgecls.runtime.prediction import Outcome, Prediction
from edgecls.runtime.verified import verify_once

__all__ = ["ImageWorker", "WorkerSettings", "row_of", "scored_row"]


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """How the workers of a job run.

    Attributes:
        version: Of the edgecls that the job was started with.
        provider: What the network runs on.
        threads: Images to work on at once in one worker: the cores that it was given.
        has_gpu: Whether it was given a GPU, or a share of one; else it uses none.
        limits: Bounds on every image.
        unknown_threshold: As for `load`.
        min_familiarity: As for `load`.
        embeddings: Whether rows have the embedding of their image.
        top: Labels in a row, at most as many as the model has.
        folder: Where relative paths begin.
        roots: Absolute paths that every machine has to see.
    """

    version: str
    provider: str
    threads: int
    has_gpu: bool
    limits: ImageLimits
    unknown_threshold: float | None
    min_familiarity: MinFamiliarity | None
    embeddings: bool
    top: int
    folder: str
    roots: tuple[str, ...]


class ImageWorker:
    """One worker; Ray makes it in a process of its own."""

    def __init__(self) -> None:
        self._reader = RemoteReader()
        self._classifier: Classifier | None = None
        self._settings: WorkerSettings | None = None

    def start(self, onnx: bytes, model_name: str, settings: WorkerSettings) -> str:
        """Open the model, and verify it if this machine never has.

        Args:
            onnx: The whole model file.
            model_name: What to call it in errors.
            settings: How to run.

        Returns:
            The provider that it runs on.

        Raises:
            DistributedError: This machine has another edgecls, or does not see the images.
            As `open_classifier` and `verify_once`.
        """
        machine = socket.gethostname()
        if settings.version != __version__:
            raise DistributedError(
                f"the machine {machine!r} has edgecls {__version__}, but the job was started with {settings.version}; "
                "install the same version on all machines of the cluster"
            )
        missing = [root for root in settings.roots if not os.path.exists(root)]
        if missing:
            raise DistributedError(
                f"the machine {machine!r} does not see {missing[0]!r}; put the images on a file system that all "
                "machines of the cluster share, or into object storage"
            )
        if os.path.isdir(settings.folder):
            os.chdir(settings.folder)
        if not settings.has_gpu:  # Ray hides GPUs only from those that asked for others
            os.environ["CUDA_VISIBLE_DEVICES"] = ""
        model = model_from_bytes(onnx, name=model_name)
        self._classifier = open_classifier(
            model,
            Provider(settings.provider),
            setting=None,
            limits=settings.limits,
            unknown_threshold=settings.unknown_threshold,
            min_familiarity=settings.min_familiarity,
            features=settings.embeddings,
        )
        verify_once(model, self._classifier)
        self._settings = settings
        return str(self._classifier.provider)

    def classify(self, location: str, names: Sequence[str], label_ids: Sequence[int] = ()) -> list[Row]:
        """Classify images; one that cannot be used gives a row with its error.

        Args:
            location: Where they are, as `Listed.location`.
            names: What they are called.
            label_ids: Their true labels, as `Listed.label_id`; empty where they are not known.

        Returns:
            A row for each name, in their order.
        """
        classifier, settings, read = self._classifier, self._settings, self._reader.read
        if classifier is None or settings is None:
            raise DistributedError("a worker was given images before it had started; this is a fault of edgecls")
        sources = (
            Source(name, lambda limits, name=name: read(location, name, limits))  # type: ignore[misc]
            for name in names
        )
        outcomes = classify_stream(classifier, sources, workers=settings.threads)
        if label_ids:
            provider = classifier.provider.value
            return [
                scored_row(outcome, label_id, provider) for outcome, label_id in zip(outcomes, label_ids, strict=True)
            ]
        return [row_of(outcome, top=min(settings.top, len(classifier.labels))) for outcome in outcomes]


def row_of(outcome: Outcome, *, top: int) -> Row:
    """Return an outcome as the parts hold it, with the embedding if there are features."""
    return outcome.as_row(top=top, embedding=True) | {"image": written_name(outcome.name)}


def scored_row(outcome: Outcome, label_id: int, provider: str) -> Row:
    """Return an outcome with what an evaluation keeps of it, and no number rounded."""
    row = row_of(outcome, top=TOP)
    if isinstance(outcome.result, Prediction):
        prediction, score = outcome.result, score_of(outcome.result, label_id)
        top = zip(score.top_ids, score.top_probabilities, strict=True)
        row |= {
            "probability": prediction.probability,
            "top": [{"label": prediction.labels[index], "probability": probability} for index, probability in top],
            "time_ms": score.time_ms,
            "familiarity": score.familiarity,
            "rank": score.rank,
            "true_probability": score.true_probability,
            "provider": provider,
        }
    return row
