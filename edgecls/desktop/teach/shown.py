"""Which images of the folder the tab shows: those of a label, doubtful ones, or those that look alike."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from edgecls.teaching.teaching import Teaching

__all__ = ["ALIKE", "DOUBTFUL", "LABEL", "Shown", "TaughtImage", "exists", "images_of", "warnings_of"]

LABEL, DOUBTFUL, ALIKE = "label", "doubtful", "alike"


class Shown(NamedTuple):
    """Which images are shown: `kind` is LABEL, with the label, or DOUBTFUL or ALIKE."""

    kind: str
    label: str = ""


@dataclass(frozen=True)
class TaughtImage:
    """An image of the folder.

    Attributes:
        path: Where it is.
        image: Its path below the folder.
        label: Its label; empty where that is clear.
        suggested: What a model finds more probable; empty for nothing.
        probability: How probable that is; 0 where there is nothing.
    """

    path: str
    image: str
    label: str = ""
    suggested: str = ""
    probability: float = 0.0


def warnings_of(state: Mapping[str, Any], kind: str) -> list[dict[str, Any]]:
    """Return the warnings of a kind."""
    return [warning for warning in state.get("warnings", ()) if warning["kind"] == kind]


def exists(shown: Shown, state: Mapping[str, Any]) -> Shown:
    """Return what is to be shown: the first label where there is nothing to show of what was chosen."""
    labels = [entry["label"] for entry in state["labels"]]
    if shown.label in labels if shown.kind == LABEL else warnings_of(state, shown.kind):
        return shown
    return Shown(LABEL, labels[0] if labels else "")


def images_of(teaching: Teaching, state: Mapping[str, Any], shown: Shown) -> list[TaughtImage]:
    """Return the images that are to be shown: of a label the newest first, of the others the most probable mistakes."""

    def taught(image: str, label: str = "", suggested: str = "", probability: float = 0.0) -> TaughtImage:
        return TaughtImage(str(teaching.root / image), image, label, suggested, probability)

    if shown.kind == LABEL:
        return [taught(image) for image in reversed(teaching.images(shown.label))]
    warnings = warnings_of(state, shown.kind)
    if shown.kind == DOUBTFUL:
        return [taught(one["image"], one["label"], one["suggested"], one["probability"]) for one in warnings]
    label_of = teaching.folders()
    alike = [image for warning in warnings for image in warning["images"]]
    return [taught(image, label_of.get(image.partition("/")[0], "")) for image in alike]
