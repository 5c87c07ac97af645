"""The parity gate: an exported network must give the same probabilities as the original."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from edgecls.errors import ParityError

__all__ = ["BATCH_SIZES", "MAX_DIFFERENCE", "Network", "ParityReport", "Recomputed", "Remembering", "check_parity"]

Network = Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.float32]]
"""Gives float32 probabilities ``[N, K]`` for uint8 images ``[N, H, W, C]``."""

MAX_DIFFERENCE = 1e-4
"""Of any probability. onnxruntime sums in another order, which was seen to make 1e-7 to 2e-6."""

BATCH_SIZES = (1, 3)  # a single image, and a size that the exporter has never seen
REFERENCE_BATCH = 8  # for the original network: calling Keras costs more than running a small network
SUM_TOLERANCE = 1e-3

ROUNDING_FACTOR = 10
"""How many times as far as the original the export may be from the exact probabilities.

Of 25 images that a network of traffic signs rounds most, the export was off 0.1 to 1.6 times as far for 22, and up to
5.7 times where Keras happened to be right. Of a mean over many pixels, which onnxruntime sums one by one, 8 times.
"""

MAX_ROUNDING = 1e-2
"""Of any probability; more is refused, whatever the cause."""


@dataclass(frozen=True)
class ParityReport:
    """How close the export is to the original.

    Attributes:
        difference: Largest difference of any probability.
        where: The image, batch size and label it was found at.
        comparisons: Number of images compared, counted once per batch size.
        same_label: How many of them got the same predicted label.
        rounding: Why a difference beyond the bound passed: how much rounding alone changes the original; None if the
            difference is within the bound.
    """

    difference: float
    where: str
    comparisons: int
    same_label: int
    rounding: str | None = None

    def __str__(self) -> str:
        return (
            f"largest difference {self.difference:.2g} ({self.where}); "
            f"same label for {self.same_label} of {self.comparisons}"
            + (f"; this is rounding: {self.rounding}" if self.rounding else "")
        )


@dataclass(frozen=True)
class Recomputed:
    """Ways to recompute the original probabilities, which show how much rounding changes them.

    Attributes:
        exact: Computes in float64; raises NotImplementedError on a call if that is not possible.
        again: The network itself, for other batch sizes.
    """

    exact: Network
    again: Network


def check_parity(
    original: Network,
    exported: Network,
    images: Mapping[str, npt.NDArray[np.uint8]],
    labels: tuple[str, ...],
    *,
    max_difference: float = MAX_DIFFERENCE,
    recomputed: Recomputed | None = None,
) -> ParityReport:
    """Compare two networks on named images, at every one of BATCH_SIZES.

    A network that takes large numbers, or has large weights, rounds its own answers by more than the bound. So a
    difference beyond it passes if the export is as close to the answers in float64 as the original itself.

    Args:
        original: The network to agree with.
        exported: The network to check.
        images: Name to pixels, uint8 ``[H, W, C]``.
        labels: The labels of the outputs, for the report.
        max_difference: Largest difference of any probability that passes.
        recomputed: The original computed otherwise, used only for a difference that is larger, and not for a bound
            below MAX_DIFFERENCE, which is strict.

    Raises:
        ParityError: Output shapes differ, a row is not a distribution, or a difference is larger.
    """
    names = list(images)
    answers = _answers(original, images, labels)
    worst = (-1.0, "")
    same = 0
    given: list[tuple[str, npt.NDArray[np.float32]]] = []
    for batch_size in BATCH_SIZES:
        for start in range(0, len(names), batch_size):
            chunk = names[start : start + batch_size]
            # The last chunk is filled up, so that every batch has the size it is meant to test.
            batch = np.stack([images[name] for name in (chunk * batch_size)[:batch_size]])
            expected, found = np.stack([answers[name] for name in chunk]), exported(batch)
            if found.shape != (batch_size, len(labels)):
                raise ParityError(
                    f"the export gives shape {found.shape} for {batch_size} images and {len(labels)} labels"
                )
            for row, name in enumerate(chunk):
                differences = np.abs(expected[row].astype(np.float64) - found[row])
                label = int(np.argmax(differences))  # the first NaN, if there is one
                if not differences[label] <= worst[0]:
                    worst = (
                        float(differences[label]),
                        f"image {name!r}, batch of {batch_size}, label {labels[label]!r}: "
                        f"{expected[row][label]:.6g} became {found[row][label]:.6g}",
                    )
                given.append((name, found[row]))
                same += int(np.argmax(expected[row]) == np.argmax(found[row]))
    report = ParityReport(*worst, comparisons=len(names) * len(BATCH_SIZES), same_label=same)
    if report.difference <= max_difference:
        return report
    figures = ""
    stricter = max_difference < MAX_DIFFERENCE  # whoever asks for that means it, rounding or not
    if recomputed is not None and not stricter and same == report.comparisons and report.difference <= MAX_ROUNDING:
        explained, figures = _rounding(recomputed, images, labels, answers, given, report.difference, max_difference)
        if explained:
            return replace(report, rounding=figures)
        figures = f" ({figures})"
    raise ParityError(
        f"the exported network does not answer like the original: {report}; "
        f"at most {max_difference:.2g} is allowed{figures}, so no file was written; "
        "if you can accept the difference, allow it with --max-difference"
    )


def _rounding(
    recomputed: Recomputed,
    images: Mapping[str, npt.NDArray[np.uint8]],
    labels: tuple[str, ...],
    answers: Mapping[str, npt.NDArray[np.float32]],
    given: list[tuple[str, npt.NDArray[np.float32]]],
    difference: float,
    max_difference: float,
) -> tuple[bool, str]:
    """Return whether a difference is due to rounding, with the figures.

    Args:
        recomputed: The original computed otherwise.
        images: Name to pixels.
        labels: The labels of the outputs.
        answers: What the original gave for each image.
        given: What the export gave, at every batch size.
        difference: The largest between the two.
        max_difference: What is allowed whatever the original's rounding is.
    """
    variants = [answers, *(_answers(recomputed.again, images, labels, size) for size in BATCH_SIZES)]
    try:
        exact = _answers(recomputed.exact, images, labels)
    except NotImplementedError:
        spread = max(float(np.abs(variant[name] - answers[name]).max()) for variant in variants for name in images)
        figures = f"the original itself differs by {spread:.2g} between batch sizes"
        return difference <= ROUNDING_FACTOR * spread, figures
    own = max(float(np.abs(variant[name] - exact[name]).max()) for variant in variants for name in images)
    off = max(float(np.abs(row - exact[name]).max()) for name, row in given)
    explained = off <= max(max_difference, ROUNDING_FACTOR * own)
    return explained, f"from the answers in float64 the original is {own:.2g} off, the export {off:.2g}"


class Remembering:
    """A network that keeps the probabilities that another one gave, and asks it for each image only once.

    Attributes:
        network: The other one; it must not change.
    """

    def __init__(self, network: Network) -> None:
        self.network = network
        self._known: dict[bytes, npt.NDArray[np.float32]] = {}

    def __call__(self, batch: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Return the probabilities, float32 ``[N, K]``, for uint8 images ``[N, H, W, C]``."""
        keys = [image.tobytes() for image in batch]
        new = [index for index, key in enumerate(keys) if key not in self._known]
        if new:
            self._known.update(zip([keys[index] for index in new], self.network(batch[new]), strict=True))
        return np.stack([self._known[key] for key in keys])


def _answers(
    original: Network,
    images: Mapping[str, npt.NDArray[np.uint8]],
    labels: tuple[str, ...],
    batch_size: int = REFERENCE_BATCH,
) -> dict[str, npt.NDArray[np.float32]]:
    names = list(images)
    answers: dict[str, npt.NDArray[np.float32]] = {}
    for start in range(0, len(names), batch_size):
        chunk = names[start : start + batch_size]
        rows = original(np.stack([images[name] for name in chunk]))
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
