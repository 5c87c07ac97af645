"""Whether a processor may get the arithmetic of an int8 network wrong."""

from edgecls.model_card import ModelCard

__all__ = ["may_overflow_here"]

NEEDS_DOT_PRODUCTS = "x86-vnni"  # the recipe of `edgecls quantize` whose weights have all of their 8 bits


def may_overflow_here(card: ModelCard) -> bool:
    """True for networks made for processors that add products of bytes up in 32 bits, unless this is known to be one.

    Others add them up in 16 bits, silently cut off at the ends; only a look at the answers tells whether that matters.
    """
    if card.training.get("int8_recipe") != NEEDS_DOT_PRODUCTS:
        return False
    from edgecls.runtime.machine import processor

    here = processor.read_processor()
    return here.is_x86 and not here.has_byte_dot_products
