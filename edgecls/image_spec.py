"""What image a model takes: its size, its colour and how any photo is brought to that size."""

import math
from dataclasses import dataclass
from enum import StrEnum

from edgecls.errors import ModelConfigError

__all__ = ["MAX_SIDE", "MIN_SIDE", "Color", "Fit", "ImageSpec", "Placement"]

MIN_SIDE = 1  # pixels
MAX_SIDE = 4096  # pixels; bounds what a hostile model file can make us allocate


class Color(StrEnum):
    """Channels of the image: three in the order red, green, blue, or one of luminance."""

    RGB = "rgb"
    GRAY = "gray"

    @property
    def channels(self) -> int:
        """3 for colour, 1 for grey."""
        return 3 if self is Color.RGB else 1


class Fit(StrEnum):
    """How an image of any shape becomes the model's height and width.

    STRETCH: both sides are scaled to the target, whatever that does to the proportions.
    CROP: scaled until the image just covers the target, then the centre is cut out.
    PAD: scaled until the image just fits inside the target, then centred on black.
    """

    STRETCH = "stretch"
    CROP = "crop"
    PAD = "pad"


@dataclass(frozen=True)
class Placement:
    """Which part of an image a model sees, and where that comes to lie in its input; all in pixels.

    Attributes:
        top: First row of the image that is seen.
        left: First column.
        height: Rows that are seen; the last one may be seen in part.
        width: Columns that are seen, likewise.
        inner_top: First row of the input that shows the image; what is outside is black.
        inner_left: First column.
        inner_height: Rows that show it.
        inner_width: Columns that show it.
    """

    top: int
    left: int
    height: float
    width: float
    inner_top: int
    inner_left: int
    inner_height: int
    inner_width: int

    @property
    def seen(self) -> tuple[slice, slice]:
        """The rows and columns of the image that are seen."""
        bottom, right = self.top + math.ceil(self.height), self.left + math.ceil(self.width)
        return slice(self.top, bottom), slice(self.left, right)

    @property
    def inner(self) -> tuple[slice, slice]:
        """The rows and columns of the input that show the image."""
        bottom, right = self.inner_top + self.inner_height, self.inner_left + self.inner_width
        return slice(self.inner_top, bottom), slice(self.inner_left, right)


@dataclass(frozen=True)
class ImageSpec:
    """The image a model takes: uint8, ``[height, width, channels]``, values 0 to 255.

    Raises:
        ModelConfigError: A side is not a whole number from MIN_SIDE to MAX_SIDE, or colour or
            fit rule is unknown.
    """

    height: int
    width: int
    color: Color = Color.RGB
    fit: Fit = Fit.CROP

    def __post_init__(self) -> None:
        for side, value in (("height", self.height), ("width", self.width)):
            if isinstance(value, bool) or not isinstance(value, int) or not MIN_SIDE <= value <= MAX_SIDE:
                raise ModelConfigError(
                    f"image {side} must be a whole number of pixels from {MIN_SIDE} to {MAX_SIDE}, got {value!r}"
                )
        for field, kind in (("color", Color), ("fit", Fit)):
            try:
                object.__setattr__(self, field, kind(getattr(self, field)))
            except ValueError as error:
                known = ", ".join(kind)
                raise ModelConfigError(f"image {field} must be one of {known}; got {getattr(self, field)!r}") from error

    @property
    def channels(self) -> int:
        """3 for colour, 1 for grey."""
        return self.color.channels

    @property
    def shape_hwc(self) -> tuple[int, int, int]:
        """Shape of one image: (height, width, channels)."""
        return (self.height, self.width, self.channels)

    def place(self, height: float, width: float) -> Placement:
        """Return what the fit rule does with an image of this height and width in pixels."""
        if self.fit is Fit.CROP:
            scale = max(self.height / height, self.width / width)
            seen_height, seen_width = min(height, self.height / scale), min(width, self.width / scale)
            top, left = round((height - seen_height) / 2), round((width - seen_width) / 2)
            return Placement(top, left, seen_height, seen_width, 0, 0, self.height, self.width)
        if self.fit is Fit.PAD:
            scale = min(self.height / height, self.width / width)
            inner_height = min(self.height, max(1, round(height * scale)))
            inner_width = min(self.width, max(1, round(width * scale)))
            top, left = (self.height - inner_height) // 2, (self.width - inner_width) // 2
            return Placement(0, 0, height, width, top, left, inner_height, inner_width)
        return Placement(0, 0, height, width, 0, 0, self.height, self.width)

    def __str__(self) -> str:
        return f"{self.width}x{self.height} {self.color}, {self.fit}"
