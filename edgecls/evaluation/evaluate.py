"""Running a model on labelled images in bounded memory: only a few numbers are kept of each."""

import time
import unicodedata
from array import array
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edgecls.dataset.formats.labelled_images import Dataset, LabelledImages
from edgecls.errors import DatasetError, ImageError
from edgecls.evaluation.record import Evaluation
from edgecls.model_card import ModelCard
from edgecls.runtime.classifier import Classifier
from edgecls.runtime.many_images import classify_stream, file_source
from edgecls.runtime.prediction import Prediction

__all__ = ["ALL", "AUTO", "SPLIT_NAMES", "check_labels", "choose_split", "evaluate", "without_foreign_labels"]

AUTO, ALL = "auto", "all"
SPLIT_NAMES = (AUTO, "test", "val", "train", ALL)
TOP = 3  # predictions that are kept of each image
NAMED_LABELS = 10  # labels that an error message lists


def evaluate(
    classifier: Classifier,
    images: LabelledImages,
    *,
    workers: int,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> Evaluation:
    """Classify labelled images and keep what the metrics need.

    Labels of data and model are matched by name, so their order may differ. Labels of the model
    without images are fine; images that cannot be read are listed in the result.

    Args:
        classifier: The opened model.
        images: What to classify, with true labels.
        workers: Number of images to process at once, at least 1.
        on_progress: Called with the number of images done and the number of all.

    Raises:
        DatasetError: The data has labels that the model does not have, or no image can be classified.
    """
    model_ids = _match_labels(images.labels, classifier.card.labels, classifier.card.name)
    total = len(images.paths)
    kept: list[Path] = []
    failures: dict[str, ImageError] = {}
    # Plain arrays grow in place and hold 8 bytes a number, where a list would hold objects.
    label_ids, ranks = array("q"), array("q")
    true_probabilities, times_ms = array("d"), array("d")
    top_ids, top_probabilities, familiarities = array("q"), array("d"), array("d")
    started = time.perf_counter()
    outcomes = classify_stream(classifier, [file_source(str(path)) for path in images.paths], workers=workers)
    for index, outcome in enumerate(outcomes):
        if isinstance(outcome.result, Prediction):
            label_id = model_ids[images.label_ids[index]]
            row = np.asarray(outcome.result.probabilities)
            order = np.argsort(-row, kind="stable")  # of equals the first, as Prediction has it
            kept.append(images.paths[index])
            label_ids.append(label_id)
            ranks.append(int(np.flatnonzero(order == label_id)[0]))
            true_probabilities.append(float(row[label_id]))
            times_ms.append(outcome.result.time_ms)
            if outcome.result.familiarity is not None:
                familiarities.append(outcome.result.familiarity)
            top_ids.extend(order[:TOP].tolist())
            top_probabilities.extend(row[order[:TOP]].tolist())
        else:
            failures[outcome.name] = outcome.result
        on_progress(index + 1, total)
    if not kept:
        first = next(iter(failures.values()), "there are no images")
        raise DatasetError(f"none of the {total} images could be classified; the first fault: {first}")
    return Evaluation(
        labels=classifier.card.labels,
        paths=tuple(kept),
        label_ids=_integers(label_ids),
        ranks=_integers(ranks),
        true_probabilities=_numbers(true_probabilities),
        top_ids=_integers(top_ids).reshape(len(kept), -1),
        top_probabilities=_numbers(top_probabilities).reshape(len(kept), -1),
        times_ms=_numbers(times_ms),
        failures=failures,
        unknown_threshold=classifier.unknown_threshold,
        provider=classifier.provider.value,
        workers=workers,
        duration_s=time.perf_counter() - started,
        familiarities=_numbers(familiarities) if classifier.has_familiarity else None,
        min_familiarity=classifier.min_familiarity,
    )


def check_labels(images: LabelledImages, card: ModelCard) -> None:
    """Check that a model has all labels of the data, as `evaluate` requires.

    Raises:
        DatasetError: It does not.
    """
    _match_labels(images.labels, card.labels, card.name)


def without_foreign_labels(images: LabelledImages, model_labels: tuple[str, ...]) -> LabelledImages:
    """Return the images whose labels the model has.

    Raises:
        DatasetError: There are none.
    """
    known = {_normal(label) for label in model_labels}
    kept = [index for index, label in enumerate(images.label_ids) if _normal(images.labels[label]) in known]
    if not kept:
        raise DatasetError(
            f"the model knows none of the labels of the data ({_listed(images.labels)}); "
            f"its labels are {_listed(model_labels)}"
        )
    # The foreign labels go too, or they would still be matched with those of the model.
    labels = tuple(label for label in images.labels if _normal(label) in known)
    places = {label: place for place, label in enumerate(labels)}
    return replace(
        images,
        labels=labels,
        paths=tuple(images.paths[index] for index in kept),
        label_ids=tuple(places[images.labels[images.label_ids[index]]] for index in kept),
    )


def _match_labels(data: tuple[str, ...], model: tuple[str, ...], model_name: str) -> list[int]:
    """Return for each label of the data its index among those of the model."""
    places = {_normal(label): place for place, label in enumerate(model)}
    foreign = [label for label in data if _normal(label) not in places]
    if foreign:
        raise DatasetError(
            f"model {model_name!r} does not know {len(foreign)} label(s) of the data: {_listed(foreign)}; its labels "
            f"are {_listed(model)}. Rename them, or leave their images out with --ignore-unknown-labels"
        )
    return [places[_normal(label)] for label in data]


def _normal(label: str) -> str:
    """Return the label in Unicode NFC: a Mac spells names of folders in another form than other systems."""
    return unicodedata.normalize("NFC", label)


def _listed(labels: list[str] | tuple[str, ...]) -> str:
    named = ", ".join(map(repr, labels[:NAMED_LABELS]))
    return f"{named} and {len(labels) - NAMED_LABELS} more" if len(labels) > NAMED_LABELS else named


def _integers(values: "array[int]") -> npt.NDArray[np.int64]:
    return np.asarray(values, np.int64)


def _numbers(values: "array[float]") -> npt.NDArray[np.float64]:
    return np.asarray(values, np.float64)


def choose_split(dataset: Dataset, name: str) -> tuple[str, LabelledImages]:
    """Return a split and its name; AUTO takes test, else val, else all images.

    Args:
        dataset: All splits.
        name: One of SPLIT_NAMES.

    Raises:
        DatasetError: The dataset has no such split.
    """
    if name == AUTO:
        name = next((held_out for held_out in ("test", "val") if held_out in dataset.splits), ALL)
    if name == ALL:
        return ALL, dataset.whole
    if name not in dataset.splits:
        raise DatasetError(
            f"the dataset has no split {name!r}, only {', '.join(dataset.splits)}; choose another one with --split, "
            "or divide it with 'edgecls data split'"
        )
    return name, dataset.splits[name]
