"""In which form a Keras network takes an image: with or without a channel axis, channels first, or all in a row."""

from dataclasses import dataclass
from math import isqrt
from pathlib import Path

import keras

from edgecls.errors import ExportError
from edgecls.export.pixel_scaling import ChannelOrder, Layout
from edgecls.image_spec import Color, Fit, ImageSpec

__all__ = ["InputForm", "find_input_form"]

CHANNELS = {1: Color.GRAY, 3: Color.RGB}


@dataclass(frozen=True)
class InputForm:
    """What a network takes.

    Attributes:
        spec: The image.
        order: Its channels as the network takes them.
        layout: Where the channels stand; NHWC also for a network without a channel axis, which takes grey.
        shape: Of the network's input for one image, all known.
    """

    spec: ImageSpec
    order: ChannelOrder
    layout: Layout
    shape: tuple[int, ...]


def find_input_form(
    model: keras.Model,
    path: Path,
    *,
    fit: Fit,
    image_size: tuple[int, int] | None,
    layout: Layout | None,
    order: ChannelOrder | None,
) -> InputForm:
    """Find out in which form a network takes images.

    Args:
        model: The network.
        path: Where it comes from, for error messages.
        fit: How images are brought to its size.
        image_size: Height and width in pixels, for a network whose input leaves them open.
        layout: What the user says about the order of dimensions.
        order: What the user says about the channels.

    Raises:
        ExportError: It takes no single image, or the shape of its input leaves something open.
    """
    if len(model.inputs) != 1:
        raise ExportError(f"a classifier has one input, {str(path)!r} has {len(model.inputs)}")
    shape: tuple[int | None, ...] = tuple(model.inputs[0].shape[1:])
    channels: int | None
    full: tuple[int, ...]
    if len(shape) == 3 and set(shape[1:]) != {1}:
        layout = layout or _layout_of(shape)
        height, width, channels = (shape[1], shape[2], shape[0]) if layout is Layout.NCHW else shape
        rows, columns = _size(path, height, width, image_size)
        if channels is None and order is not None:
            channels = len(order.channel_names)
        if channels not in CHANNELS:
            raise ExportError(
                f"{str(path)!r} takes {'any number of' if channels is None else channels} channels (input shape "
                f"{_shown(shape)}); only grey (1) and RGB (3) can be exported: say which with --channel-order, or "
                "where the channels stand with --layout"
            )
        full = (channels, rows, columns) if layout is Layout.NCHW else (rows, columns, channels)
    elif _in_a_row(shape):
        rows, columns, channels = _unrolled(path, shape[0], image_size)
        layout, full = Layout.NHWC, (rows * columns * channels, *(1 for _ in shape[1:]))
    elif len(shape) == 2:
        rows, columns = _size(path, shape[0], shape[1], image_size)
        layout, channels, full = Layout.NHWC, 1, (rows, columns)
    else:
        raise ExportError(
            f"{str(path)!r} must take one batch of images (N, height, width, channels), (N, height, width) or "
            f"(N, height * width); it takes an array of shape {_shown(shape)}"
        )
    spec = ImageSpec(rows, columns, CHANNELS[channels], fit)
    usual = ChannelOrder.GRAY if channels == 1 else ChannelOrder.RGB
    if order is not None and order.color is not spec.color:
        raise ExportError(f"{str(path)!r} takes {channels} channel(s), {order} has {len(order.channel_names)}")
    return InputForm(spec, order or usual, layout, full)


def _in_a_row(shape: tuple[int | None, ...]) -> bool:
    """True for the shape of pixels in a row, (784,), and for one with a last axis of one, (784, 1)."""
    return len(shape) == 1 or (len(shape) in (2, 3) and set(shape[1:]) == {1})


def _layout_of(shape: tuple[int | None, ...]) -> Layout:
    return Layout.NCHW if shape[0] in CHANNELS and shape[2] not in (*CHANNELS, None) else Layout.NHWC


def _size(path: Path, height: int | None, width: int | None, image_size: tuple[int, int] | None) -> tuple[int, int]:
    if image_size is None:
        if height is None or width is None:
            raise ExportError(f"{str(path)!r} takes images of any size; give the one to use with --image-size")
        return height, width
    if height not in (None, image_size[0]) or width not in (None, image_size[1]):
        raise ExportError(
            f"{str(path)!r} takes images of {height or 'any'} x {width or 'any'} pixels (height x width), not "
            f"{image_size[0]} x {image_size[1]}; leave out --image-size or change it"
        )
    return image_size


def _unrolled(path: Path, count: int | None, image_size: tuple[int, int] | None) -> tuple[int, int, int]:
    """Return height, width and channels of an image whose pixels stand in a row."""
    if image_size is None:
        squares = [isqrt(count // channels) for channels in CHANNELS] if count else []
        likely = [side for side, channels in zip(squares, CHANNELS, strict=False) if side * side * channels == count]
        raise ExportError(
            f"{str(path)!r} takes {count or 'any number of'} numbers in a row; give the size of the image that they "
            f"are with --image-size{f' {likely[0]}' if likely else ' HEIGHTxWIDTH'}"
        )
    height, width = image_size
    for channels in CHANNELS:
        if height * width * channels == count:
            return height, width, channels
    raise ExportError(
        f"{str(path)!r} takes {count} numbers in a row, an image of {height} x {width} pixels has "
        f"{height * width} (grey) or {3 * height * width} (RGB); change --image-size"
    )


def _shown(shape: tuple[int | None, ...]) -> str:
    return f"({', '.join(['N', *('any' if size is None else str(size) for size in shape)])})"
