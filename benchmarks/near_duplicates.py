"""How far apart are a photo and its edited copies, in bits of the perceptual hash?

`edgecls data check` and `split` treat images as duplicates if their hashes differ in few of 256 bits. Photos are
edited as people and sites do; the pairs found among the photos themselves are listed too.

    python benchmarks/near_duplicates.py --data FOLDER [--images 450]
"""

import argparse
import itertools
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from measure import machine_facts, write_results

from edgecls import image
from edgecls.dataset.formats.read import read_dataset
from edgecls.dataset.similarity.groups import near_groups
from edgecls.dataset.similarity.measures import HASH_SPEC, NEAR_DISTANCE, hash_distances, perceptual_hash

Pixels = image.Pixels


def _scaled(pixels: Pixels, factor: float) -> Pixels:
    return cv2.resize(pixels, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)


def _jpeg(pixels: Pixels, quality: int) -> Pixels:
    return image.decode(image.encode_jpeg(pixels, quality=quality))


def _brighter(pixels: Pixels) -> Pixels:
    return np.clip(pixels.astype(np.int16) + 30, 0, 255).astype(np.uint8)


def _gamma(pixels: Pixels) -> Pixels:
    return (255 * (pixels / 255.0) ** 0.7).astype(np.uint8)


def _grey(pixels: Pixels) -> Pixels:
    return cv2.cvtColor(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)


def _cropped(pixels: Pixels, part: float) -> Pixels:
    rows, columns = (round(part * side) for side in pixels.shape[:2])
    return pixels[rows : pixels.shape[0] - rows, columns : pixels.shape[1] - columns]


def _marked(pixels: Pixels) -> Pixels:
    marked = pixels.copy()
    rows, columns = (round(0.02**0.5 * side) for side in pixels.shape[:2])
    marked[-rows:, -columns:] = 255
    return marked


EDITS: dict[str, Callable[[Pixels], Pixels]] = {
    "half the size": lambda pixels: _scaled(pixels, 0.5),
    "JPEG quality 30": lambda pixels: _jpeg(pixels, 30),
    "100 pixels wide, JPEG quality 60": lambda pixels: _jpeg(_scaled(pixels, 100 / pixels.shape[1]), 60),
    "brighter by 30": _brighter,
    "gamma 0.7": _gamma,
    "grey": _grey,
    "2 % cut away on every side": lambda pixels: _cropped(pixels, 0.02),
    "a white mark over 2 % of the image, in a corner": _marked,
    "5 % cut away on every side": lambda pixels: _cropped(pixels, 0.05),
}


def _hash(pixels: Pixels) -> Any:
    return perceptual_hash(image.fit(pixels, HASH_SPEC))


def main() -> None:
    """Measure, print and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="a dataset in any form")
    parser.add_argument("--images", type=int, default=450, help="that are edited")
    arguments = parser.parse_args()
    paths = sorted(read_dataset(arguments.data).whole.paths)
    hashes = np.stack([perceptual_hash(image.decode_to_fit(image.read_file(path), HASH_SPEC)) for path in paths])
    step = max(1, len(paths) // arguments.images)
    edited = [image.decode(image.read_file(path)) for path in paths[::step]]
    print(f"{machine_facts()['processor']}, {len(paths)} images, {len(edited)} of them edited")
    rows = []
    for name, edit in EDITS.items():
        bits = [int(hash_distances(_hash(edit(pixels))[np.newaxis], _hash(pixels))[0]) for pixels in edited]
        rows.append({"edit": name, "median_bits": statistics.median(bits), "largest_bits": max(bits)})
        print(f"{name:50} median {rows[-1]['median_bits']:5.1f}, largest {max(bits)}")
    groups = near_groups(hashes)
    pairs = sum(int(one == other) for one, other in itertools.pairwise(np.sort(groups).tolist()))
    apart = [int(bits) for index in range(0, len(hashes), step) for bits in hash_distances(hashes, hashes[index])]
    results = {
        "images": len(paths),
        "edited": len(edited),
        "near_distance": NEAR_DISTANCE,
        "edits": rows,
        "near_images": pairs,
        "median_bits_apart": statistics.median(apart),
    }
    print(f"within {NEAR_DISTANCE} bits of an earlier one: {pairs} images")
    print(f"wrote {write_results('near_duplicates', results)}")


if __name__ == "__main__":
    main()
