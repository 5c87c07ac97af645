"""The number formats that a network can be brought to."""

from enum import StrEnum

__all__ = ["ReducedPrecision"]


class ReducedPrecision(StrEnum):
    """What stands on the card as the precision.

    INT8: weights and activations of the layers are bytes; for processors.
    FLOAT16: weights and arithmetic are half-precision floats; for GPUs.
    """

    INT8 = "int8"
    FLOAT16 = "float16"
