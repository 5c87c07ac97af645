"""HEIC images: upright, opaque, 8 bits, whatever they store; sizes are known before anything is decoded."""

import importlib.util
import io
import struct
import subprocess
import sys
from typing import Any

import numpy as np
import numpy.typing as npt
import pillow_heif
import pytest
from encoded_images import encodings
from PIL import Image

from edgecls import image
from edgecls.errors import ImageDecodeError, ImageTooLargeError, UnsupportedImageError
from edgecls.image_formats import read_header
from edgecls.image_limits import ImageLimits
from edgecls.image_spec import Color

RGB = encodings()["png-rgb"].expected
PHOTO = Image.fromarray(RGB)
HEIGHT, WIDTH = RGB.shape[:2]
ORIENTATION_TAG = 0x0112


def _heic(source: Image.Image | pillow_heif.HeifFile, **options: Any) -> bytes:
    heif = pillow_heif.from_pillow(source) if isinstance(source, Image.Image) else source
    stream = io.BytesIO()
    heif.save(stream, quality=95, chroma=444, **options)
    return stream.getvalue()


def _difference(data: bytes, expected: npt.NDArray[Any], **options: Any) -> float:
    pixels = image.decode(data, **options)
    assert pixels.dtype == np.uint8
    assert pixels.shape == expected.shape
    return float(np.abs(pixels.astype(int) - expected).mean())


@pytest.mark.parametrize("size", [(64, 64), (33, 57), (57, 33), (1, 1), (130, 70)])
def test_any_size_is_known_before_decoding_and_decoded(size: tuple[int, int]) -> None:
    photo = PHOTO.resize(size)
    data = _heic(photo)

    assert read_header(data, name="photo").upright_hw == size[::-1]
    assert _difference(data, np.asarray(photo)) < 2


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("size", [(WIDTH, HEIGHT), (33, 57)])
def test_a_turned_image_is_turned_once(orientation: int, size: tuple[int, int]) -> None:
    exif = Image.Exif()
    exif[ORIENTATION_TAG] = orientation
    photo = PHOTO.resize(size)
    data = _heic(photo, exif=exif.tobytes())
    stream = io.BytesIO()
    photo.save(stream, "PNG", exif=exif)

    assert read_header(data, name="photo").upright_hw == image.decode(stream.getvalue()).shape[:2]
    assert _difference(data, image.decode(stream.getvalue())) < 2


def test_an_image_of_tiles_is_decoded_whole() -> None:
    photo = PHOTO.resize((150, 130))

    assert _difference(_heic(photo, tile_size=64), np.asarray(photo)) < 2


def test_transparency_is_laid_over_white() -> None:
    rgba = PHOTO.convert("RGBA")
    rgba.putalpha(100)
    expected = (RGB.astype(int) * 100 + 255 * 155) / 255

    assert _difference(_heic(rgba), expected) < 2


def test_colours_that_are_multiplied_by_their_alpha_are_not_multiplied_again() -> None:
    stored = np.dstack([RGB.astype(np.uint16) * 100 // 255, np.full((HEIGHT, WIDTH), 100)]).astype(np.uint8)
    data = _heic(pillow_heif.from_bytes(mode="RGBa", size=(WIDTH, HEIGHT), data=stored.tobytes()))
    expected = (RGB.astype(int) * 100 + 255 * 155) / 255

    assert _difference(data, expected) < 2.5


def test_more_bits_become_8_in_colour_and_in_grey() -> None:
    size, gray = (WIDTH, HEIGHT), np.asarray(PHOTO.convert("L"))
    colors = pillow_heif.from_bytes(mode="RGB;16", size=size, data=(RGB.astype(np.uint16) * 257).tobytes())
    luminance = pillow_heif.from_bytes(mode="I;16", size=size, data=(gray.astype(np.uint16) * 257).tobytes())

    assert _difference(_heic(colors), RGB) < 2
    assert _difference(_heic(luminance), gray[:, :, np.newaxis], color=Color.GRAY) < 1


def test_a_grey_image_has_the_channels_wanted() -> None:
    gray = np.asarray(PHOTO.convert("L"))[:, :, np.newaxis]
    data = _heic(PHOTO.convert("L"))

    assert _difference(data, gray, color=Color.GRAY) < 1
    assert _difference(data, np.repeat(gray, 3, axis=2)) < 1
    assert _difference(_heic(PHOTO), gray, color=Color.GRAY) < 2


def test_the_main_image_of_several_is_decoded() -> None:
    two = pillow_heif.from_pillow(PHOTO.rotate(180))
    two.add_from_pillow(PHOTO)

    assert _difference(_heic(two, primary_index=1), RGB) < 2


@pytest.mark.parametrize("share", [0.02, 0.2, 0.5, 0.9, 0.999])
def test_one_that_is_cut_short_is_refused(share: float) -> None:
    data = _heic(PHOTO)

    with pytest.raises(ImageDecodeError, match=r"cut short|damaged"):
        image.decode(data[: int(share * len(data))], name="photo.heic")


def test_pixels_stay_what_they_are_when_memory_is_used_again() -> None:
    script = (
        "import sys, numpy as np\n"
        "from edgecls import image\n"
        "data = sys.stdin.buffer.read()\n"
        "pixels = [image.decode(data) for _ in range(4)]\n"
        "print(*(int(each.astype(int).sum()) for each in pixels))\n"
    )
    data = _heic(PHOTO)
    sums = {
        subprocess.run(
            [sys.executable, "-c", script], input=data, capture_output=True, check=True, env={"MALLOC_PERTURB_": fill}
        ).stdout
        for fill in ("1", "170")
    }

    assert len(sums) == 1
    assert len(set(sums.pop().split())) == 1


def test_a_size_above_the_limit_is_refused_before_decoding() -> None:
    with pytest.raises(ImageTooLargeError, match=f"{WIDTH}x{HEIGHT}"):
        image.decode(_heic(PHOTO), limits=ImageLimits(max_pixels=WIDTH * HEIGHT - 1))


@pytest.mark.parametrize("claimed", [(8, 8), (4000, 4000)])
def test_a_false_size_is_refused(claimed: tuple[int, int]) -> None:
    data = bytearray(_heic(PHOTO.resize((1024, 1024))))
    at = -1
    while (at := data.find(b"ispe", at + 1)) >= 0:
        struct.pack_into(">II", data, at + 8, *claimed)

    with pytest.raises(ImageDecodeError):
        image.decode(bytes(data))


def test_without_the_package_the_message_names_what_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == "pi_heif" else find_spec(name))

    with pytest.raises(UnsupportedImageError, match=r"'IMG_0001.HEIC'.*pip install \"edgecls\[heic\]\""):
        image.decode(_heic(PHOTO), name="IMG_0001.HEIC")
