"""Evaluating a model on a cluster: the rows of a job have true labels, and become the evaluation of a local run."""

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgecls import errors
from edgecls.dataset.formats.labelled_images import Dataset, LabelledImages
from edgecls.dataset.formats.read import read_dataset
from edgecls.distributed.cluster import Share
from edgecls.distributed.job import Job, Progress, open_output, run_job
from edgecls.distributed.remote_dataset import RemoteDataset
from edgecls.distributed.sources import HERE, Listed, Place, RemoteReader, is_uri
from edgecls.errors import DistributedError, ImageError
from edgecls.evaluation.evaluate import model_label_ids
from edgecls.evaluation.record import Evaluation, ImagePath
from edgecls.evaluation.scores import Score, Scores
from edgecls.image_limits import DEFAULT_LIMITS
from edgecls.results.rows import Row, written_name
from edgecls.runtime.min_familiarity import familiarity_threshold

__all__ = ["ClusterData", "evaluate_on_cluster"]


class ClusterData:
    """A dataset that the machines of a cluster see.

    Args:
        source: A local path, as for `read_dataset`, or the URI of a folder, as for `RemoteDataset`.

    Attributes:
        source: As given.
        dataset: Its images and labels.
        shown: What to call it.

    Raises:
        As these.
    """

    def __init__(self, source: str) -> None:
        self.source = source
        self._remote = RemoteDataset(source) if is_uri(source) else None
        self.dataset: Dataset = read_dataset(Path(source)) if self._remote is None else self._remote.dataset
        self.shown = Place.of(source).shown if is_uri(source) else source
        self._reader = RemoteReader()

    @property
    def location(self) -> str:
        """Where its images are, as in `Listed`."""
        return HERE if self._remote is None else self._remote.location

    def path_of(self, path: Path) -> ImagePath:
        """Return where an image of the dataset is."""
        return path if self._remote is None else self._remote.uri_of(path)

    def read(self, path: ImagePath) -> bytes:
        """Return the bytes of an image, by what `path_of` returns.

        Raises:
            ImageReadError: It cannot be read.
            ImageTooLargeError: It has more bytes than `DEFAULT_LIMITS` allow.
        """
        return self._reader.read(self.location, str(path), DEFAULT_LIMITS)


@dataclass(frozen=True, slots=True)
class _Labelled:
    """Images in their order, with the true labels as indices into those of the model."""

    data: ClusterData
    images: LabelledImages
    label_ids: list[int]

    def listed(self) -> Iterator[Listed]:
        location = self.data.location
        for path, label_id in zip(self.images.paths, self.label_ids, strict=True):
            yield Listed(location, str(self.data.path_of(path)), label_id)

    def path(self, place: int) -> ImagePath:
        return self.data.path_of(self.images.paths[place])


def evaluate_on_cluster(
    job: Job,
    data: ClusterData,
    images: LabelledImages,
    *,
    address: str | None,
    share: Share,
    on_progress: Callable[[Progress], None] = lambda progress: None,
) -> tuple[Evaluation, Progress]:
    """Classify labelled images as `run_job` does, and evaluate the rows of this run and of earlier ones.

    Args:
        job: What to do, with `evaluates`.
        data: The dataset.
        images: Those of its images that are measured.
        address: As for `run_job`.
        share: As for `run_job`.
        on_progress: As for `run_job`.

    Returns:
        The evaluation, as `evaluate` returns it, and how the job ended. `workers` is the largest number of images at
        once in this run, and `duration_s` its time; rows of earlier runs took theirs.

    Raises:
        DatasetError: The data has labels that the model does not have, or no image can be classified.
        DistributedError: The rows of an earlier run have other true labels.
        As `run_job`.
    """
    card = job.model.card
    labelled = _Labelled(data, images, model_label_ids(images, card))
    most_workers = 1
    started_s = time.perf_counter()

    def take_note(progress: Progress) -> None:
        nonlocal most_workers
        most_workers = max(most_workers, progress.workers)
        on_progress(progress)

    progress = run_job(job, address=address, share=share, listed=labelled.listed(), on_progress=take_note)
    duration_s = time.perf_counter() - started_s
    scores = Scores(card.labels, labelled.label_ids)
    providers = _gather(job, labelled, scores)
    evaluation = scores.evaluation(
        labelled.path,
        unknown_threshold=card.unknown_threshold if job.unknown_threshold is None else job.unknown_threshold or None,
        provider=", ".join(sorted(providers)),
        workers=most_workers * share.cpus,
        duration_s=duration_s,
        min_familiarity=familiarity_threshold(card, job.min_familiarity),
    )
    return evaluation, progress


def _gather(job: Job, labelled: _Labelled, scores: Scores) -> set[str]:
    """Put the rows of all parts in their places, and return what the network ran on."""
    labels = job.model.card.labels
    places = {written_name(str(labelled.path(place))): place for place in range(len(labelled.label_ids))}
    ids = {label: index for index, label in enumerate(labels)}
    providers = set[str]()
    with contextlib.closing(open_output(job)) as output:
        for row in output.rows():
            place = places.get(row["image"])
            if place is None:
                continue  # it has left the dataset since an earlier run
            label = labels[labelled.label_ids[place]]
            if row["true_label"] != label:
                raise DistributedError(
                    f"the image {row['image']!r} had the label {row['true_label']!r} in an earlier run, and has "
                    f"{label!r} now; choose another folder than {str(job.output)!r}"
                )
            if row.get("error") is not None:
                scores.put(place, _error(row["error"]))
                continue
            providers.add(row["provider"])
            scores.put(place, _score(row, ids))
    return providers


def _score(row: Row, ids: dict[str, int]) -> Score:
    """Return what `scored_row` has made a row of."""
    return Score(
        row["rank"],
        row["true_probability"],
        tuple(ids[entry["label"]] for entry in row["top"]),
        tuple(entry["probability"] for entry in row["top"]),
        row["time_ms"],
        row["familiarity"],
    )


def _error(written: dict[str, Any]) -> ImageError:
    """Return the error that `as_dict` has written."""
    kind = getattr(errors, written["type"], ImageError) if written["type"] in errors.__all__ else ImageError
    return kind(written["message"]) if issubclass(kind, ImageError) else ImageError(written["message"])
