"""What is drawn over and under an image: the heat of an explanation, and a bar with the predicted label."""

import cv2
import numpy as np
import numpy.typing as npt

from edgecls.drawing import font as builtin_font

__all__ = ["lay_over", "with_label_bar"]

TEXT_SIZE = 0.042  # of the image's longer side
MIN_TEXT_PX = 18
SMALLEST = 0.55  # of the text's size: as small as a long label gets
MAX_TEXT_WIDTH = 0.2  # of the image's width: narrow images get smaller text
BAR_HEIGHT, MARGIN, GAP, METER_HEIGHT = 2.1, 0.6, 0.8, 0.16  # of the text's size
CAPITAL_HEIGHT = 0.72  # of the text's size
ELLIPSIS = "…"

GROUND, TRACK = (24, 24, 27), (63, 63, 70)
LABEL, FIGURE, METER = (250, 250, 250), (212, 212, 216), (249, 142, 9)
UNSURE_LABEL, UNSURE_METER = (180, 180, 188), (140, 140, 148)

COLOR_MAP = cv2.COLORMAP_INFERNO
"""Its lightness grows steadily, so that it also reads without colour vision, and printed in grey."""

GRAYING = 0.7  # how much of its colours the image loses, as they would look like heat
MAX_OPACITY = 0.65  # where the heat is 1; the image can be seen through it
FAINTEST = 0.05  # heat below this is left out: it would only stain the image
LINE_AT = 0.5
UNSEEN_LIGHT = 0.4  # of the part that the model does not see


def lay_over(
    pixels: npt.NDArray[np.uint8], heat: npt.NDArray[np.float32], *, seen: tuple[slice, slice]
) -> npt.NDArray[np.uint8]:
    """Return an image with heat laid over it: the hotter, the lighter and the less transparent.

    A line surrounds the places where the heat is above a half. What the model does not see is darkened.

    Args:
        pixels: uint8, ``[H, W, 3]`` RGB; left as it is.
        heat: float32, ``[H, W]``, from 0 to 1.
        seen: Rows and columns that the model sees.

    Returns:
        uint8, ``[H, W, 3]`` RGB.
    """
    gray = cv2.cvtColor(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    base = cv2.addWeighted(pixels, 1 - GRAYING, gray, GRAYING, 0)
    colors = cv2.cvtColor(cv2.applyColorMap(np.round(heat * 255).astype(np.uint8), COLOR_MAP), cv2.COLOR_BGR2RGB)
    opacity = MAX_OPACITY * np.clip((heat - FAINTEST) / (1 - FAINTEST), 0, 1)
    laid = np.asarray(cv2.blendLinear(colors, base, opacity, 1 - opacity), np.uint8)
    _draw_line(laid, heat)
    darkened = cv2.convertScaleAbs(laid, alpha=UNSEEN_LIGHT)
    darkened[seen] = laid[seen]
    return np.asarray(darkened, np.uint8)


def _draw_line(pixels: npt.NDArray[np.uint8], heat: npt.NDArray[np.float32]) -> None:
    """Draw a light line with a dark edge, which shows on every background."""
    outlines, _ = cv2.findContours((heat >= LINE_AT).astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    thickness = max(1, round(max(pixels.shape) / 500))
    cv2.drawContours(pixels, outlines, -1, (20, 20, 20), thickness + 2, cv2.LINE_AA)
    cv2.drawContours(pixels, outlines, -1, (255, 255, 255), thickness, cv2.LINE_AA)


def with_label_bar(
    pixels: npt.NDArray[np.uint8], label: str, probability: float, *, is_known: bool
) -> npt.NDArray[np.uint8]:
    """Return an image with a bar under it: the label, its probability in percent, and a meter of that length.

    Text that is too long gets smaller, down to a limit, and is then cut short.

    Args:
        pixels: uint8, ``[H, W, 3]`` RGB; left as it is.
        label: One line, in any script that the built-in font has.
        probability: From 0 to 1.
        is_known: If false, bar and label are grey: the answer is unknown.

    Returns:
        uint8, ``[H + the bar's height, W, 3]`` RGB.
    """
    height, width = pixels.shape[:2]
    figure = f"{100 * probability:.1f} %"
    wanted = min(max(MIN_TEXT_PX, TEXT_SIZE * max(height, width)), MAX_TEXT_WIDTH * width)
    size, label = _fitted(label, figure, width, wanted_px=wanted)
    bar = np.full((max(1, round(BAR_HEIGHT * wanted)), width, 3), GROUND, np.uint8)
    meter = max(2, round(METER_HEIGHT * wanted))
    bar[:meter] = TRACK
    bar[:meter, : round(probability * width)] = METER if is_known else UNSURE_METER
    baseline = round((meter + len(bar) + CAPITAL_HEIGHT * size) / 2)
    margin = round(MARGIN * size)
    figure_width, _, _ = builtin_font.measure(figure, size_px=size)
    _write(bar, label, (margin, baseline), size, LABEL if is_known else UNSURE_LABEL, bold=True)
    _write(bar, figure, (width - margin - round(figure_width), baseline), size, FIGURE)
    return np.concatenate([pixels, bar])


def _fitted(label: str, figure: str, width: int, *, wanted_px: float) -> tuple[float, str]:
    """Return the size of the text and the label, so that both fit side by side."""

    def excess(text: str, size: float) -> float:
        label_width, _, _ = builtin_font.measure(text, size_px=size, bold=True)
        figure_width, _, _ = builtin_font.measure(figure, size_px=size)
        return label_width + figure_width + (2 * MARGIN + GAP) * size - width

    size, smallest = wanted_px, SMALLEST * wanted_px
    while size > smallest and excess(label, size) > 0:
        size = max(smallest, size - 1)
    if excess(label, size) <= 0:
        return size, label
    kept = len(label)
    while kept and excess(label[:kept].rstrip() + ELLIPSIS, size) > 0:
        kept -= 1
    return size, label[:kept].rstrip() + ELLIPSIS if kept else ""


def _write(
    bar: npt.NDArray[np.uint8],
    text: str,
    start: tuple[int, int],
    size_px: float,
    color: tuple[int, int, int],
    *,
    bold: bool = False,
) -> None:
    """Write a line of text with the left end of its baseline at `start`, column and row; what sticks out is cut off."""
    mask, mask_baseline = builtin_font.draw_mask(text, size_px=size_px, bold=bold)
    left, top = start[0], start[1] - mask_baseline
    mask = mask[max(0, -top) : len(bar) - top, : bar.shape[1] - left]
    part = bar[max(0, top) : max(0, top) + mask.shape[0], left : left + mask.shape[1]]
    ink = mask[..., np.newaxis].astype(np.uint16)
    part[:] = (part * (255 - ink) + np.array(color, np.uint16) * ink + 127) // 255
