"""Size, channel order and pixel scaling of a network's input: what other frameworks leave to the caller."""

import math
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from edgecls.errors import ExportError
from edgecls.image_spec import Color

__all__ = [
    "PRESETS",
    "RAW_PIXELS",
    "ChannelOrder",
    "Layout",
    "PixelScaling",
    "Preset",
    "input_size",
    "other_conventions",
]

IMAGENET_MEAN_RGB = (0.485, 0.456, 0.406)  # of pixels in [0, 1], as torchvision states them
IMAGENET_STD_RGB = (0.229, 0.224, 0.225)
CAFFE_MEAN_BGR = (103.939, 116.779, 123.68)  # of pixels in [0, 255], as the VGG networks state them


class ChannelOrder(StrEnum):
    """The channels a network takes, in their order."""

    RGB = "rgb"
    BGR = "bgr"
    GRAY = "gray"

    @property
    def color(self) -> Color:
        """The colour of the images that the model file takes: RGB for both orders."""
        return Color.GRAY if self is ChannelOrder.GRAY else Color.RGB

    @property
    def channel_names(self) -> tuple[str, ...]:
        """The names of the channels, for reports."""
        return ("gray",) if self is ChannelOrder.GRAY else tuple(self.value)


class Layout(StrEnum):
    """Order of the dimensions of a batch of images."""

    NCHW = "nchw"
    NHWC = "nhwc"


@dataclass(frozen=True)
class PixelScaling:
    """How pixels from 0 to 255 become the numbers a network takes: scaled to a range, minus mean, over std.

    Attributes:
        low: What 0 becomes before the mean is taken off.
        high: What 255 becomes before the mean is taken off.
        mean: In the unit of low and high; one for all channels, or one for each, in the network's order.
        std: Likewise; above 0.

    Raises:
        ExportError: A number is not finite, the range is empty, or a std is not above 0.
    """

    low: float = 0.0
    high: float = 255.0
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)

    def __post_init__(self) -> None:
        if not all(map(math.isfinite, (self.low, self.high, *self.mean, *self.std))):
            raise ExportError("pixel range, mean and std must be finite numbers")
        if self.low == self.high:
            raise ExportError(f"the pixel range {self.low:g} {self.high:g} is empty; give what 0 and 255 become")
        if min(self.std) <= 0:
            raise ExportError(f"std must be above 0, got {', '.join(f'{one:g}' for one in self.std)}")

    def check_channels(self, order: ChannelOrder) -> None:
        """Check that mean and std fit the channels of a network.

        Raises:
            ExportError: There are neither one of them nor as many as channels.
        """
        channels = len(order.channel_names)
        for name, values in (("mean", self.mean), ("std", self.std)):
            if len(values) not in (1, channels):
                raise ExportError(
                    f"{len(values)} numbers of {name} do not fit {channels} channel(s) ({order}); "
                    f"give {channels if channels == 1 else '1 or 3'} with --{name}"
                )

    def apply(self, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Return the numbers for pixels whose last axis is the channels in the network's order.

        Step by step and in float32, as the pipelines of other frameworks compute it.
        """
        values = pixels.astype(np.float32)
        if (self.low, self.high) != (0.0, 255.0):
            values = values / np.float32(255) * np.float32(self.high - self.low) + np.float32(self.low)
        mean: npt.NDArray[np.float32] = np.asarray(self.mean, np.float32)
        std: npt.NDArray[np.float32] = np.asarray(self.std, np.float32)
        return (values - mean) / std

    def factor_and_offset(self) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Return the same as one multiplication and one addition; each of one number, or one a channel."""
        std = np.asarray(self.std, np.float64)
        factor = (self.high - self.low) / 255 / std
        offset = (self.low - np.asarray(self.mean, np.float64)) / std
        return _shortest(factor), _shortest(offset)

    def __str__(self) -> str:
        text = f"from {self.low:g} to {self.high:g}"
        if self.mean != (0.0,):
            text += f", minus {', '.join(f'{one:g}' for one in self.mean)}"
        if self.std != (1.0,):
            text += f", over {', '.join(f'{one:g}' for one in self.std)}"
        return text


RAW_PIXELS = PixelScaling()
"""Pixels as they are, from 0 to 255."""


@dataclass(frozen=True)
class Preset:
    """The convention of a framework: scaling, and order of the three channels."""

    scaling: PixelScaling
    order: ChannelOrder = ChannelOrder.RGB


PRESETS = {
    "torchvision": Preset(PixelScaling(0.0, 1.0, IMAGENET_MEAN_RGB, IMAGENET_STD_RGB)),
    "tensorflow": Preset(PixelScaling(-1.0, 1.0)),
    "caffe": Preset(PixelScaling(mean=CAFFE_MEAN_BGR), ChannelOrder.BGR),
    "none": Preset(RAW_PIXELS),
}
"""By the names that users give."""


def other_conventions(scaling: PixelScaling, order: ChannelOrder) -> dict[str, Preset]:
    """Return the other usual pixel conventions, by the options that state them."""
    usual = {f"--preset {name}": preset for name, preset in PRESETS.items()}
    usual["--pixel-range 0 1"] = Preset(PixelScaling(0.0, 1.0))
    if order is ChannelOrder.GRAY:
        usual = {
            options: Preset(preset.scaling, ChannelOrder.GRAY)
            for options, preset in usual.items()
            if len(preset.scaling.mean) == 1
        }
    elif len(scaling.mean) == len(scaling.std) == 1:
        swapped = ChannelOrder.RGB if order is ChannelOrder.BGR else ChannelOrder.BGR
        usual[f"the same pixels and --channel-order {swapped}"] = Preset(scaling, swapped)
    return {options: preset for options, preset in usual.items() if preset != Preset(scaling, order)}


def input_size(name: str, height: int | None, width: int | None, stated: tuple[int, int] | None) -> tuple[int, int]:
    """Return height and width of the images for a network.

    Args:
        name: Of its file, for error messages.
        height: That its input has; None for any.
        width: Likewise.
        stated: What the user states, or None.

    Raises:
        ExportError: The size is neither fixed nor stated, or the two disagree.
    """
    if stated is None:
        if height is None or width is None:
            raise ExportError(f"{name!r} takes images of any size; give the one to use with --image-size")
        return height, width
    if height not in (None, stated[0]) or width not in (None, stated[1]):
        raise ExportError(
            f"{name!r} takes images of {height or 'any'} x {width or 'any'} pixels (height x width), not "
            f"{stated[0]} x {stated[1]}; leave out --image-size or change it"
        )
    return stated


def _shortest(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """Return one number where all are the same: onnxruntime is faster with it."""
    rounded = values.astype(np.float32)
    return rounded[:1] if np.all(rounded == rounded[0]) else rounded
