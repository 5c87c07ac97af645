"""From paths and labels, as any form of dataset lists them, to a checked dataset."""

import os
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path

from edgecls.dataset.formats.labelled_images import Dataset, LabelledImages
from edgecls.errors import DatasetError, ModelFileError
from edgecls.model_card import check_labels

__all__ = ["Listed", "assemble", "check_files_exist", "label_text"]

Listed = tuple[Path, str]
"""An image and its label."""

NAMED_AT_MOST = 5  # missing files or labels in a message


def label_text(name: str) -> str:
    """Return a label as edgecls compares it: in Unicode NFC, so that a Mac's folder names are like all others."""
    return unicodedata.normalize("NFC", name)


def assemble(listed: Mapping[str, Sequence[Listed]], source: Path) -> Dataset:
    """Make a dataset of images and labels, however they were listed.

    Args:
        listed: The images of each part by its name: "train", "val" or "test"; labels as
            `label_text` gives them.
        source: Where the dataset lies, for messages.

    Raises:
        DatasetError: Fewer than two labels, a label that cannot be one, a part without images, a label
            that train does not have, or an image that is listed twice.
    """
    images = listed.get("train")
    if not images:
        raise DatasetError(f"{str(source)!r} has no images to train on; put some into its part 'train'")
    labels = tuple(sorted({label for _, label in images}))
    try:
        check_labels(labels)
    except ModelFileError as error:
        raise DatasetError(f"the names in {str(source)!r} cannot be labels: {error}; rename them") from error
    parts = {name: _part(name, listed[name], labels, source) for name in ("train", "val", "test") if name in listed}
    _check_listed_once(parts, source)
    return Dataset(parts["train"], parts.get("val"), parts.get("test"))


def _part(name: str, images: Sequence[Listed], labels: tuple[str, ...], source: Path) -> LabelledImages:
    if not images:
        raise DatasetError(f"part {name!r} of {str(source)!r} has no images; put some in or delete it")
    ids = {label: index for index, label in enumerate(labels)}
    unknown = sorted({label for _, label in images} - ids.keys())
    if unknown:
        raise DatasetError(
            f"part {name!r} of {str(source)!r} has label {', '.join(map(repr, unknown[:NAMED_AT_MOST]))}"
            f"{' and more' if len(unknown) > NAMED_AT_MOST else ''}, which its part 'train' does not have; "
            "put images of it into 'train' or take it out"
        )
    ordered = sorted((ids[label], str(path), path) for path, label in images)
    return LabelledImages(labels, tuple(path for _, _, path in ordered), tuple(index for index, _, _ in ordered))


def _check_listed_once(parts: Mapping[str, LabelledImages], source: Path) -> None:
    """Refuse an image that stands in two places, be it by way of links: what is held out must be unseen."""
    real_folders: dict[str, str] = {}
    seen: dict[str, tuple[str, str]] = {}
    for name, part in parts.items():
        for path, label_id in zip(part.paths, part.label_ids, strict=True):
            folder, file = os.path.split(path)
            if folder not in real_folders:
                real_folders[folder] = os.path.realpath(folder)
            key = os.path.realpath(path) if os.path.islink(path) else os.path.join(real_folders[folder], file)
            place = (name, part.labels[label_id])
            if key in seen:
                first, second = (f"part {part_name!r} under {label!r}" for part_name, label in (seen[key], place))
                raise DatasetError(
                    f"image {str(path)!r} is listed twice in {str(source)!r}: in {first} and in {second}; keep one"
                )
            seen[key] = place


def check_files_exist(paths: Sequence[Path], source: Path) -> None:
    """Refuse a list that names files which are not there.

    Raises:
        DatasetError: Some are not; the message names the first ones and says how many.
    """
    missing = [path for path in paths if not path.is_file()]
    if missing:
        named = ", ".join(repr(str(path)) for path in missing[:NAMED_AT_MOST])
        more = ", ..." if len(missing) > NAMED_AT_MOST else ""
        fault = "are not there or are no files" if any(path.exists() for path in missing) else "are not there"
        raise DatasetError(
            f"{len(missing)} of the {len(paths)} files listed in {str(source)!r} {fault}: {named}{more}; "
            "paths are taken from the folder of the list unless they are absolute"
        )
