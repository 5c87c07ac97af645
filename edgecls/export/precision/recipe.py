"""How bytes stand for numbers in an int8 network: that depends on the processor that will multiply them."""

from dataclasses import dataclass
from enum import StrEnum

from edgecls.runtime.machine.processor import Processor

__all__ = ["RECIPES", "Int8Recipe", "ReducedPrecision", "recipe_for"]


@dataclass(frozen=True)
class Int8Recipe:
    """Number formats of an int8 network. Weights are signed, symmetric, with a scale for each channel.

    Attributes:
        name: What it is called on the command line and in the model file.
        signed_activations: Activations are int8, else uint8; both with a zero point, so that Relu and Clip vanish.
        weight_bits: 8, or 7 where a sum of two products of bytes must fit into 16 bits.
    """

    name: str
    signed_activations: bool
    weight_bits: int

    def __str__(self) -> str:
        activations = "int8" if self.signed_activations else "uint8"
        return f"{self.name} (activations {activations}, weights {self.weight_bits} bits)"


RECIPES = {
    recipe.name: recipe
    for recipe in (
        Int8Recipe("x86-vnni", signed_activations=False, weight_bits=8),
        Int8Recipe("x86", signed_activations=False, weight_bits=7),
        Int8Recipe("arm", signed_activations=True, weight_bits=8),
    )
}
"""As onnxruntime's guide advises for each kind of processor."""


def recipe_for(processor: Processor) -> Int8Recipe:
    """Return the recipe for a processor. One that nobody knows gets the recipe that is right on all of them."""
    if processor.is_arm:
        return RECIPES["arm"]
    return RECIPES["x86-vnni" if processor.is_x86 and processor.has_byte_dot_products else "x86"]


class ReducedPrecision(StrEnum):
    """What stands on the card as the precision.

    INT8: weights and activations of the layers are bytes; for processors.
    FLOAT16: weights and arithmetic are half-precision floats; for GPUs.
    """

    INT8 = "int8"
    FLOAT16 = "float16"
