"""HTML from a template file, in which every value is escaped unless it is already HTML."""

import base64
import html
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from string import Template

from edgecls import image
from edgecls.errors import ImageError
from edgecls.evaluation.record import ImagePath
from edgecls.image_formats.read import read_header
from edgecls.image_spec import Fit, ImageSpec

__all__ = ["HTML", "STYLE", "Fragments", "Html", "data_uri", "joined", "plot_figure", "thumbnail_uri"]

LONGER_SIDE = 224  # pixels; sharp on a screen with two dots per pixel at their size on the page
QUALITY = 82  # of their JPEG
PLOT_DOTS = 1.5  # of the plot to one pixel of the page
"""The figures have 150 dots to the inch; at this scale a point of their text is a point of the page's."""

_MARK = re.compile(r"^<!-- fragment: (\w+) -->\n", re.MULTILINE)


class Html(str):
    """Text that is HTML; only `Fragments` creates it, from a template and escaped values."""

    __slots__ = ()


class Fragments:
    """The pieces of HTML in a template file, each under a line ``<!-- fragment: NAME -->``.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        _, *parts = _MARK.split(path.read_text(encoding="utf-8"))
        self._templates = {name: Template(text.strip()) for name, text in zip(parts[::2], parts[1::2], strict=True)}

    def fill(self, name: str, /, **values: object) -> Html:
        """Return a piece with its $placeholders replaced.

        Args:
            name: Which one.
            values: Their values, escaped except for Html.

        Raises:
            KeyError: There is no such piece, or a placeholder has no value.
        """
        safe = {key: value if isinstance(value, Html) else html.escape(str(value)) for key, value in values.items()}
        return Html(self._templates[name].substitute(safe))


def joined(parts: Iterable[Html]) -> Html:
    """Return pieces one after the other."""
    return Html("\n".join(parts))


HTML = Fragments(Path(__file__).with_name("page.html"))
"""The pieces of the report."""

STYLE = Html(Path(__file__).with_name("page.css").read_text(encoding="utf-8"))
"""The style sheet of reports."""


def thumbnail_uri(
    path: ImagePath,
    spec: ImageSpec,
    *,
    longer_side: int = LONGER_SIDE,
    read: Callable[[ImagePath], bytes] = image.read_file,
) -> str:
    """Return an image as the network sees it, only sharper, as a data URI; empty if it can no longer be read.

    What is cropped for the network is cropped here; what is stretched for it keeps its proportions.

    Args:
        path: The image.
        spec: What the network takes.
        longer_side: Its longer side, in pixels.
        read: Returns its bytes, or raises an ImageError.
    """
    try:
        data = read(path)
        if spec.fit is Fit.STRETCH:
            pixels = image.decode(data, name=str(path), color=spec.color)
            height, width = pixels.shape[:2]
            pixels = image.fit(pixels, _scaled(height, width, spec, longer_side))
        else:
            pixels = image.decode_to_fit(data, _scaled(spec.height, spec.width, spec, longer_side), name=str(path))
    except ImageError:
        return ""
    return data_uri(image.encode_jpeg(pixels, quality=QUALITY), "image/jpeg")


def plot_figure(png: bytes, alt: str) -> Html:
    """Return a figure of the report from the PNG of a plot; `alt` says what it shows."""
    header = read_header(png, name=alt)
    return HTML.fill(
        "plot",
        uri=data_uri(png, "image/png"),
        alt=alt,
        width=round(header.width / PLOT_DOTS),
        height=round(header.height / PLOT_DOTS),
    )


def data_uri(data: bytes, media_type: str) -> str:
    """Return bytes as a data URI."""
    return f"data:{media_type};base64,{base64.b64encode(data).decode('ascii')}"


def _scaled(height: int, width: int, spec: ImageSpec, longer_side: int) -> ImageSpec:
    """Return an image's proportions at the size of a thumbnail."""
    scale = longer_side / max(height, width)
    return ImageSpec(max(1, round(height * scale)), max(1, round(width * scale)), spec.color, spec.fit)
