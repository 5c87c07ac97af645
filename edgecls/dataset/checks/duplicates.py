"""Which pictures of a dataset are there twice, and which one of them to keep."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgecls.dataset.checks.findings import Finding, FindingKind
from edgecls.dataset.similarity.fingerprints import Fingerprint
from edgecls.dataset.similarity.near_duplicates import HASH_BITS, Hashes, hash_distances, near_groups

__all__ = ["duplicate_findings"]

MAX_TINT_DISTANCE = 64.0  # in units of 1/255; recoloured flower photos differ in up to 46


@dataclass(frozen=True, eq=False)
class _Compared:
    """The pictures with what they are compared by: the hash sees light and dark only, hence the tints."""

    pictures: Sequence[Fingerprint]
    labels: Sequence[str]
    families: Sequence[str]
    hashes: Hashes
    tints: npt.NDArray[np.float64]
    max_distance: int

    def nearest(self, index: int, others: Sequence[int]) -> tuple[int, int] | None:
        """Return the most similar of the others, and its distance in bits; None if none is near."""
        if not others:
            return None
        among = np.asarray(others)
        distances = hash_distances(self.hashes[among], self.hashes[index])
        other_tint = np.abs(self.tints[among] - self.tints[index]).max(axis=1) > MAX_TINT_DISTANCE
        distances[other_tint] = HASH_BITS
        best = int(distances.argmin())
        return (others[best], int(distances[best])) if distances[best] <= self.max_distance else None

    def likeness(self, one: int, other: int, distance: int) -> str:
        same = self.pictures[one].sha256 == self.pictures[other].sha256
        return "the same bytes" if same else f"{distance} of {HASH_BITS} hash bits differ"


def duplicate_findings(
    pictures: Sequence[Fingerprint],
    labels: Sequence[str],
    *,
    max_distance: int,
    families: Sequence[str],
    faulty: Collection[int],
) -> list[Finding]:
    """Find pictures that are there twice, byte for byte or nearly.

    Of pictures that show the same under one label, the best is kept and the others are findings.
    The best has no other fault, is a file rather than a link to one, has the most pixels, and the
    first name; in this order. A picture is only called a duplicate of one that is kept. Pictures that
    show the same under different labels are all findings, because nobody knows which label is right.

    Args:
        pictures: The pictures.
        labels: The label of each.
        max_distance: Bits in which the perceptual hashes of near duplicates may differ, less than `HASH_BITS`.
        families: The source of each picture, as `families` gives it; pictures made from one source may look alike.
        faulty: Indices of pictures that have another fault.
    """
    if not pictures:
        return []
    hashes = np.stack([picture.perceptual_hash for picture in pictures])
    tints = np.array([picture.tint for picture in pictures])
    compared = _Compared(pictures, labels, families, hashes, tints, max_distance)
    groups = near_groups(hashes, max_distance=max_distance)
    by_group = np.argsort(groups, kind="stable")
    _, starts = np.unique(groups[by_group], return_index=True)
    findings: list[Finding] = []
    for members in np.split(by_group, starts[1:]):
        if len(members) > 1:
            ranked = sorted(members.tolist(), key=lambda index: (index in faulty, *_rank(pictures[index])))
            conflicts = _conflicts(ranked, compared)
            # What is left is without conflict, so that whatever is near it has the same label.
            without = [index for index in ranked if index not in conflicts]
            findings += [*conflicts.values(), *_copies(without, compared)]
    return findings


def _rank(picture: Fingerprint) -> tuple[bool, int, str]:
    return picture.path.is_symlink(), -picture.height * picture.width, str(picture.path)


def _conflicts(members: Sequence[int], compared: _Compared) -> dict[int, Finding]:
    """Return a finding for each member that is near one of another label."""
    pictures, labels = compared.pictures, compared.labels
    if len({labels[index] for index in members}) == 1:
        return {}
    found = {}
    for index in members:
        near = compared.nearest(index, [other for other in members if labels[other] != labels[index]])
        if near is not None:
            other, distance = near
            detail = f"labelled {labels[index]!r} here and {labels[other]!r} there; "
            detail += compared.likeness(index, other, distance)
            found[index] = Finding(FindingKind.LABEL_CONFLICT, pictures[index].path, detail, pictures[other].path)
    return found


def _copies(ranked: Sequence[int], compared: _Compared) -> list[Finding]:
    """Return a finding for each member, the best first, that is a duplicate of one before it that is kept."""
    pictures, families = compared.pictures, compared.families
    kept: list[int] = []
    kept_by_bytes: dict[str, int] = {}
    found = []
    for index in ranked:
        picture = pictures[index]
        if picture.sha256 in kept_by_bytes:
            near: tuple[int, int] | None = (kept_by_bytes[picture.sha256], 0)
            kind = FindingKind.EXACT_DUPLICATE
        else:
            near = compared.nearest(index, [other for other in kept if families[other] != families[index]])
            kind = FindingKind.NEAR_DUPLICATE
        if near is None:
            kept.append(index)
            kept_by_bytes[picture.sha256] = index
            continue
        twin = pictures[near[0]]
        detail = f"{compared.likeness(index, *near)}; "
        detail += f"{picture.width}x{picture.height} pixels here, {twin.width}x{twin.height} there"
        found.append(Finding(kind, picture.path, detail, twin.path))
    return found
