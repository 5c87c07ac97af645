"""Perceptual hashes and the groups they form."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scenes import scene

from edgecls import image
from edgecls.dataset.similarity.groups import join_groups, near_groups
from edgecls.dataset.similarity.measures import (
    HASH_BITS,
    HASH_SPEC,
    NEAR_DISTANCE,
    Hashes,
    hash_distances,
    perceptual_hash,
)


def _hash(pixels: image.Pixels) -> Hashes:
    return perceptual_hash(image.fit(pixels, HASH_SPEC))


def _flip(one: Hashes, bits: range) -> Hashes:
    """Return a hash with some bits changed."""
    changed = np.unpackbits(one.view(np.uint8))
    changed[bits] ^= 1
    return np.packbits(changed).view(np.uint64)


def _as_jpeg(pixels: image.Pixels) -> image.Pixels:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=40)
    return image.decode(stream.getvalue())


def _turned_by_exif(pixels: image.Pixels) -> image.Pixels:
    exif = Image.Exif()
    exif[274] = 6
    stream = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(np.rot90(pixels))).save(stream, "JPEG", quality=95, exif=exif)
    return image.decode(stream.getvalue())


@pytest.mark.parametrize(
    "change",
    [
        lambda pixels: image.fit(pixels, HASH_SPEC),
        lambda pixels: pixels // 2 + 60,
        lambda pixels: np.asarray(Image.fromarray(pixels).convert("L").convert("RGB")),
        _as_jpeg,
        _turned_by_exif,
    ],
    ids=["other-size", "less-contrast", "grey", "jpeg", "exif-orientation"],
)
def test_an_edited_image_has_a_near_hash(change) -> None:  # type: ignore[no-untyped-def]
    for seed in range(5):
        pixels = scene(seed)
        assert hash_distances(_hash(change(pixels))[np.newaxis], _hash(pixels))[0] <= NEAR_DISTANCE // 2


def test_other_images_have_far_hashes() -> None:
    hashes = np.stack([_hash(scene(seed)) for seed in range(30)])

    distances = np.concatenate([hash_distances(hashes[index + 1 :], hashes[index]) for index in range(30)])

    assert distances.min() > 1.5 * NEAR_DISTANCE
    assert abs(distances.mean() - HASH_BITS / 2) < 8
    assert near_groups(hashes).tolist() == list(range(30))


def test_pairs_are_found_wherever_they_stand() -> None:
    hashes = np.random.default_rng(1).integers(0, 2**64, (9000, 4), np.uint64)
    # Across blocks of rows and of columns, side by side, and at the ends.
    for first, second in [(0, 8999), (31, 32), (4095, 4096), (40, 4500), (8997, 8998)]:
        hashes[second] = _flip(hashes[first], range(200, 200 + NEAR_DISTANCE))
    hashes[5001] = _flip(hashes[5000], range(NEAR_DISTANCE + 1))

    groups = near_groups(hashes)

    joined = {index: int(group) for index, group in enumerate(groups) if group != index}
    assert joined == {8999: 0, 32: 31, 4096: 4095, 4500: 40, 8998: 8997}


def test_a_chain_is_one_group() -> None:
    start = np.random.default_rng(2).integers(0, 2**64, 4, np.uint64)
    chain = [start]
    for step in range(4):
        chain.append(_flip(chain[-1], range(40 * step, 40 * step + 40)))

    assert near_groups(np.stack(chain[::-1])).tolist() == [0] * 5
    assert near_groups(np.stack(chain), max_distance=39).tolist() == [0, 1, 2, 3, 4]


@given(
    count=st.integers(1, 30),
    pairs=st.lists(st.lists(st.tuples(st.integers(0, 29), st.integers(0, 29)), min_size=1, max_size=20), max_size=3),
)
@settings(deadline=None)
def test_joining_gives_the_connected_components(count: int, pairs: list[list[tuple[int, int]]]) -> None:
    groups = np.arange(count)
    expected = list(range(count))
    for block in pairs:
        inside = [(first % count, second % count) for first, second in block]
        join_groups(groups, *np.array(inside).T)
        for first, second in inside:
            low, high = sorted((expected[first], expected[second]))
            expected = [low if group == high else group for group in expected]

    assert groups.tolist() == expected
