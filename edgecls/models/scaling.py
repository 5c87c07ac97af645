"""The first layers of a network, which scale raw pixels.

A grey network must be able to load the weights of a colour network, and then give the same results
as that for a grey image. Where scaling is the same for all colours, it is enough to sum the kernels
of the first convolution over the colours. Where it is not, that would fail at the border, because a
convolution pads with zeros after scaling: there, the grey image is first turned into a colour image.
"""

from collections.abc import Sequence

import keras

__all__ = ["as_rgb", "scale_alike", "scale_each_color", "standardize"]

MEAN_RGB = (0.485 * 255, 0.456 * 255, 0.406 * 255)  # of ImageNet, in units of pixel values
DEVIATION_RGB = (0.229 * 255, 0.224 * 255, 0.225 * 255)

# Pixels are scaled in float32 under any precision policy: half precision would round them.
DTYPE = "float32"


def scale_alike(images: keras.KerasTensor, *, divisor: float = 127.5, centre: float | None = None) -> keras.KerasTensor:
    """Scale all pixels, 0..255, around a centre: by 127.5 to -1..1; uint8 to float32, ``[N, H, W, C]``.

    Args:
        images: uint8, ``[N, H, W, C]``.
        divisor: What they are divided by.
        centre: The value that becomes 0; None for the divisor.
    """
    offset = -(divisor if centre is None else centre) / divisor
    return keras.layers.Rescaling(1 / divisor, offset=offset, dtype=DTYPE, name="scale")(images)


def scale_each_color(
    images: keras.KerasTensor, *, mean: Sequence[float], deviation: Sequence[float] = (1, 1, 1)
) -> keras.KerasTensor:
    """Subtract a mean from each channel and divide by a standard deviation, both in units of pixel values.

    Args:
        images: uint8, ``[N, H, W, 3]``.
        mean: One per channel.
        deviation: One per channel.

    Returns:
        float32, ``[N, H, W, 3]``.
    """
    scale = [1 / one for one in deviation]
    offset = [-centre / one for centre, one in zip(mean, deviation, strict=True)]
    return keras.layers.Rescaling(scale, offset=offset, dtype=DTYPE, name="scale")(images)


def standardize(images: keras.KerasTensor) -> keras.KerasTensor:
    """Scale each colour by its mean and deviation on ImageNet; uint8 ``[N, H, W, C]`` to float32 ``[N, H, W, 3]``."""
    return scale_each_color(as_rgb(images), mean=MEAN_RGB, deviation=DEVIATION_RGB)


def as_rgb(images: keras.KerasTensor) -> keras.KerasTensor:
    """Return colour images unchanged, and grey ones with their channel repeated; ``[N, H, W, 3]``."""
    if images.shape[-1] == 3:
        return images
    return keras.layers.Concatenate(name="gray_as_rgb")([images, images, images])
