"""Checking a dataset for faults: damaged, misnamed, useless and duplicate images, and bad labels."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgecls import image
from edgecls.dataset.checks.duplicates import duplicate_findings
from edgecls.dataset.checks.findings import CheckFinding, FindingKind
from edgecls.dataset.checks.survey import Survey, label_name_fault, survey
from edgecls.dataset.formats.labelled_images import label_text
from edgecls.dataset.similarity.fingerprints import Fingerprint, UnusableImage, fingerprint_images
from edgecls.dataset.similarity.groups import source_ids
from edgecls.dataset.similarity.measures import MAX_NEAR_DISTANCE, NEAR_DISTANCE
from edgecls.errors import DatasetError, ImageError
from edgecls.image_files import SUFFIXES_OF_FORMAT, has_image_name
from edgecls.image_formats import read_header

__all__ = ["CheckReport", "CheckSettings", "check_dataset"]

REMEDY = "add some, or divide with --keep-rare-in-train or --leave-out-rare"
MIN_SIDE = 32  # pixels; the smallest input that the common networks take


@dataclass(frozen=True)
class CheckSettings:
    """The thresholds of faults.

    Attributes:
        min_side: An image with a shorter side, in pixels, is tiny.
        near_distance: Two images are near duplicates if at most this many of their 256 hash bits differ.

    Raises:
        DatasetError: A value is outside its limits.
    """

    min_side: int = MIN_SIDE
    near_distance: int = NEAR_DISTANCE

    def __post_init__(self) -> None:
        if self.min_side < 1:
            raise DatasetError(f"the smallest side of an image must be at least 1 pixel, got {self.min_side}")
        if not 0 <= self.near_distance <= MAX_NEAR_DISTANCE:
            raise DatasetError(
                f"the distance of near duplicates must be from 0 to {MAX_NEAR_DISTANCE} bits, got {self.near_distance}"
            )


@dataclass(frozen=True)
class CheckReport:
    """The result of a check.

    Attributes:
        data: The dataset.
        is_folders: Its labels are folders, rather than listed in a file.
        images: Number of files that count as images.
        labels: All labels.
        findings: The faults, by kind and then by path; one file may have several.
    """

    data: Path
    is_folders: bool
    images: int
    labels: tuple[str, ...]
    findings: tuple[CheckFinding, ...]

    @property
    def counts(self) -> dict[FindingKind, int]:
        """Number of findings of each kind, 0 included."""
        counted = Counter(finding.kind for finding in self.findings)
        return {kind: counted[kind] for kind in FindingKind}

    def as_dict(self) -> dict[str, Any]:
        """Return the report as one JSON document."""
        return {
            "data": str(self.data),
            "summary": {
                "images": self.images,
                "labels": list(self.labels),
                "findings": len(self.findings),
                "kinds": {kind.value: count for kind, count in self.counts.items()},
            },
            "findings": [finding.as_dict() for finding in self.findings],
        }


def check_dataset(
    data: Path,
    settings: CheckSettings,
    *,
    workers: int,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> CheckReport:
    """Look for faults in a dataset; nothing is changed.

    Args:
        data: A dataset in any format that `read_dataset` takes; a folder may also have empty class folders.
        settings: The thresholds of faults.
        workers: Number of threads that decode.
        on_progress: Called with the number of images checked and the number of all.

    Raises:
        DatasetError: The dataset does not exist, or its list cannot be used.
        MissingExtraError: ImageHash is not installed (extra "data").
    """
    found = survey(data)
    findings = [_stray(path) for path in found.strays]
    findings += [CheckFinding(FindingKind.EMPTY_CLASS, path, "this class folder has no images") for path in found.empty]
    findings += _label_findings(data, found)
    findings += map(_outside, found.outside)
    findings += map(_hidden, found.hidden)
    usable: Counter[str] = Counter()
    comparable: list[Fingerprint] = []
    labels: list[str] = []
    faulty: set[int] = set()
    fingerprints = fingerprint_images(found.paths, workers=workers)
    for done, (looked, label) in enumerate(zip(fingerprints, found.path_labels, strict=True), 1):
        faults = list(_faults(looked, settings))
        usable[label] += isinstance(looked, Fingerprint)
        findings += faults
        if isinstance(looked, Fingerprint) and not looked.is_blank:
            if faults:
                faulty.add(len(comparable))
            comparable.append(looked)
            labels.append(label)
        on_progress(done, len(found.paths))
    folder_of = {label_text(folder.name): folder for folder in reversed(found.folders)}
    for label in (label for label, count in usable.items() if count == 1):
        detail = f"label {label!r} has one usable image; {REMEDY}"
        findings.append(CheckFinding(FindingKind.FEW_IMAGES, folder_of.get(label, data), detail))
    findings += duplicate_findings(
        comparable, labels, max_distance=settings.near_distance, source_ids=source_ids(comparable), faulty=faulty
    )
    order = {kind: index for index, kind in enumerate(FindingKind)}
    findings.sort(key=lambda finding: (order[finding.kind], str(finding.path)))
    return CheckReport(data, found.is_folders, len(found.paths), found.labels, tuple(findings))


def _faults(image: Fingerprint | UnusableImage, settings: CheckSettings) -> Iterator[CheckFinding]:
    """Yield the faults of one image by itself."""
    if isinstance(image, UnusableImage):
        kind = FindingKind.TRUNCATED if image.cut_short else FindingKind.UNREADABLE
        yield CheckFinding(kind, image.path, _without_name(image.reason, image.path))
        return
    suffixes = SUFFIXES_OF_FORMAT[image.format]
    if image.path.suffix.lower() not in suffixes:
        yield _misnamed(image.path, image.format)
    if min(image.height, image.width) < settings.min_side:
        detail = f"{image.width}x{image.height} pixels; a side should have at least {settings.min_side}"
        yield CheckFinding(FindingKind.TINY, image.path, detail)
    if image.is_blank:
        detail = f"nearly a single colour: standard deviation {image.spread:.1f} of 255"
        yield CheckFinding(FindingKind.BLANK, image.path, detail)


def _label_findings(data: Path, found: Survey) -> Iterator[CheckFinding]:
    """Yield the faults of the names of labels, one by one and in pairs."""
    named = {folder.name: folder for folder in reversed(found.folders)} or dict.fromkeys(found.labels, data)
    for name in found.names:
        if fault := label_name_fault(name):
            yield CheckFinding(
                FindingKind.LABEL_NAME, named[name], f"label {name!r} cannot be used everywhere: {fault}"
            )
    for name, first, difference in found.twins:
        other = named[first] if found.is_folders else None
        yield CheckFinding(
            FindingKind.LABEL_TWIN, named[name], f"label {name!r} differs from {first!r} {difference}", other
        )


def _outside(path: Path) -> CheckFinding:
    what = "an image" if has_image_name(path.name) else "a file"
    detail = f"{what} next to the class folders has no label and is ignored in training"
    return CheckFinding(FindingKind.OUTSIDE_CLASS, path, detail)


def _hidden(path: Path) -> CheckFinding:
    what = "a folder of images" if path.is_dir() else "a file"
    return CheckFinding(
        FindingKind.HIDDEN, path, f"{what}, hidden or created by a system or a tool; every command ignores it"
    )


def _stray(path: Path) -> CheckFinding:
    """Return the finding for a file without an image's suffix in a class folder."""
    try:
        if path.is_file():
            header = read_header(image.read_file(path), name=str(path))
            return _misnamed(path, header.format)
    except ImageError:
        pass
    return CheckFinding(FindingKind.NOT_AN_IMAGE, path, "not an image, and ignored in training")


def _misnamed(path: Path, image_format: str) -> CheckFinding:
    usual = SUFFIXES_OF_FORMAT[image_format][0]
    ending = f"ends in {path.suffix!r}" if path.suffix else "has no ending"
    detail = f"its bytes are an image in {image_format}, its name {ending}; rename it to end in {usual!r}"
    return CheckFinding(FindingKind.WRONG_EXTENSION, path, detail)


def _without_name(reason: ImageError, path: Path) -> str:
    """Return the message of an error without the path, which is shown with it anyway."""
    return str(reason).removeprefix(f"cannot read {str(path)!r}: ").removeprefix(f"cannot use {str(path)!r}: ")
