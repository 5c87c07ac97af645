"""Predictions as notebooks show them: the image, and a bar for each of the best labels."""

import base64
import weakref
from collections import deque
from typing import TYPE_CHECKING, Protocol

from edgecls import image
from edgecls.errors import ImageError
from edgecls.image import Pixels
from edgecls.resize import resize

if TYPE_CHECKING:
    from edgecls.runtime.prediction import Outcome, Prediction

__all__ = ["ShownImage", "outcome_html", "prediction_html", "remember_image"]

SIDE = 96  # of a thumbnail, in pixels
BARS = 5
MOST_REMEMBERED = 16
MOST_BYTES = 512 * 1024  # of an image that is remembered; larger ones are thinned out


class ShownImage(Protocol):
    """Where the image of a prediction comes from."""

    def pixels(self) -> Pixels | None:
        """Return the image, or None if it is gone."""


class _Seen:
    """What a network saw of an image."""

    def __init__(self, pixels: Pixels) -> None:
        step = 1 + int((pixels.nbytes / MOST_BYTES) ** 0.5) if pixels.nbytes > MOST_BYTES else 1
        self.pixels = pixels[::step, ::step].copy()


_remembered: deque[_Seen] = deque(maxlen=MOST_REMEMBERED)
"""The latest images that have no file, so that keeping many predictions does not mean keeping their images."""


def remember_image(prediction: "Prediction", shown: str | Pixels) -> None:
    """Attach its image to a prediction.

    Args:
        prediction: Changed.
        shown: The file, read when it is displayed; or the pixels of the network's input, kept for a while.
    """
    if isinstance(shown, str):
        source: ShownImage = _File(shown)
    else:
        seen = _Seen(shown)
        _remembered.append(seen)
        source = _Remembered(seen)
    object.__setattr__(prediction, "shown_image", source)


class _File:
    def __init__(self, path: str) -> None:
        self._path = path

    def pixels(self) -> Pixels | None:
        try:
            return image.decode(image.read_file(self._path))
        except ImageError:  # it is gone, or another one
            return None


class _Remembered:
    def __init__(self, seen: _Seen) -> None:
        self._seen = weakref.ref(seen)

    def pixels(self) -> Pixels | None:
        seen = self._seen()
        return None if seen is None else seen.pixels


def prediction_html(prediction: "Prediction", shown: ShownImage | None) -> str:
    """Return a prediction as a piece of HTML that needs nothing else; every text in it is escaped.

    Args:
        prediction: The answer.
        shown: Where its image comes from; None if unknown.
    """
    from edgecls.notebook import BLUE, GREY, Bar, bars, bold, escaped  # only a notebook pays for it

    pixels = None if shown is None else shown.pixels()
    image = "" if pixels is None else _thumbnail(pixels)
    scores = prediction.top(BARS)
    color = BLUE if prediction.is_known else GREY
    chart = bars(
        Bar(score.label, score.probability, f"{score.probability:.4f}", color if score is scores[0] else GREY)
        for score in scores
    )
    title = f"{bold(prediction.described)} {escaped(prediction.image)}"
    style = "display:flex;gap:12px;align-items:center"
    return f'<div style="{style}">{image}<div><div>{title}</div>{chart}</div></div>'


def outcome_html(outcome: "Outcome") -> str:
    """Return an outcome as a piece of HTML: the prediction, or the name and the error."""
    if isinstance(outcome.result, ImageError):
        from edgecls.notebook import bold, escaped

        return f"<div>{bold('error')} {escaped(str(outcome.result))}</div>"
    return prediction_html(outcome.result, outcome.result.shown_image)


def _thumbnail(pixels: Pixels) -> str:
    height, width = pixels.shape[:2]
    scale = min(1.0, SIDE / max(height, width))
    small = resize(pixels, max(1, round(height * scale)), max(1, round(width * scale)))
    encoded = base64.b64encode(image.encode_jpeg(small, quality=85)).decode()
    return f'<img alt="" src="data:image/jpeg;base64,{encoded}" style="max-width:{SIDE}px;max-height:{SIDE}px">'
