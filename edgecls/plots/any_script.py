"""A matplotlib canvas that draws Chinese, Japanese and Korean whatever fonts this machine has.

Imports matplotlib: import this module inside the function that needs it.
"""

import contextlib
import logging
import math
from collections.abc import Iterator
from typing import Any

import cv2
import matplotlib as mpl
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
from matplotlib.figure import Figure

from edgecls.drawing import font as builtin_font
from edgecls.plots.fonts import FontChoice

__all__ = ["AnyScriptCanvas", "drawing_style"]

BOLD_FROM = 600  # font weight


@contextlib.contextmanager
def drawing_style(style: Any) -> Iterator[None]:
    """Let settings of matplotlib hold for a while.

    Meanwhile it keeps to itself that a font has no bold variant, which is no news to whoever draws a title.
    """
    logger = logging.getLogger("matplotlib.font_manager")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with mpl.rc_context(style):
            yield
    finally:
        logger.setLevel(level)


class AnyScriptCanvas(FigureCanvasAgg):
    """Draws a figure with its own style; text that matplotlib's fonts lack is drawn by OpenCV's built-in font.

    Args:
        figure: What to draw.
        fonts: The fonts to draw text with.
        style: Settings of matplotlib that hold while this figure is drawn.
    """

    def __init__(self, figure: Figure, fonts: FontChoice, style: Any) -> None:
        super().__init__(figure)
        self._fonts = fonts
        self._style = style
        self._own_renderer: _AnyScriptRenderer | None = None

    def draw(self) -> None:
        with drawing_style(self._style):  # drawing makes more text: the ticks
            super().draw()  # type: ignore[no-untyped-call]

    def get_renderer(self) -> RendererAgg:
        width, height = self.get_width_height(physical=True)
        dpi = self.figure.dpi
        own = self._own_renderer
        if own is None or (own.width, own.height, own.dpi) != (width, height, dpi):
            own = self._own_renderer = _AnyScriptRenderer(width, height, dpi, self._fonts)
        self.renderer = own
        return own


class _AnyScriptRenderer(RendererAgg):
    """Draws the characters that matplotlib's fonts have by matplotlib, and the others by OpenCV."""

    def __init__(self, width: float, height: float, dpi: float, fonts: FontChoice) -> None:
        super().__init__(width, height, dpi)  # type: ignore[no-untyped-call]
        self._fonts = fonts

    def get_text_width_height_descent(self, s: str, prop: Any, ismath: Any) -> tuple[float, float, float]:
        if ismath or self._fonts.covers(s):
            return self._measure_installed(s, prop, ismath)
        runs = [self._measure(run, prop) for run in self._fonts.runs(s)]
        descent = max(run_descent for _, _, run_descent in runs)
        ascent = max(height - run_descent for _, height, run_descent in runs)
        return sum(width for width, _, _ in runs), ascent + descent, descent

    def draw_text(
        self, gc: Any, x: float, y: float, s: str, prop: Any, angle: float, ismath: Any = False, mtext: Any = None
    ) -> None:
        if ismath or self._fonts.covers(s):
            super().draw_text(gc, x, y, s, prop, angle, ismath, mtext)  # type: ignore[no-untyped-call]
            return
        for run in self._fonts.runs(s):
            if self._fonts.covers(run):
                super().draw_text(gc, x, y, run, prop, angle, False, mtext)  # type: ignore[no-untyped-call]
            else:
                self._draw_built_in(gc, x, y, run, prop, angle)
            width, _, _ = self._measure(run, prop)
            x += width * math.cos(math.radians(angle))
            y -= width * math.sin(math.radians(angle))

    def _measure(self, run: str, prop: Any) -> tuple[float, float, float]:
        if self._fonts.covers(run):
            return self._measure_installed(run, prop, False)
        return builtin_font.measure(run, size_px=self._size_px(prop), bold=_is_bold(prop))

    def _measure_installed(self, s: str, prop: Any, ismath: Any) -> tuple[float, float, float]:
        extent: tuple[float, float, float]
        extent = super().get_text_width_height_descent(s, prop, ismath)  # type: ignore[no-untyped-call]
        return extent

    def _draw_built_in(self, gc: Any, x: float, y: float, run: str, prop: Any, angle: float) -> None:
        mask, baseline = builtin_font.draw_mask(run, size_px=self._size_px(prop), bold=_is_bold(prop))
        left, top = round(x), round(y) - baseline
        if angle % 360:
            mask, reach = _turned(mask, baseline, angle)
            left, top = round(x) - reach, round(y) - reach
        ink = np.empty((*mask.shape, 4), np.uint8)
        ink[..., :3] = np.round(np.multiply(gc.get_rgb()[:3], 255))
        ink[..., 3] = np.round(mask * gc.get_alpha())
        # Agg counts rows from the bottom.
        self.draw_image(gc, left, self.height - top - mask.shape[0], np.ascontiguousarray(ink[::-1]))

    def _size_px(self, prop: Any) -> float:
        return float(prop.get_size_in_points() * self.dpi / 72)


def _is_bold(prop: Any) -> bool:
    weight = prop.get_weight()
    return weight in ("bold", "semibold", "heavy", "black", "extra bold") or (
        isinstance(weight, int) and weight >= BOLD_FROM
    )


def _turned(mask: Any, baseline: int, angle: float) -> tuple[Any, int]:
    """Turn a mask about the left end of its baseline; return it with that point in its middle, and the middle."""
    height, width = mask.shape
    reach = math.ceil(math.hypot(width, max(baseline, height - baseline)))
    move = cv2.getRotationMatrix2D((0, baseline), angle, 1)
    move[:, 2] += (reach, reach - baseline)
    return cv2.warpAffine(mask, move, (2 * reach + 1, 2 * reach + 1)), reach
