"""Limits on images, checked before anything large is allocated."""

from dataclasses import dataclass

from edgecls.errors import ImageTooLargeError

__all__ = ["DEFAULT_LIMITS", "ImageLimits", "check_size"]


@dataclass(frozen=True)
class ImageLimits:
    """Limits on an image.

    Attributes:
        max_bytes: Largest encoded size in bytes.
        max_pixels: Largest width times height that the header may claim.
    """

    max_bytes: int = 64 * 1024 * 1024
    max_pixels: int = 100_000_000


DEFAULT_LIMITS = ImageLimits()


def check_size(size: int, *, name: str, limits: ImageLimits = DEFAULT_LIMITS) -> None:
    """Refuse an encoded image of too many bytes.

    Raises:
        ImageTooLargeError: `size` is above ``limits.max_bytes``.
    """
    if size > limits.max_bytes:
        raise ImageTooLargeError(
            f"cannot use {name!r}: more than {limits.max_bytes / 2**20:.4g} MiB; save it smaller or raise the limit"
        )
