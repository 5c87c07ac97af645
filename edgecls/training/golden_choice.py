"""Which pictures become golden samples."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edgecls.dataset.pixels.pixel_cache import CachedPictures
from edgecls.export.proof import MAX_GOLDEN_SAMPLES

__all__ = ["golden_pictures"]

MIN_GOLDEN_SAMPLES = 4  # where there are so many pictures held out


def golden_pictures(cached: CachedPictures, held_out: Sequence[int]) -> dict[str, npt.NDArray[np.uint8]]:
    """Return a few pictures held out of training: one of each label while they last, then a second one.

    They are named by label and file: a model file that travels says nothing about the folders of its maker.

    Args:
        cached: All pictures.
        held_out: Indices of those held out.
    """
    seen: Counter[int] = Counter()
    ranked = []
    for index in held_out:
        label = int(cached.label_ids[index])
        ranked.append((seen[label], label, index))
        seen[label] += 1
    count = min(MAX_GOLDEN_SAMPLES, max(MIN_GOLDEN_SAMPLES, len(cached.labels)))
    chosen = [index for _, _, index in sorted(ranked)[:count]]
    return {
        f"{cached.labels[cached.label_ids[index]]}/{Path(cached.names[index]).name}": cached.pixels[index]
        for index in chosen
    }
