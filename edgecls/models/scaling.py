"""The first layers of a network: raw pixels to the numbers that it computes with.

A grey network has to be able to take the weights of a colour network, and then to answer as that
does for a grey image. Where scaling treats all colours alike, it is enough to sum the kernels of
the first convolution over the colours. Where it does not, that fails at the border, because a
convolution pads with zeros after scaling: there, the grey image becomes a colour image first.
"""

from collections.abc import Sequence

import keras

__all__ = ["as_rgb", "scale_alike", "scale_each_color"]

# Pixels are scaled in float32 under any precision policy: half precision would round them.
DTYPE = "float32"


def scale_alike(images: keras.KerasTensor, *, divisor: float = 127.5) -> keras.KerasTensor:
    """Divide all pixels, 0..255, and subtract 1: by 127.5 to -1..1; uint8 to float32, ``[N, H, W, C]``."""
    return keras.layers.Rescaling(1 / divisor, offset=-1, dtype=DTYPE, name="scale")(images)


def scale_each_color(
    images: keras.KerasTensor, *, mean: Sequence[float], deviation: Sequence[float] = (1, 1, 1)
) -> keras.KerasTensor:
    """Subtract a mean from each channel and divide it by a deviation, both in steps of a pixel's value.

    Args:
        images: uint8, ``[N, H, W, 3]``.
        mean: One for each channel.
        deviation: One for each channel.

    Returns:
        float32, ``[N, H, W, 3]``.
    """
    scale = [1 / one for one in deviation]
    offset = [-centre / one for centre, one in zip(mean, deviation, strict=True)]
    return keras.layers.Rescaling(scale, offset=offset, dtype=DTYPE, name="scale")(images)


def as_rgb(images: keras.KerasTensor) -> keras.KerasTensor:
    """Return colour images as they are, and grey ones with their channel three times; ``[N, H, W, 3]``."""
    if images.shape[-1] == 3:
        return images
    return keras.layers.Concatenate(name="gray_as_rgb")([images, images, images])
