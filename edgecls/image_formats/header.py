"""What an encoded image says about itself."""

from dataclasses import dataclass, field

__all__ = ["MAX_PARTS", "UPRIGHT", "DamagedHeaderError", "ImageHeader"]

UPRIGHT = 1
"""Exif orientation of an image that needs no turning."""

MAX_PARTS = 4096
"""Boxes, chunks or segments walked before a file is called damaged."""


@dataclass(frozen=True)
class ImageHeader:
    """What the first bytes of an image tell.

    Attributes:
        format: Name of the format, as in "JPEG".
        width: Stored width in pixels, before `orientation` is applied.
        height: Stored height in pixels, before `orientation` is applied.
        orientation: Exif orientation, 1 to 8, that the decoder leaves to us.
        has_alpha: The image carries transparency in a channel or a palette.
        sample_max: Value of a full sample where the decoder returns samples unscaled.
        premultiplied: The decoder returns colours that are multiplied by their alpha already.
        transparent_gray: In a grey PNG, the one value, in units of `sample_max`, that is transparent.
        scan_ends: In a JPEG, where the compressed data of each scan end.
        components: In a JPEG of several scans, the sampling of each component: horizontal times 16, and vertical.
        color_profile: ICC profile of the colours; empty for none.
    """

    format: str
    width: int
    height: int
    orientation: int = UPRIGHT
    has_alpha: bool = False
    sample_max: int = 255
    premultiplied: bool = False
    transparent_gray: int | None = None
    scan_ends: tuple[int, ...] = ()
    components: tuple[int, ...] = ()
    color_profile: bytes = field(default=b"", repr=False)

    @property
    def upright_hw(self) -> tuple[int, int]:
        """Height and width once the orientation is applied."""
        return (self.width, self.height) if self.orientation >= 5 else (self.height, self.width)


class DamagedHeaderError(ValueError):
    """A header, or what it describes, that contradicts its format, with the reason as message.

    Attributes:
        cut_short: The end of the image is missing.
    """

    def __init__(self, reason: str, *, cut_short: bool = False) -> None:
        super().__init__(reason)
        self.cut_short = cut_short
