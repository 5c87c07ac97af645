"""What the bytes and pixels of images say."""

import hashlib
import os
from pathlib import Path

import numpy as np
import pytest
from encoded_images import Encoded, encodings
from scenes import write_scene

from edgecls import image
from edgecls.dataset.similarity.fingerprints import Fingerprint, UnusableImage, fingerprint_images, is_cut_short

ENCODINGS = encodings()
WITH_AN_END = ("jpeg", "png", "gif", "webp", "bmp")


@pytest.mark.parametrize("encoded", ENCODINGS.values(), ids=ENCODINGS)
def test_every_encoding_is_fingerprinted(encoded: Encoded, tmp_path: Path) -> None:
    path = tmp_path / "照片.img"
    path.write_bytes(encoded.data)

    (image,) = fingerprint_images([path], workers=1)

    assert isinstance(image, Fingerprint)
    assert (image.height, image.width) == encoded.expected.shape[:2]
    assert image.sha256 == hashlib.sha256(encoded.data).hexdigest()
    assert not image.is_blank
    assert abs(sum(image.tint)) < 1e-6


@pytest.mark.parametrize("name", [name for name in ENCODINGS if name.startswith(WITH_AN_END)])
def test_a_whole_file_has_its_end_and_a_cut_one_has_not(name: str) -> None:
    data = ENCODINGS[name].data

    assert not is_cut_short(data)
    assert is_cut_short(data[: len(data) * 9 // 10])


def test_images_come_in_order_and_faults_among_them(tmp_path: Path) -> None:
    paths = [write_scene(tmp_path / f"{seed}.png", seed) for seed in range(20)]
    paths[7].write_bytes(paths[7].read_bytes()[:500])
    paths[9].write_text("no image")
    paths[11].unlink()
    os.mkfifo(paths[11])  # to read it would be to wait for ever
    paths[13].unlink()

    found = list(fingerprint_images(paths, workers=3))

    assert [image.path for image in found] == paths
    faults = {index: image for index, image in enumerate(found) if isinstance(image, UnusableImage)}
    assert {index: fault.cut_short for index, fault in faults.items()} == {7: True, 9: False, 11: False, 13: False}
    assert "cut short" in str(faults[7].reason)
    assert "no such file" in str(faults[13].reason)


@pytest.mark.parametrize(
    ("noise", "is_blank"), [(0.0, True), (2.0, True), (30.0, False)], ids=["plain", "faint-noise", "noise"]
)
def test_nearly_one_colour_is_blank(tmp_path: Path, noise: float, is_blank: bool) -> None:
    pixels = 120 + np.random.default_rng(0).normal(0, noise, (64, 64, 3)) if noise else np.full((64, 64, 3), 120)
    path = tmp_path / "a.png"
    path.write_bytes(image.encode_png(pixels.astype(np.uint8)))

    (encoded,) = fingerprint_images([path], workers=1)

    assert isinstance(encoded, Fingerprint)
    assert encoded.is_blank is is_blank
