"""Pre- and postprocessing of a foreign network, computed with numpy step by step, as its authors would.

The finished model file has to agree with this; `wrap` puts the same steps into the graph.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from edgecls.export.pixel_scaling import ChannelOrder, Layout, PixelScaling
from edgecls.image_spec import ImageSpec

__all__ = ["INT8_MIDDLE", "TINY", "BackgroundClass", "ForeignInput", "ForeignOutput", "Quantization", "Scores"]

TINY = 1e-30
"""Added to every probability before renormalisation, in case the background class took all of it."""

INT8_MIDDLE = 128
"""Subtracted from pixels for int8 inputs, as in TensorFlow Lite, whatever range the floats had."""


class Scores(StrEnum):
    """What a network outputs: logits, which need a softmax, or probabilities."""

    LOGITS = "logits"
    PROBABILITIES = "probabilities"


class BackgroundClass(StrEnum):
    """Position of the output for "none of these", which is dropped."""

    FIRST = "first"
    LAST = "last"
    NONE = "none"


@dataclass(frozen=True)
class ForeignInput:
    """The input of a network.

    Attributes:
        name: Of its only input.
        element_type: "float32", "float16", "uint8", or "int8" for pixels minus INT8_MIDDLE.
        layout: Order of its dimensions.
        order: Its channels.
        scaling: What pixels become; unused for uint8 and int8.
        spec: The images.
    """

    name: str
    element_type: str
    layout: Layout
    order: ChannelOrder
    scaling: PixelScaling
    spec: ImageSpec

    @property
    def sizes(self) -> tuple[int, int, int]:
        """The dimensions after the batch."""
        height, width, channels = self.spec.shape_hwc
        return (channels, height, width) if self.layout is Layout.NCHW else (height, width, channels)

    def prepare(self, batch_nhwc: npt.NDArray[np.uint8]) -> npt.NDArray[Any]:
        """Return what the network takes for a batch of images, uint8 ``[N, H, W, C]``, RGB or grey."""
        values: npt.NDArray[Any] = batch_nhwc[..., ::-1] if self.order is ChannelOrder.BGR else batch_nhwc
        if self.element_type == "int8":
            values = (values.astype(np.int16) - INT8_MIDDLE).astype(np.int8)
        elif self.element_type != "uint8":
            values = self.scaling.apply(values).astype(self.element_type)
        return np.ascontiguousarray(values.transpose(0, 3, 1, 2) if self.layout is Layout.NCHW else values)


@dataclass(frozen=True)
class Quantization:
    """The real value of an integer of a quantized network is ``(number - zero_point) * scale``."""

    scale: float
    zero_point: int


@dataclass(frozen=True)
class ForeignOutput:
    """The output of a network.

    Attributes:
        name: Of the output with the scores.
        element_type: Of the numbers, such as "float32".
        rank: Number of its dimensions, 2 or more; those after the second are 1.
        count: Number of scores.
        scores: What they are.
        background: Which of them is no label.
        quantization: Of integer scores; None for floats.
    """

    name: str
    element_type: str
    rank: int
    count: int
    scores: Scores
    background: BackgroundClass
    quantization: Quantization | None = None

    @property
    def must_be_summed(self) -> bool:
        """True for probabilities that need renormalisation: without the background class, or quantized."""
        return self.scores is Scores.PROBABILITIES and (
            self.background is not BackgroundClass.NONE or self.quantization is not None
        )

    @property
    def kept(self) -> range:
        """The positions of the scores that belong to labels."""
        return range(self.background is BackgroundClass.FIRST, self.count - (self.background is BackgroundClass.LAST))

    def finish(self, scores: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """Return the probabilities of the labels, float32 ``[N, labels]``, for what the network gave."""
        values: npt.NDArray[np.float64] = scores.reshape(len(scores), self.count).astype(np.float64)
        if self.quantization is not None:
            values = (values - self.quantization.zero_point) * self.quantization.scale
        kept = values[:, list(self.kept)]
        if self.scores is Scores.LOGITS:
            kept = np.exp(kept - kept.max(axis=1, keepdims=True))
        elif self.must_be_summed:
            kept = np.maximum(kept, 0) + TINY
        else:
            return kept.astype(np.float32)
        probabilities: npt.NDArray[np.float32] = (kept / kept.sum(axis=1, keepdims=True)).astype(np.float32)
        return probabilities
