"""What a Keras network takes: the shape of its input, and how pixels are scaled for it."""

from dataclasses import dataclass
from math import isqrt
from pathlib import Path

import keras

from edgecls.errors import ExportError
from edgecls.export.from_keras.known_networks import KnownNetwork
from edgecls.export.labels_file import Duplicates, LabelsFile
from edgecls.export.pixel_scaling import PRESETS, RAW_PIXELS, ChannelOrder, Layout, PixelScaling, input_size
from edgecls.image_spec import Color, Fit, ImageSpec

__all__ = ["InputForm", "StatedFacts", "find_input"]

CHANNELS = {1: Color.GRAY, 3: Color.RGB}


@dataclass(frozen=True)
class StatedFacts:
    """What the user states about a network; None where the file has to tell.

    Attributes:
        labels: One per output, in their order; None for those in a file next to the network.
        duplicates: How to handle duplicate labels in a file next to the network.
        fit: How images are resized to the network's input.
        image_size: Height and width in pixels, for a network that takes any.
        layout: Order of the input's dimensions.
        order: The channels that the network takes.
        scaling: What pixels become, for a network that takes floats.
        samples: A folder of real images.
        logits: Whether the network ends before the softmax, or before the sigmoid if it has one output.
    """

    labels: LabelsFile | None = None
    duplicates: Duplicates = Duplicates.REFUSE
    fit: Fit | None = None
    image_size: tuple[int, int] | None = None
    layout: Layout | None = None
    order: ChannelOrder | None = None
    scaling: PixelScaling | None = None
    samples: Path | None = None
    logits: bool = False


@dataclass(frozen=True)
class InputForm:
    """The form in which a network takes images.

    Attributes:
        spec: The images.
        order: The network's channel order.
        layout: Position of the channel axis; NHWC also for a network without one, which takes grayscale.
        shape: Of the network's input for one image, all known: also ``(H, W)``, or ``(H * W * C,)``.
    """

    spec: ImageSpec
    order: ChannelOrder
    layout: Layout
    shape: tuple[int, ...]


def find_input(
    model: keras.Model, path: Path, stated: StatedFacts, known: KnownNetwork | None
) -> tuple[InputForm, PixelScaling, tuple[str, ...]]:
    """Find out what a network takes: as stated, or as is usual for a network that is recognised.

    Args:
        model: The network.
        path: Its file, for error messages.
        stated: What the user states about it.
        known: What it was recognised as.

    Returns:
        The form of its input, what pixels become, and remarks for the user.

    Raises:
        ExportError: It does not take one image, or something is neither stated nor known; the message names the option.
    """
    scaling, fit = stated.scaling, stated.fit or Fit.STRETCH
    remarks: tuple[str, ...] = ()
    if known is not None and known.is_teachable_machine:
        fit = stated.fit or Fit.CROP
        scaling = stated.scaling or PRESETS[known.preset].scaling
        remarks = (f"{str(path)!r} is {known.what}: pixels {scaling}, fit {fit}",)
    form = _find_form(model, path, stated, fit)
    if model.inputs[0].dtype == "uint8":
        if scaling not in (None, RAW_PIXELS):
            raise ExportError(
                f"{str(path)!r} takes pixels as they are (uint8) and scales them itself; leave out --preset, "
                "--pixel-range, --mean and --std"
            )
        return form, RAW_PIXELS, remarks
    if scaling is None:
        usual = f" (it looks like {known.what}, for which --preset {known.preset} is usual)" if known else ""
        raise ExportError(
            f"{str(path)!r} takes {model.inputs[0].dtype} images and does not say how pixels are scaled for it; "
            "give what 0 and 255 become with --pixel-range: '0 255' if it scales them itself, else '0 1' or '-1 1', "
            f"or its framework's convention with --preset torchvision, tensorflow, caffe or none{usual}"
        )
    scaling.check_channels(form.order)
    if known is not None:
        usual_preset = PRESETS[known.preset]
        if scaling != usual_preset.scaling or (form.order is ChannelOrder.BGR) != (
            usual_preset.order is ChannelOrder.BGR
        ):
            remarks += (
                f"warning: {str(path)!r} looks like {known.what}, for which --preset {known.preset} is usual, not "
                f"pixels {scaling} as {form.order}; if it was not trained like that its answers will be wrong, and "
                "'edgecls verify' cannot see it: measure it on labelled images with --check DATA",
            )
    return form, scaling, remarks


def _find_form(model: keras.Model, path: Path, stated: StatedFacts, fit: Fit) -> InputForm:
    if len(model.inputs) != 1:
        raise ExportError(f"a classifier has one input, {str(path)!r} has {len(model.inputs)}")
    image_size, layout, order = stated.image_size, stated.layout, stated.order
    shape: tuple[int | None, ...] = tuple(model.inputs[0].shape[1:])
    channels: int | None
    full: tuple[int, ...]
    if len(shape) == 3 and set(shape[1:]) != {1}:
        layout = layout or _layout_of(shape)
        height, width, channels = (shape[1], shape[2], shape[0]) if layout is Layout.NCHW else shape
        rows, columns = input_size(str(path), height, width, image_size)
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
        rows, columns = input_size(str(path), shape[0], shape[1], image_size)
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
