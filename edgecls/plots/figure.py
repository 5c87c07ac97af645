"""Figures in one style, with text in any script, as PNG. Uses neither pyplot nor windows."""

import contextlib
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from edgecls import image
from edgecls.extras import import_from_extra
from edgecls.plots.fonts import choose_fonts

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = [
    "COLORS",
    "DPI",
    "INK",
    "MUTED",
    "PNG_COMPRESSION",
    "check_can_draw",
    "figure",
    "png_bytes",
    "rgb_pixels",
    "shortened",
]

DPI = 150
PNG_COMPRESSION = 6
INK, MUTED, GRID = "#1f2933", "#697586", "#e3e8ee"
COLORS = ("#2f6fb0", "#e07b39", "#3f9b6c", "#c44e6c", "#8064b5", "#b59a2f", "#4aa3b8", "#7a6a5d")
"""Colours of the series in a figure, in this order."""


@contextlib.contextmanager
def figure(width_in: float, height_in: float, *, texts: Iterable[str] = ()) -> "Iterator[Figure]":
    """Make a figure in the style of edgecls.

    While the block runs, what is put into the figure takes its style and fonts from it; afterwards
    matplotlib's settings are as they were. The layout is "constrained": no text is cut off. A dollar
    sign is a dollar sign.

    Args:
        width_in: Width in inches, of `DPI` pixels each.
        height_in: Height in inches.
        texts: Texts that may be in scripts other than Latin: labels, titles. Fonts are chosen that have
            the glyphs; `fonts.undrawable_remark` says which texts no font here can draw.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    mpl = import_from_extra("matplotlib", extra="data", purpose="drawing figures")
    from matplotlib.figure import Figure

    from edgecls.plots.any_script import AnyScriptCanvas, drawing_style

    fonts = choose_fonts(texts)
    style = _style(fonts.families)
    style["axes.prop_cycle"] = mpl.cycler(color=COLORS)
    with drawing_style(style):
        made = Figure(figsize=(width_in, height_in), dpi=DPI, layout="constrained")
        AnyScriptCanvas(made, fonts, style)
        yield made


def png_bytes(figure: "Figure") -> bytes:
    """Draw a figure that `figure` made, as PNG."""
    return image.encode_png(rgb_pixels(figure), compression=PNG_COMPRESSION)


def rgb_pixels(figure: "Figure") -> npt.NDArray[np.uint8]:
    """Draw a figure that `figure` made, as uint8 ``[height, width, 3]`` RGB."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = figure.canvas
    if not isinstance(canvas, FigureCanvasAgg):
        raise TypeError(f"expected a figure made by edgecls.plots.figure.figure, got one on a {type(canvas).__name__}")
    canvas.draw()  # type: ignore[no-untyped-call]
    rgba = np.asarray(canvas.buffer_rgba(), np.uint8)  # type: ignore[no-untyped-call]
    return rgba[:, :, :3].copy()


def check_can_draw() -> None:
    """Check that figures can be drawn here: before long work that ends with one.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    import_from_extra("matplotlib", extra="data", purpose="drawing figures")


def shortened(text: str, length: int) -> str:
    """Return a text of at most `length` characters, cut in the middle: long names often differ at one of their ends."""
    kept = length - 1
    return text if len(text) <= length else f"{text[: kept // 2]}…{text[-(kept - kept // 2) :]}"


def _style(families: tuple[str, ...]) -> dict[str, Any]:
    return {
        "font.family": list(families),
        "font.size": 9,
        "text.color": INK,
        "text.parse_math": False,
        "axes.axisbelow": True,
        "axes.edgecolor": MUTED,
        "axes.grid": True,
        "axes.labelcolor": INK,
        "axes.spines.right": False,
        "axes.spines.top": False,
        "axes.titlelocation": "left",
        "axes.titleweight": "bold",
        "axes.titlesize": 10,
        "axes.unicode_minus": True,
        "figure.facecolor": "white",
        "grid.color": GRID,
        "grid.linewidth": 0.7,
        "legend.frameon": False,
        "lines.linewidth": 1.8,
        "xtick.color": MUTED,
        "xtick.labelcolor": INK,
        "ytick.color": MUTED,
        "ytick.labelcolor": INK,
    }
