"""What picture a model takes: its size, its colour and how any photo is brought to that size."""

from dataclasses import dataclass
from enum import StrEnum

from edgecls.errors import ModelConfigError

__all__ = ["MAX_SIDE", "MIN_SIDE", "Color", "Fit", "ImageSpec"]

MIN_SIDE = 1  # pixels
MAX_SIDE = 4096  # pixels; bounds what a hostile model file can make us allocate


class Color(StrEnum):
    """Channels of the picture: three in the order red, green, blue, or one of luminance."""

    RGB = "rgb"
    GRAY = "gray"


class Fit(StrEnum):
    """How a picture of any shape becomes the model's height and width.

    STRETCH: both sides are scaled to the target, whatever that does to the proportions.
    CROP: scaled until the picture just covers the target, then the centre is cut out.
    PAD: scaled until the picture just fits inside the target, then centred on black.
    """

    STRETCH = "stretch"
    CROP = "crop"
    PAD = "pad"


@dataclass(frozen=True)
class ImageSpec:
    """The picture a model takes: uint8, ``[height, width, channels]``, values 0 to 255.

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
        return 3 if self.color is Color.RGB else 1

    @property
    def shape_hwc(self) -> tuple[int, int, int]:
        """Shape of one picture: (height, width, channels)."""
        return (self.height, self.width, self.channels)

    def __str__(self) -> str:
        return f"{self.width}x{self.height} {self.color}, {self.fit}"
