"""The parity gate: an exported network has to answer like the original one."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgecls.errors import ParityError

__all__ = ["BATCH_SIZES", "MAX_DIFFERENCE", "Network", "ParityReport", "check_parity", "remembering"]

Network = Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.float32]]
"""Gives float32 probabilities ``[N, K]`` for uint8 pictures ``[N, H, W, C]``."""

MAX_DIFFERENCE = 1e-4
"""Of any probability. Sums run in another order in onnxruntime; that was seen to make 1e-7 to 2e-6."""

BATCH_SIZES = (1, 3)  # a lone picture, and a size that the exporter has never seen
REFERENCE_BATCH = 8  # pictures that the original network gets at once: calling Keras costs more than a small network
SUM_TOLERANCE = 1e-3


@dataclass(frozen=True)
class ParityReport:
    """How close two networks are.

    Attributes:
        difference: Largest difference of any probability.
        where: The picture, batch size and label it was found at.
        comparisons: Number of pictures compared, counting each batch size.
        same_label: How many of them got the same most probable label.
    """

    difference: float
    where: str
    comparisons: int
    same_label: int

    def __str__(self) -> str:
        return (
            f"largest difference {self.difference:.2g} ({self.where}); "
            f"same label for {self.same_label} of {self.comparisons}"
        )


def check_parity(
    original: Network,
    exported: Network,
    pictures: Mapping[str, npt.NDArray[np.uint8]],
    labels: tuple[str, ...],
    *,
    max_difference: float = MAX_DIFFERENCE,
) -> ParityReport:
    """Compare two networks on named pictures, at every one of BATCH_SIZES.

    Args:
        original: The network to agree with.
        exported: The network to check.
        pictures: Name to pixels, uint8 ``[H, W, C]``.
        labels: The labels of the outputs, for the report.
        max_difference: Largest difference of any probability that passes.

    Raises:
        ParityError: Output shapes differ, a row is not a distribution, or a difference is larger.
    """
    names = list(pictures)
    answers = _answers(original, pictures, labels)
    worst = (-1.0, "")
    same = 0
    for batch_size in BATCH_SIZES:
        for start in range(0, len(names), batch_size):
            chunk = names[start : start + batch_size]
            # The last chunk is filled up, so that every batch has the size it is meant to test.
            batch = np.stack([pictures[name] for name in (chunk * batch_size)[:batch_size]])
            expected, found = np.stack([answers[name] for name in chunk]), exported(batch)
            if found.shape != (batch_size, len(labels)):
                raise ParityError(
                    f"the export gives shape {found.shape} for {batch_size} pictures and {len(labels)} labels"
                )
            for row, name in enumerate(chunk):
                differences = np.abs(expected[row].astype(np.float64) - found[row])
                label = int(np.argmax(differences))  # the first NaN, if there is one
                if not differences[label] <= worst[0]:
                    worst = (
                        float(differences[label]),
                        f"picture {name!r}, batch of {batch_size}, label {labels[label]!r}: "
                        f"{expected[row][label]:.6g} became {found[row][label]:.6g}",
                    )
                same += int(np.argmax(expected[row]) == np.argmax(found[row]))
    report = ParityReport(*worst, comparisons=len(names) * len(BATCH_SIZES), same_label=same)
    if not report.difference <= max_difference:
        raise ParityError(
            f"the exported network does not answer like the original: {report}; "
            f"at most {max_difference:.2g} is allowed, so no file was written"
        )
    return report


def remembering(network: Network) -> Network:
    """Return a network that answers like another, but computes the answer for a picture only once.

    It is of use as long as the other one does not change.
    """
    known: dict[bytes, npt.NDArray[np.float32]] = {}

    def answer(batch: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        keys = [picture.tobytes() for picture in batch]
        new = [index for index, key in enumerate(keys) if key not in known]
        if new:
            known.update(zip([keys[index] for index in new], network(batch[new]), strict=True))
        return np.stack([known[key] for key in keys])

    return answer


def _answers(
    original: Network, pictures: Mapping[str, npt.NDArray[np.uint8]], labels: tuple[str, ...]
) -> dict[str, npt.NDArray[np.float32]]:
    names = list(pictures)
    answers: dict[str, npt.NDArray[np.float32]] = {}
    for start in range(0, len(names), REFERENCE_BATCH):
        chunk = names[start : start + REFERENCE_BATCH]
        rows = original(np.stack([pictures[name] for name in chunk]))
        _check_distribution(rows, "original", labels)
        answers.update(zip(chunk, rows, strict=True))
    return answers


def _check_distribution(rows: npt.NDArray[np.float32], which: str, labels: tuple[str, ...]) -> None:
    if rows.ndim != 2 or rows.shape[1] != len(labels):
        raise ParityError(
            f"the {which} network gives shape {rows.shape}, {len(labels)} labels need (N, {len(labels)}); "
            "give as many labels as the network has outputs"
        )
    sums = rows.sum(axis=1)
    if not np.all(np.abs(sums - 1) <= SUM_TOLERANCE) or rows.min() < 0:
        raise ParityError(
            f"the outputs of the {which} network are not probabilities (a row sums to {sums[0]:.4g}); "
            "end the network with a softmax"
        )
