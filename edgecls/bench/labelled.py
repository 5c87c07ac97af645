"""The pictures on which accuracy is measured beside speed."""

from collections.abc import Sequence
from dataclasses import replace

from edgecls.dataset.forms.labelled_pictures import LabelledPictures
from edgecls.evaluation.evaluate import check_labels, without_foreign_labels
from edgecls.modelfile import ModelFile

__all__ = ["MOST_LABELLED", "known_to_all", "some_of"]

MOST_LABELLED = 500


def some_of(pictures: LabelledPictures) -> LabelledPictures:
    """Return so many of the pictures that it takes seconds, spread evenly over the labels; the same at every call."""
    total = len(pictures.paths)
    if total <= MOST_LABELLED:
        return pictures
    chosen = [index * total // MOST_LABELLED for index in range(MOST_LABELLED)]
    return replace(
        pictures,
        paths=tuple(pictures.paths[index] for index in chosen),
        label_ids=tuple(pictures.label_ids[index] for index in chosen),
    )


def known_to_all(
    pictures: LabelledPictures, models: Sequence[ModelFile], *, ignore_unknown_labels: bool
) -> LabelledPictures:
    """Return the pictures whose labels all models know, before anything is measured.

    Args:
        pictures: What to classify, and what it shows.
        models: The model files.
        ignore_unknown_labels: Leave pictures with other labels out.

    Raises:
        DatasetError: There are other labels and they are not to be left out, or no picture is left.
    """
    for model in models:
        if ignore_unknown_labels:
            pictures = without_foreign_labels(pictures, model.card.labels)
        check_labels(pictures, model.card)
    return pictures
