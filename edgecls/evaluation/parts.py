"""Which part of a dataset to evaluate on."""

from edgecls.dataset.forms.labelled_pictures import Dataset, LabelledPictures
from edgecls.errors import DatasetError

__all__ = ["ALL", "AUTO", "PART_NAMES", "choose_part"]

AUTO, ALL = "auto", "all"
PART_NAMES = (AUTO, "test", "val", "train", ALL)


def choose_part(dataset: Dataset, name: str) -> tuple[str, LabelledPictures]:
    """Return a part by its name, and what it is called; AUTO takes test, else val, else all there is.

    Args:
        dataset: All parts.
        name: One of PART_NAMES.

    Raises:
        DatasetError: The dataset has no such part.
    """
    if name == AUTO:
        name = next((held_out for held_out in ("test", "val") if held_out in dataset.parts), ALL)
    if name == ALL:
        return ALL, dataset.whole
    if name not in dataset.parts:
        raise DatasetError(
            f"the dataset has no part {name!r}, only {', '.join(dataset.parts)}; choose another one with --part, "
            "or divide it with 'edgecls data split'"
        )
    return name, dataset.parts[name]
