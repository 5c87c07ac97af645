"""The familiarity that an image must have to be known: as the model file says, or as users choose it."""

import math
import re

from edgecls.errors import ModelFileError
from edgecls.model_card import ModelCard

__all__ = ["OFF", "MinFamiliarity", "familiarity_threshold", "read_min_familiarity"]

OFF = "off"
"""No image is unknown because of its familiarity."""

MinFamiliarity = float | str
"""A familiarity; or a text as `read_min_familiarity` takes it."""

_PERCENT = re.compile(r"([0-9]{1,3}(?:\.[0-9]+)?) ?%")


def read_min_familiarity(given: MinFamiliarity) -> MinFamiliarity:
    """Return what users choose in its usual form.

    Args:
        given: A familiarity, as a number or text; a proportion in percent as in "95%", which stands for the threshold
            that accepts so many of the images held out in training; or OFF.

    Raises:
        ValueError: It is something else.
    """
    if isinstance(given, str):
        percent = _PERCENT.fullmatch(given.strip())
        if percent is not None:
            return f"{float(percent[1]):g}%"
        if given.strip().lower() == OFF:
            return OFF
    try:
        number = math.nan if isinstance(given, bool) else float(given)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(
            f"min_familiarity is the proportion of familiar images to accept, as in '95%', a familiarity, or {OFF!r}; "
            f"got {given!r}"
        )
    return number


def familiarity_threshold(card: ModelCard, given: MinFamiliarity | None) -> float | None:
    """Return the familiarity below which an image is unknown; None if none is.

    Args:
        card: Of the model.
        given: As `read_min_familiarity` takes it; None for the threshold of the model file, if it has one.

    Raises:
        ModelFileError: The model does not judge familiarity, or has no threshold for that proportion.
        ValueError: As `read_min_familiarity`.
    """
    chosen = None if given is None else read_min_familiarity(given)
    if chosen == OFF:
        return None
    if card.familiarity is None:
        if chosen is None:
            return None
        raise ModelFileError(
            f"model {card.name!r} does not judge familiarity, so min_familiarity cannot be {chosen}; add it with "
            "'edgecls export --familiarity DIR', where DIR has the training images"
        )
    if chosen is None:
        return card.familiarity.threshold
    if isinstance(chosen, float):
        return chosen
    levels = {f"{100 * level.accepted:g}%": level.threshold for level in card.familiarity.levels}
    if chosen not in levels:
        known = ", ".join(levels) or "none"
        raise ModelFileError(
            f"model {card.name!r} has no threshold of familiarity for {chosen} of the images; it has those for: {known}"
        )
    return levels[chosen]
