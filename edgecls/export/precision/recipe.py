"""Reduced precisions, and the number formats of int8, which depend on the target processor."""

from dataclasses import dataclass
from enum import StrEnum

from edgecls.runtime.machine.processor import Processor

__all__ = ["RECIPES", "Int8Recipe", "ReducedPrecision", "recipe_for"]


class ReducedPrecision(StrEnum):
    """Precisions other than float32, as recorded on the model card.

    INT8: weights and activations of the layers are bytes; for CPUs.
    FLOAT16: weights and arithmetic are half-precision floats; for GPUs.
    """

    INT8 = "int8"
    FLOAT16 = "float16"


@dataclass(frozen=True)
class Int8Recipe:
    """Number formats of an int8 network. Weights are signed and symmetric, with a scale per channel.

    Attributes:
        name: On the command line and in the model file.
        signed_activations: Activations are int8, else uint8; both have a zero point, so that Relu and Clip disappear.
        weight_bits: 8, or 7 where the sum of two products must fit into 16 bits.
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
"""As onnxruntime's guide recommends for each kind of processor."""


def recipe_for(processor: Processor) -> Int8Recipe:
    """Return the recipe for a processor; an unknown one gets the recipe that is correct everywhere."""
    if processor.is_arm:
        return RECIPES["arm"]
    return RECIPES["x86-vnni" if processor.is_x86 and processor.has_byte_dot_products else "x86"]
