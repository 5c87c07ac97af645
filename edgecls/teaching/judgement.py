"""What there is to say about a taught dataset and its models: warnings, and what got better or worse."""

from collections import defaultdict
from collections.abc import Container, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

import numpy as np

from edgecls.dataset.similarity.groups import near_groups
from edgecls.dataset.similarity.measures import Hashes
from edgecls.teaching.dataset import TaughtLabel

__all__ = ["alike_groups", "comparison", "doubtful_images", "label_warnings"]

FEW = 10  # images of a label, below which a model is a beginning
LEAST = 2  # images of a label that can be trained on: one of them is held out
NAMED = 50  # groups of images that look alike, or images whose label is doubtful, that are listed


def label_warnings(labels: Sequence[TaughtLabel]) -> list[dict[str, Any]]:
    """Return what is wrong with the numbers of images.

    Each warning has a `kind`: "labels" (fewer than two have images) or "few", with `label`, `images` and `enough`.
    """
    found: list[dict[str, Any]] = []
    if sum(bool(entry.images) for entry in labels) < 2:
        found.append({"kind": "labels"})
    for entry in labels:
        if len(entry.images) < FEW:
            found.append({"kind": "few", "label": entry.label, "images": len(entry.images), "enough": FEW})
    return found


def alike_groups(labels: Sequence[TaughtLabel], hashes: Mapping[str, Hashes]) -> list[dict[str, Any]]:
    """Return the groups of images that look alike, those with different labels first.

    Args:
        labels: The dataset.
        hashes: Perceptual hashes by the names of the files; other images are passed over.

    Returns:
        Warnings of the kind "alike", each with `labels`, of which there is more than one where that is a mistake, and
        `images`.
    """
    known = [
        (path, entry.label, hashes[PurePosixPath(path).name])
        for entry in labels
        for path in entry.images
        if PurePosixPath(path).name in hashes
    ]
    if len(known) < 2:
        return []
    members = defaultdict(list)
    for (path, label, _), group in zip(known, near_groups(np.stack([row for *_, row in known])).tolist(), strict=True):
        members[group].append((path, label))
    found = [
        {"kind": "alike", "labels": sorted({label for _, label in group}), "images": [path for path, _ in group]}
        for group in members.values()
        if len(group) > 1
    ]
    found.sort(key=lambda warning: -len(warning["labels"]))
    return found[:NAMED]


def doubtful_images(
    labels: Sequence[TaughtLabel], evaluated: Sequence[Mapping[str, Any]], kept: Container[str] = ()
) -> list[dict[str, Any]]:
    """Return the images whose label is probably wrong, the most probable first.

    An image is doubtful if a model that was not fitted to it finds another label at least as probable as it finds that
    label on average for the images that have it.

    Args:
        labels: The dataset as it is now.
        evaluated: What such models answered, as `edgecls train --progress json` reports it, with paths below the
            dataset.
        kept: Paths of images whose label somebody has looked at and found right; they are not doubtful.

    Returns:
        Warnings of the kind "doubtful", each with `image`, `label`, `suggested` and `probability`.

    Source:
        Northcutt, Jiang, Chuang: "Confident Learning", JAIR 2021, arXiv:1911.00068, equation 2.
    """
    confidences = defaultdict(list)
    for answer in evaluated:
        confidences[answer["label"]].append(answer["label_probability"])
    usual = {label: float(np.mean(values)) for label, values in confidences.items()}
    label_now = {path: entry.label for entry in labels for path in entry.images}
    found = [
        {
            "kind": "doubtful",
            "image": answer["image"],
            "label": answer["label"],
            "suggested": answer["predicted"],
            "probability": answer["probability"],
        }
        for answer in evaluated
        if answer["predicted"] != answer["label"]
        and answer["probability"] >= usual.get(answer["predicted"], 1.0)
        and label_now.get(answer["image"]) == answer["label"]
        and answer["image"] not in kept
    ]
    found.sort(key=lambda warning: -warning["probability"])
    return found[:NAMED]


def comparison(before: Mapping[str, Any] | None, now: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return for each label of a model how it does on images that it was not fitted to, and what has changed.

    Args:
        before: The facts of the model to compare with; None for none.
        now: The facts of the model.

    Returns:
        `label`, `images` that were held out and `right`, how many of them the model got; the same `before`, None where
        there is nothing to compare; and of the images that both were tested on with the same label,
        `newly_right` and `newly_wrong`.
    """
    earlier = {} if before is None else {PurePosixPath(one["image"]).name: one for one in before["evaluated"]}
    rows = []
    for label in now["labels"]:
        answers = [one for one in now["evaluated"] if one["label"] == label]
        row: dict[str, Any] = {
            "label": label,
            "images": len(answers),
            "right": sum(map(_is_right, answers)),
            "before": None,
            "newly_right": 0,
            "newly_wrong": 0,
        }
        if before is not None and label in before["labels"]:
            tested = [one for one in before["evaluated"] if one["label"] == label]
            row["before"] = {"images": len(tested), "right": sum(map(_is_right, tested))}
        for answer in answers:
            other = earlier.get(PurePosixPath(answer["image"]).name)
            if other is not None and other["label"] == label and _is_right(other) != _is_right(answer):
                row["newly_right" if _is_right(answer) else "newly_wrong"] += 1
        rows.append(row)
    return rows


def _is_right(answer: Mapping[str, Any]) -> bool:
    return bool(answer["predicted"] == answer["label"])
