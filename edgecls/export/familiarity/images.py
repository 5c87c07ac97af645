"""Images for the familiarity of a model that exists already: a dataset, or any folder of images."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from edgecls.dataset.formats.folders import subfolders
from edgecls.dataset.formats.labelled_images import LabelledImages
from edgecls.dataset.formats.lists import has_split_lists
from edgecls.dataset.formats.read import read_dataset
from edgecls.dataset.pixel_cache import StreamedPixels
from edgecls.errors import DatasetError, ImageError
from edgecls.export.familiarity.add import familiar_by_images
from edgecls.image_files import find_images, has_image_name
from edgecls.modelfile import ModelFile

__all__ = ["familiar_by_folder"]


def familiar_by_folder(
    model: ModelFile,
    data: Path,
    *,
    on_failure: Callable[[ImageError], None] = lambda error: None,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> ModelFile:
    """Return a model file that judges how familiar an image is, by images of the kind it was trained on.

    Args:
        model: With or without a familiarity, which is replaced.
        data: A dataset in any format that `read_dataset` supports; its labels need not be those of the model. The
            threshold comes from its held-out splits, or else from the training images, each judged by the others.
            Or a folder of images without class folders, which form one group.
        on_failure: Called with the reason why an image is left out.
        on_progress: Called with the number of images done and the number of all.

    Raises:
        FamiliarityError: The model cannot have a familiarity.
        DatasetError: There are no images, or not enough that can be decoded.
    """
    training, held_out = _read(data)
    paths, label_ids = training.paths + held_out.paths, training.label_ids + held_out.label_ids
    return familiar_by_images(
        model,
        StreamedPixels(paths, model.card.image),
        np.asarray(label_ids, np.int64),
        range(len(training.paths)),
        range(len(training.paths), len(paths)),
        on_failure=on_failure,
        on_progress=on_progress,
    )


def _read(data: Path) -> tuple[LabelledImages, LabelledImages]:
    """Return the images to fit to and the held-out ones, by their groups."""
    nothing = LabelledImages((), (), ())
    if data.is_dir() and _is_one_group(data):
        paths = tuple(find_images(data))
        if not paths:
            raise DatasetError(f"{str(data)!r} has no images; give a folder with images that the model was trained on")
        return LabelledImages(("",), paths, (0,) * len(paths)), nothing
    dataset = read_dataset(data)
    others = [split for name, split in dataset.splits.items() if name != "train"]
    return dataset.train, LabelledImages(
        dataset.labels,
        tuple(path for split in others for path in split.paths),
        tuple(label_id for split in others for label_id in split.label_ids),
    )


def _is_one_group(folder: Path) -> bool:
    """True if images are directly in a folder, or in one folder within it at most."""
    folders = subfolders(folder)
    if any(has_image_name(path.name) and path.is_file() for path in folder.iterdir()):
        return True
    return not has_split_lists(folder) and (not folders or (len(folders) == 1 and not subfolders(folders[0])))
