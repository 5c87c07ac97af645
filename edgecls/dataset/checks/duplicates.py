"""Which images occur twice in a dataset, and which one of them to keep."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgecls.dataset.checks.findings import CheckFinding, FindingKind
from edgecls.dataset.similarity.fingerprints import Fingerprint
from edgecls.dataset.similarity.groups import near_groups
from edgecls.dataset.similarity.measures import HASH_BITS, Hashes, hash_distances

__all__ = ["duplicate_findings"]

MAX_TINT_DISTANCE = 64.0  # in units of 1/255; recoloured flower photos differ in up to 46


def duplicate_findings(
    images: Sequence[Fingerprint],
    labels: Sequence[str],
    *,
    max_distance: int,
    source_ids: Sequence[str],
    faulty: Collection[int],
) -> list[CheckFinding]:
    """Find images that occur twice, byte for byte or nearly.

    Of images that look the same under one label, the best is kept and the others are findings.
    The best has no other fault, is a file rather than a link to one, has the most pixels, and the
    first name; in this order. An image is only called a duplicate of one that is kept. Images that
    look the same under different labels are all findings, because nobody knows which label is right.

    Args:
        images: The images.
        labels: The label of each.
        max_distance: Bits in which the perceptual hashes of near duplicates may differ, less than `HASH_BITS`.
        source_ids: The source of each image, as `groups.source_ids` gives it; its copies may look alike.
        faulty: Indices of images that have another fault.
    """
    if not images:
        return []
    hashes = np.stack([image.perceptual_hash for image in images])
    tints = np.array([image.tint for image in images])
    compared = _Compared(images, labels, source_ids, hashes, tints, max_distance)
    groups = near_groups(hashes, max_distance=max_distance)
    by_group = np.argsort(groups, kind="stable")
    _, starts = np.unique(groups[by_group], return_index=True)
    findings: list[CheckFinding] = []
    for members in np.split(by_group, starts[1:]):
        if len(members) > 1:
            ranked = sorted(members.tolist(), key=lambda index: (index in faulty, *_rank(images[index])))
            conflicts = compared.conflicts(ranked)
            # The rest is without conflict, so that whatever is near it has the same label.
            without = [index for index in ranked if index not in conflicts]
            findings += [*conflicts.values(), *compared.copies(without)]
    return findings


def _rank(image: Fingerprint) -> tuple[bool, int, str]:
    return image.path.is_symlink(), -image.height * image.width, str(image.path)


@dataclass(frozen=True, eq=False)
class _Compared:
    """The images and what they are compared by: the hash sees brightness only, hence the tints."""

    images: Sequence[Fingerprint]
    labels: Sequence[str]
    source_ids: Sequence[str]
    hashes: Hashes
    tints: npt.NDArray[np.float64]
    max_distance: int

    def conflicts(self, members: Sequence[int]) -> dict[int, CheckFinding]:
        """Return a finding for each member that is near one of another label."""
        images, labels = self.images, self.labels
        if len({labels[index] for index in members}) == 1:
            return {}
        found = {}
        for index in members:
            near = self.nearest(index, [other for other in members if labels[other] != labels[index]])
            if near is not None:
                other, distance = near
                detail = f"labelled {labels[index]!r} here and {labels[other]!r} there; "
                detail += self.similarity(index, other, distance)
                found[index] = CheckFinding(FindingKind.LABEL_CONFLICT, images[index].path, detail, images[other].path)
        return found

    def copies(self, ranked: Sequence[int]) -> list[CheckFinding]:
        """Return a finding for each member, the best first, that duplicates a kept one before it."""
        kept: list[int] = []
        kept_by_bytes: dict[str, int] = {}
        found = []
        for index in ranked:
            image = self.images[index]
            if image.sha256 in kept_by_bytes:
                near: tuple[int, int] | None = (kept_by_bytes[image.sha256], 0)
                kind = FindingKind.EXACT_DUPLICATE
            else:
                source_id = self.source_ids[index]
                near = self.nearest(index, [other for other in kept if self.source_ids[other] != source_id])
                kind = FindingKind.NEAR_DUPLICATE
            if near is None:
                kept.append(index)
                kept_by_bytes[image.sha256] = index
                continue
            twin = self.images[near[0]]
            detail = f"{self.similarity(index, *near)}; "
            detail += f"{image.width}x{image.height} pixels here, {twin.width}x{twin.height} there"
            found.append(CheckFinding(kind, image.path, detail, twin.path))
        return found

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

    def similarity(self, one: int, other: int, distance: int) -> str:
        same = self.images[one].sha256 == self.images[other].sha256
        return "the same bytes" if same else f"{distance} of {HASH_BITS} hash bits differ"
