"""A contact sheet: small images in rows under headings."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from edgecls.image import encode_png
from edgecls.plots.figure import DPI, INK, MUTED, PNG_COMPRESSION, figure, rgb_pixels, shortened

__all__ = ["SheetBlock", "blocks_that_fit", "contact_sheet"]

MARGIN, GAP, HEADING, COLUMN_NAMES = 24, 6, 46, 26  # pixels
FIRST_GAP = 18  # pixels between the first column and the others where columns have names
MAX_HEIGHT_PX = 30_000  # matplotlib draws nothing higher than 65 535
LONGEST_HEADING = 60  # characters
HEADING_PT, NOTE_PT = 11, 8


@dataclass(frozen=True)
class SheetBlock:
    """Images that belong together.

    Attributes:
        heading: What they show.
        note: Something to add in small print.
        lines: The images, all of the same square size, uint8 ``[side, side, 3]`` RGB.
    """

    heading: str
    note: str
    lines: tuple[tuple[npt.NDArray[np.uint8], ...], ...] = field(repr=False)


def blocks_that_fit(lines: int, *, side: int) -> int:
    """Return how many blocks of so many lines a sheet can hold."""
    return (MAX_HEIGHT_PX - 2 * MARGIN - COLUMN_NAMES) // (HEADING + lines * (side + GAP))


def contact_sheet(blocks: Sequence[SheetBlock], *, side: int, column_names: tuple[str, str] | None = None) -> bytes:
    """Draw a contact sheet as PNG, a pixel of an image on a pixel of the sheet.

    Args:
        blocks: What to show, from top to bottom; no more than fit.
        side: Height and width of every image in pixels.
        column_names: What the first column shows and what all others, if they differ.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    first_gap = FIRST_GAP if column_names else GAP
    columns = max((len(line) for block in blocks for line in block.lines), default=1)
    lefts = [MARGIN] + [MARGIN + first_gap + side + index * (side + GAP) for index in range(columns - 1)]
    width = max(lefts[-1] + side + MARGIN, 600)
    first = MARGIN // 2 + (COLUMN_NAMES if column_names else 0)
    height = first + MARGIN + sum(HEADING + len(block.lines) * (side + GAP) for block in blocks)
    with figure((width + 0.01) / DPI, (height + 0.01) / DPI, texts=[block.heading for block in blocks]) as made:

        def write(x: int, y: int, text: str, size: float, color: str, weight: str = "normal") -> float:
            """Write with the baseline's left end at a pixel, and return where the text ends."""
            written = made.text(x / width, 1 - y / height, text, size=size, color=color, weight=weight, va="baseline")
            return float(written.get_window_extent().x1)

        if column_names:
            write(lefts[0], MARGIN + 8, column_names[0], NOTE_PT, MUTED)
            write(lefts[min(1, columns - 1)], MARGIN + 8, column_names[1], NOTE_PT, MUTED)
        for top, block in _placed(blocks, first, side):
            end = write(MARGIN, top - 12, shortened(block.heading, LONGEST_HEADING), HEADING_PT, INK, "bold")
            write(round(end) + 14, top - 12, block.note, NOTE_PT, MUTED)
        sheet = rgb_pixels(made)
    for top, block in _placed(blocks, first, side):
        for number, line in enumerate(block.lines):
            y = top + number * (side + GAP)
            for x, image in zip(lefts, line, strict=False):
                sheet[y : y + side, x : x + side] = image
    return encode_png(sheet, compression=PNG_COMPRESSION)


def _placed(blocks: Sequence[SheetBlock], top: int, side: int) -> Iterator[tuple[int, SheetBlock]]:
    """Yield each block with the row of pixels where its first line begins."""
    for block in blocks:
        top += HEADING
        yield top, block
        top += len(block.lines) * (side + GAP)
