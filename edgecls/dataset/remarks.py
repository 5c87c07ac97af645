"""What a person should know about a dataset before training on it takes hours."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median

from edgecls import image
from edgecls.dataset.checks.label_names import label_twins
from edgecls.dataset.checks.survey import Survey, survey
from edgecls.dataset.formats.labelled_images import Dataset, LabelledImages
from edgecls.dataset.splits.series import series_in_names
from edgecls.errors import ImageError
from edgecls.image_files import has_image_name
from edgecls.image_formats import read_header
from edgecls.image_spec import ImageSpec

__all__ = ["remarks_on"]

MUCH_LARGER = 3.0  # times as many images as the smallest label from which on labels count as unbalanced
FEW_IMAGES = 20  # of a label
SMALL_SIDE = 0.5  # of the side that the model takes, below which an image has little to show there
MANY = 0.1  # part of the images that must be small to be worth a remark
LOOKED_AT = 200  # images, and files that may be images
NAMED_AT_MOST = 5


def remarks_on(data: Path, dataset: Dataset, spec: ImageSpec, *, can_balance: bool) -> list[str]:
    """Return what is worth knowing before training, a sentence each; some images are read, none is decoded.

    Args:
        data: The dataset.
        dataset: What was read of it.
        spec: The image that the model takes.
        can_balance: Whether there are class weights to be had that are not on yet.

    Raises:
        DatasetError: The dataset cannot be read any more.
    """
    found = survey(data)
    remarks = [*_on_counts(dataset.train, can_balance=can_balance), *_on_sizes(dataset.train, spec)]
    remarks += [
        f"label {name!r} differs from {first!r} {difference}"
        for name, first, difference in label_twins(sorted({folder.name for folder in found.folders} or found.labels))
    ]
    remarks += _on_passed_over(found)
    if dataset.validation is None and (series := series_in_names(dataset.train)) is not None:
        remarks.append(
            f"names look like series ({', '.join(series.example)}); if a series shows one object, what is held out "
            f"here has been seen: divide first, with edgecls data split --group-by '{series.pattern}'"
        )
    return remarks


def _on_counts(images: LabelledImages, *, can_balance: bool) -> Iterator[str]:
    by_count = sorted((count, label) for label, count in images.counts.items() if count)
    (least, smallest), (most, largest) = by_count[0], by_count[-1]
    if most >= MUCH_LARGER * least:
        advice = "; --class-weights balanced makes those of rare labels count more" if can_balance else ""
        yield f"label {largest!r} has {most / least:.3g} times as many images as {smallest!r} ({most}, {least}){advice}"
    if few := [f"{label!r} ({count})" for count, label in by_count if count < FEW_IMAGES]:
        more = f" and {len(few) - NAMED_AT_MOST} more" if len(few) > NAMED_AT_MOST else ""
        yield f"fewer than {FEW_IMAGES} images of {', '.join(few[:NAMED_AT_MOST])}{more}: expect little of such labels"


def _on_sizes(images: LabelledImages, spec: ImageSpec) -> Iterator[str]:
    sizes = []
    for path in _spread(images.paths):
        try:
            sizes.append(read_header(image.read_file(path), name=str(path)).upright_hw)
        except ImageError:
            continue
    small = [(height, width) for height, width in sizes if _is_small(height, width, spec)]
    if sizes and len(small) >= MANY * len(sizes):
        height, width = (round(median(sides)) for sides in zip(*small, strict=True))
        yield (
            f"{100 * len(small) / len(sizes):.0f} % of the images are less than half as large as the "
            f"{spec.width}x{spec.height} pixels that they are enlarged to (the median is {width}x{height}): "
            "a smaller --image-size is faster and may be as good"
        )


def _is_small(height: int, width: int, spec: ImageSpec) -> bool:
    return height < SMALL_SIDE * spec.height or width < SMALL_SIDE * spec.width


def _on_passed_over(found: Survey) -> Iterator[str]:
    unnamed = [path for path in _spread(found.strays) if _is_image(path)]
    if unnamed:
        at_least = "at least " if len(found.strays) > LOOKED_AT else ""
        yield (
            f"passed over: {at_least}{len(unnamed)} images whose names do not end like an image's, as "
            f"{str(unnamed[0])!r}; edgecls data check lists them"
        )
    if outside := [path for path in found.outside if has_image_name(path.name)]:
        yield f"passed over: {len(outside)} images beside the class folders, as {str(outside[0])!r}; they have no label"


def _is_image(path: Path) -> bool:
    try:
        read_header(image.read_file(path), name=str(path))
    except ImageError:
        return False
    return True


def _spread(paths: Sequence[Path]) -> Sequence[Path]:
    """Return at most `LOOKED_AT` paths, at even distances."""
    return paths[:: -(-len(paths) // LOOKED_AT) or 1]
