"""Notes on a dataset: what to know about it before a training run takes hours."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median

from edgecls import image
from edgecls.dataset.checks.survey import Survey, survey
from edgecls.dataset.formats.labelled_images import Dataset, LabelledImages
from edgecls.dataset.splits.series import series_in_names
from edgecls.errors import ImageError
from edgecls.image_files import has_image_name
from edgecls.image_formats import read_header
from edgecls.image_spec import ImageSpec

__all__ = ["notes_on"]

MUCH_LARGER = 3.0  # times the images of the smallest label; from there on labels count as unbalanced
FEW_IMAGES = 20  # of a label
SMALL_SIDE = 0.5  # of the model's side, below which an image has too few pixels
MANY = 0.1  # fraction of the images that must be small to be worth a note
SAMPLED = 200  # images, and files that may be images
NAMED_AT_MOST = 5


def notes_on(data: Path, dataset: Dataset, spec: ImageSpec, *, can_balance: bool) -> list[str]:
    """Return what is worth knowing before training, as sentences; some images are read, none is decoded.

    Args:
        data: The path of the dataset.
        dataset: What was read from it.
        spec: The image that the model takes.
        can_balance: Whether class weights are available and not on yet.

    Raises:
        DatasetError: The dataset can no longer be read.
    """
    found = survey(data)
    notes = [*_on_counts(dataset.train, can_balance=can_balance), *_on_sizes(dataset.train, spec)]
    notes += [f"label {name!r} differs from {first!r} {difference}" for name, first, difference in found.twins]
    notes += _on_ignored(found)
    if dataset.validation is None and (series := series_in_names(dataset.train)) is not None:
        notes.append(
            f"names look like series ({', '.join(series.example)}); if a series shows one object, the images held out "
            f"here have been seen in training: split first, with edgecls data split --group-by '{series.pattern}'"
        )
    return notes


def _on_counts(images: LabelledImages, *, can_balance: bool) -> Iterator[str]:
    by_count = sorted((count, label) for label, count in images.counts.items() if count)
    (least, smallest), (most, largest) = by_count[0], by_count[-1]
    if most >= MUCH_LARGER * least:
        advice = "; --class-weights balanced gives rare labels more weight" if can_balance else ""
        yield f"label {largest!r} has {most / least:.3g} times as many images as {smallest!r} ({most}, {least}){advice}"
    if few := [f"{label!r} ({count})" for count, label in by_count if count < FEW_IMAGES]:
        more = f" and {len(few) - NAMED_AT_MOST} more" if len(few) > NAMED_AT_MOST else ""
        yield f"fewer than {FEW_IMAGES} images of {', '.join(few[:NAMED_AT_MOST])}{more}: expect low accuracy there"


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


def _on_ignored(found: Survey) -> Iterator[str]:
    unnamed = [path for path in _spread(found.strays) if _is_image(path)]
    if unnamed:
        at_least = "at least " if len(found.strays) > SAMPLED else ""
        yield (
            f"ignored: {at_least}{len(unnamed)} image(s) without the ending of an image, such as "
            f"{str(unnamed[0])!r}; edgecls data check lists them"
        )
    if outside := [path for path in found.outside if has_image_name(path.name)]:
        first = str(outside[0])
        yield f"ignored: {len(outside)} image(s) without a label outside the class folders, such as {first!r}"


def _is_image(path: Path) -> bool:
    try:
        read_header(image.read_file(path), name=str(path))
    except ImageError:
        return False
    return True


def _spread(paths: Sequence[Path]) -> Sequence[Path]:
    """Return at most `SAMPLED` paths, at even distances."""
    return paths[:: -(-len(paths) // SAMPLED) or 1]
