"""Features that classical models look at, as parts of an ONNX network.

There is no other definition of them: training runs the same network through onnxruntime, so that
training and use cannot differ.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from edgecls.errors import ModelConfigError
from edgecls.image_spec import Color, ImageSpec
from edgecls.modelfile import FEATURES_NAME, INPUT_NAME
from edgecls.models.classical.graph import FLOAT, INCLUDED_PREFIX, Graph
from edgecls.runtime.execution.onnxruntime_network import open_raw_network

__all__ = [
    "BACKBONE_TENSOR",
    "MAX_FEATURES",
    "Backbone",
    "Features",
    "add_features",
    "default_features",
    "feature_count",
    "features_network",
    "open_features",
]

MAX_FEATURES = 65_536
"""For one image; beyond that a classical model learns nothing but takes all the memory."""

BACKBONE_TENSOR = f"{INCLUDED_PREFIX}{FEATURES_NAME}"
"""The features of a backbone within a network that was made on it, before they are normalised."""

CELL = 8  # pixels, side of a cell
BLOCK = 2  # cells, side of a block
ORIENTATIONS = 9  # over half a turn: light on dark counts like dark on light
CLIP = 0.2  # of a normalised block: keeps one strong edge from drowning the others
WEAK_EDGE = 1.0  # grey levels: blocks with weaker edges than that, such as noise, stay small
SHADES = 4  # of red, of green and of blue: 64 colours in all
SMALLEST_LENGTH = 1e-6  # of a backbone's features: those of a blank image may all be zero
COLOR_WEIGHT = 4.0  # length of the colour histogram; each block of edges has length 1


class Features(StrEnum):
    """What a classical model looks at.

    PIXELS: every value of the image, 0 to 1.
    HOG: histograms of oriented gradients: where edges run in which direction, whatever the light.
    HOG_COLOR: the same, and a histogram of the colours in the whole image.
    BACKBONE: the pooled features of a network that was trained on other images, as a direction.
    """

    PIXELS = "pixels"
    HOG = "hog"
    HOG_COLOR = "hog_color"
    BACKBONE = "backbone"


@dataclass(frozen=True)
class Backbone:
    """A network that turns an image into features.

    Attributes:
        name: What to call it in messages and on the model card.
        image: The input image that it takes.
        width: Number of its features.
        network: An onnx.ModelProto of the opset of `Graph`: input "image", uint8 ``[N, H, W, C]``; output "features",
            float32 ``[N, width]``, not normalised.
    """

    name: str
    image: ImageSpec
    width: int
    network: Any = field(repr=False)


def default_features(color: Color) -> Features:
    """Return what suits images of this colour: edges, and colours where there are any."""
    return Features.HOG_COLOR if color is Color.RGB else Features.HOG


def feature_count(features: Features, spec: ImageSpec, backbone: Backbone | None = None) -> int:
    """Return the number of features of one image.

    Args:
        features: What is looked at.
        spec: The image.
        backbone: The network, for Features.BACKBONE.

    Raises:
        ModelConfigError: The image is too small for these features, it is grey and they need colour, there would be
            more than MAX_FEATURES, or the backbone is missing or takes other images.
    """
    if features is Features.BACKBONE:
        return _of_these_images(backbone, spec).width
    if features is Features.HOG_COLOR and spec.color is Color.GRAY:
        raise ModelConfigError(f"{features} takes colour images, these are grey; use {Features.HOG}, or colour")
    if features is Features.PIXELS:
        count = spec.height * spec.width * spec.channels
    else:
        smallest = CELL * BLOCK
        if min(spec.height, spec.width) < smallest:
            raise ModelConfigError(
                f"HOG features take images of at least {smallest}x{smallest} pixels, got {spec.width}x{spec.height}; "
                "give a larger image size, or use the pixels themselves"
            )
        rows, columns = spec.height // CELL - BLOCK + 1, spec.width // CELL - BLOCK + 1
        count = rows * columns * BLOCK**2 * ORIENTATIONS
        count += SHADES**3 if features is Features.HOG_COLOR else 0
    if count > MAX_FEATURES:
        raise ModelConfigError(
            f"an image of {spec.width}x{spec.height} {spec.color} has {count} features ({features}), "
            f"at most {MAX_FEATURES} are allowed; give a smaller image size"
        )
    return count


def add_features(graph: Graph, features: Features, spec: ImageSpec, backbone: Backbone | None = None) -> str:
    """Add the features of a graph's images to it and return their name: float32, ``[N, F]``.

    The arguments are those of `feature_count`.
    """
    if features is Features.BACKBONE:
        backbone = _of_these_images(backbone, spec)
        pooled = graph.include(backbone.network, FEATURES_NAME)
        direction = graph.unit_length(pooled, extra=SMALLEST_LENGTH)
        return graph.node("Mul", direction, graph.constant(math.sqrt(backbone.width)))  # values of about 1
    values = graph.node("Cast", graph.image, to=FLOAT)
    if features is Features.PIXELS:
        return graph.node("Flatten", graph.node("Div", values, graph.constant(255)), axis=1)
    images = graph.node("Transpose", values, perm=[0, 3, 1, 2])
    edges = graph.node("Flatten", _add_hog(graph, images, spec), axis=1)
    if features is Features.HOG:
        return edges
    colors = graph.node("Flatten", _add_colors(graph, images, spec), axis=1)
    return graph.node("Concat", edges, colors, axis=1)


def features_network(features: Features, spec: ImageSpec, backbone: Backbone | None = None) -> bytes:
    """Return the network from images to features, with the nodes that `add_features` adds and nothing more.

    The arguments are those of `feature_count`. Its output is called FEATURES_NAME.

    Raises:
        ModelConfigError: As `feature_count`.
        MissingExtraError: onnx is not installed.
    """
    width = feature_count(features, spec, backbone)
    graph = Graph(spec)
    return graph.to_bytes(add_features(graph, features, spec, backbone), name=FEATURES_NAME, width=width)


def open_features(
    features: Features, spec: ImageSpec, backbone: Backbone | None = None, *, intra_op_threads: int
) -> Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.float32]]:
    """Return a function from images, ``[N, H, W, C]``, to their features, ``[N, F]``.

    It runs `features_network`.

    Raises:
        ModelConfigError: As `feature_count`.
        MissingExtraError: onnx or onnxruntime is not installed.
    """
    onnx = features_network(features, spec, backbone)
    network = open_raw_network(onnx, name=f"features {features}", intra_op_threads=intra_op_threads)

    def rows(images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        return network.run(images, input_name=INPUT_NAME)[FEATURES_NAME].astype(np.float32, copy=False)

    return rows


def _of_these_images(backbone: Backbone | None, spec: ImageSpec) -> Backbone:
    if backbone is None:
        raise ModelConfigError(f"features of a {Features.BACKBONE} need a network that computes them; give one")
    if backbone.image.shape_hwc != spec.shape_hwc:
        wanted, given = (f"{one.width}x{one.height} {one.color}" for one in (backbone.image, spec))
        raise ModelConfigError(
            f"backbone {backbone.name!r} takes images of {wanted}, not of {given}; leave size and colour out"
        )
    return backbone


def _add_hog(graph: Graph, images: str, spec: ImageSpec) -> str:
    """Add histograms of oriented gradients; `images` is ``[N, C, H, W]``, 0 to 255.

    Source:
        Dalal and Triggs, "Histograms of Oriented Gradients for Human Detection", CVPR 2005: gradients by
        [-1, 0, 1], of the channel where they are strongest; 9 orientations over half a turn; cells of 8x8
        pixels, each pixel voting for the nearest cells and orientations in proportion; blocks of
        2x2 cells, overlapping, L2-Hys. Differs from it: pixels beyond the border repeat it, cells start
        at the top left (a strip narrower than a cell may be left over at the other end), no weighting
        within a block.
    """
    magnitude, angle = _add_gradients(graph, images, spec)
    votes = graph.node("Mul", magnitude, _add_orientation_shares(graph, angle))
    return _add_blocks(graph, _add_cells(graph, votes))


def _add_gradients(graph: Graph, images: str, spec: ImageSpec) -> tuple[str, str]:
    """Add strength, in grey levels, and angle, -pi/2 to pi/2, of each pixel's gradient: ``[N, 1, H, W]``."""
    padded = graph.node("Pad", images, graph.constant([0, 0, 1, 1, 0, 0, 1, 1], np.int64), mode="edge")
    across = np.zeros((3, 3))
    across[1] = (-1, 0, 1)
    parts = []
    for kernel in (across, across.T):
        weights = graph.constant(np.tile(kernel, (spec.channels, 1, 1, 1)))
        parts.append(graph.node("Conv", padded, weights, group=spec.channels))
    squared = graph.node("Add", *(graph.node("Mul", part, part) for part in parts))
    if spec.channels > 1:
        strongest = graph.node("ArgMax", squared, axis=1, keepdims=1)
        squared, *parts = (graph.node("GatherElements", part, strongest, axis=1) for part in (squared, *parts))
    along_x, along_y = parts
    # Gradients are whole numbers, so that a millionth is as good as zero.
    upright = graph.node("Equal", along_x, graph.constant(0))
    divisor = graph.node("Where", upright, graph.constant(1e-6), along_x)
    return graph.node("Sqrt", squared), graph.node("Atan", graph.node("Div", along_y, divisor))


def _add_orientation_shares(graph: Graph, angle: str) -> str:
    """Add each pixel's shares in the two orientations next to its own: ``[N, ORIENTATIONS, H, W]``."""
    turned = graph.node("Mul", angle, graph.constant(ORIENTATIONS / np.pi))
    centres = np.arange(ORIENTATIONS) - (ORIENTATIONS - 1) / 2
    away = graph.node("Abs", graph.node("Sub", turned, graph.constant(centres.reshape(1, -1, 1, 1))))
    other_way = graph.node("Sub", graph.constant(ORIENTATIONS), away)
    distance = graph.node("Min", away, other_way)
    return graph.node("Relu", graph.node("Sub", graph.constant(1), distance))


def _add_cells(graph: Graph, votes: str) -> str:
    """Add the histograms of the cells: ``[N, ORIENTATIONS, rows, columns]``."""
    ramp = 1 - np.abs(np.arange(2 * CELL) - CELL + 0.5) / CELL  # 1 at a cell's centre, 0 at its neighbours' centres
    shares = np.outer(ramp, ramp) / CELL**2
    weights = graph.constant(np.tile(shares, (ORIENTATIONS, 1, 1, 1)))
    return graph.node("Conv", votes, weights, group=ORIENTATIONS, strides=[CELL] * 2, pads=[CELL // 2] * 4)


def _add_blocks(graph: Graph, cells: str) -> str:
    """Add the normalised blocks: ``[N, BLOCK * BLOCK * ORIENTATIONS, rows, columns]``."""
    corners = []
    far = np.iinfo(np.int64).max
    for row in range(BLOCK):
        for column in range(BLOCK):
            starts = graph.constant([row, column], np.int64)
            ends = graph.constant([row - BLOCK + 1 or far, column - BLOCK + 1 or far], np.int64)
            corners.append(graph.node("Slice", cells, starts, ends, graph.constant([2, 3], np.int64)))
    blocks = graph.node("Concat", *corners, axis=1)
    clipped = graph.node("Min", _add_unit_length(graph, blocks, WEAK_EDGE**2), graph.constant(CLIP))
    return _add_unit_length(graph, clipped, 1e-6)


def _add_unit_length(graph: Graph, blocks: str, extra: float) -> str:
    squares = graph.node("ReduceSumSquare", blocks, graph.constant([1], np.int64), keepdims=1)
    return graph.node("Div", blocks, graph.node("Sqrt", graph.node("Add", squares, graph.constant(extra))))


def _add_colors(graph: Graph, images: str, spec: ImageSpec) -> str:
    """Add a histogram of red, green and blue together: ``[N, SHADES * SHADES, SHADES]``.

    Each pixel votes for the colours around its own in proportion. The square root of the votes makes
    Euclidean distances those of Hellinger: a colour that is there at all counts for more.
    """
    pixels = spec.height * spec.width
    flat = graph.node("Reshape", images, graph.constant([0, 3, 1, pixels], np.int64))
    position = graph.node("Mul", flat, graph.constant((SHADES - 1) / 255))
    away = graph.node("Abs", graph.node("Sub", position, graph.constant(np.arange(SHADES).reshape(1, 1, -1, 1))))
    shares = graph.node("Relu", graph.node("Sub", graph.constant(1), away))
    red, green, blue = (
        graph.node("Gather", shares, graph.constant(channel, np.int64), axis=1) for channel in range(spec.channels)
    )
    red_by_green = graph.node(
        "Mul",
        graph.node("Unsqueeze", red, graph.constant([2], np.int64)),
        graph.node("Unsqueeze", green, graph.constant([1], np.int64)),
    )
    pairs = graph.node("Reshape", red_by_green, graph.constant([0, SHADES**2, pixels], np.int64))
    votes = graph.node("MatMul", pairs, graph.node("Transpose", blue, perm=[0, 2, 1]))
    return graph.node("Sqrt", graph.node("Mul", votes, graph.constant(COLOR_WEIGHT**2 / pixels)))
