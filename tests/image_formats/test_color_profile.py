"""Colours of images in Display P3, Adobe RGB and the like become those of sRGB, in every format that has profiles."""

import io
import logging
import struct
import zlib
from typing import Any

import numpy as np
import pillow_heif
import pytest
from encoded_images import encodings
from icc_profiles import (
    ADOBE_RGB,
    BT_2020,
    DISPLAY_P3,
    SRGB_PROFILE,
    SRGB_TABLE_PROFILE,
    TONE_CURVES,
    parametric,
    profile_of,
    table,
)
from PIL import Image, ImageCms

from edgecls import image
from edgecls.image_formats import read_header
from edgecls.image_formats.color_profile import profile_of_primaries, srgb_conversion
from edgecls.image_formats.iso_media import color_profile
from edgecls.image_spec import Color, ImageSpec

RGB = encodings()["png-rgb"].expected
PHOTO = Image.fromarray(RGB)


def _saved(source: Image.Image, encoding: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    source.save(stream, encoding, **options)
    return stream.getvalue()


def _heic(**options: Any) -> bytes:
    heif = pillow_heif.from_pillow(PHOTO)
    heif.info["icc_profile"], heif.info["icc_profile_type"] = options["icc_profile"], "prof"
    stream = io.BytesIO()
    heif.save(stream, quality=100, chroma=444)
    return stream.getvalue()


def _converted_by_little_cms(profile: bytes) -> np.ndarray[Any, Any]:
    given = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    converted = ImageCms.profileToProfile(PHOTO, given, ImageCms.createProfile("sRGB"), renderingIntent=1)
    assert converted is not None
    return np.asarray(converted)


ENCODERS = {
    "jpeg": lambda **options: _saved(PHOTO, "JPEG", quality=100, subsampling=0, **options),
    "jpeg-progressive": lambda **options: _saved(
        PHOTO, "JPEG", quality=100, subsampling=0, progressive=True, **options
    ),
    "png": lambda **options: _saved(PHOTO, "PNG", **options),
    "webp": lambda **options: _saved(PHOTO, "WEBP", lossless=True, **options),
    "tiff": lambda **options: _saved(PHOTO, "TIFF", **options),
    "avif": lambda **options: _saved(PHOTO, "AVIF", quality=100, subsampling="4:4:4", **options),
    "heic": _heic,
}


@pytest.mark.parametrize("form", ENCODERS)
@pytest.mark.parametrize("profile", [DISPLAY_P3, ADOBE_RGB], ids=["Display P3", "Adobe RGB"])
def test_every_format_with_a_profile_is_converted_as_little_cms_does_it(form: str, profile: bytes) -> None:
    data = ENCODERS[form](icc_profile=profile)
    expected = _converted_by_little_cms(profile)

    assert read_header(data, name="photo").color_profile == profile
    pixels = image.decode(data)
    assert np.abs(pixels.astype(int) - expected).mean() < 1.5
    assert np.abs(expected.astype(int) - RGB).mean() > 3


def _by_number(form: str, primaries: int, transfer: int) -> bytes:
    """Return the photo with its colours given by numbers of H.273."""
    if form == "avif":
        data = _saved(PHOTO, "AVIF", quality=100, subsampling="4:4:4")
    else:
        stream = io.BytesIO()
        pillow_heif.from_pillow(PHOTO).save(stream, quality=100, chroma=444, color_primaries=1)
        data = stream.getvalue()
    at = data.index(b"colrnclx") + 8
    return data[:at] + struct.pack(">HH", primaries, transfer) + data[at + 4 :]


@pytest.mark.parametrize("form", ["avif", "heic"])
@pytest.mark.parametrize(("primaries", "profile"), [(12, DISPLAY_P3), (9, BT_2020)], ids=["Display P3", "BT.2020"])
def test_colours_that_are_given_by_numbers_are_converted_as_those_of_a_profile(
    form: str, primaries: int, profile: bytes
) -> None:
    data = _by_number(form, primaries, 13)

    assert np.abs(image.decode(data).astype(int) - _converted_by_little_cms(profile)).mean() < 1.5
    assert srgb_conversion(read_header(data, name="photo").color_profile) is not None


@pytest.mark.parametrize("form", ["avif", "heic"])
@pytest.mark.parametrize(("primaries", "transfer"), [(1, 13), (2, 2), (9, 16), (9, 18), (12, 8)])
def test_colours_close_to_srgb_and_those_of_hdr_stay_as_they_are(form: str, primaries: int, transfer: int) -> None:
    assert read_header(_by_number(form, primaries, transfer), name="photo").color_profile == b""


def test_a_profile_counts_more_than_numbers_before_it() -> None:
    data = _saved(PHOTO, "AVIF", quality=100, icc_profile=ADOBE_RGB)
    properties = [(b"colr", 8, 19), (b"colr", 19, 23 + len(ADOBE_RGB))]
    numbered = data[:8] + b"nclx" + bytes((0, 12, 0, 13, 0, 1, 128)) + b"prof" + ADOBE_RGB

    assert color_profile(numbered, properties) == ADOBE_RGB
    assert color_profile(numbered, properties[:1]) == profile_of_primaries(12, 13)
    assert color_profile(numbered, [(b"colr", 8, 14)]) == b""


@pytest.mark.parametrize("tones", TONE_CURVES)
def test_every_kind_of_tone_curve_is_followed(tones: bytes) -> None:
    profile = profile_of(tones)
    conversion = srgb_conversion(profile)

    assert conversion is not None
    differences = np.abs(conversion(RGB).astype(int) - _converted_by_little_cms(profile))
    assert differences.mean() < 0.6
    assert differences.max() <= 3


@pytest.mark.parametrize("profile", [SRGB_PROFILE, SRGB_TABLE_PROFILE])
def test_colours_that_are_srgb_already_stay_exactly_as_they_are(profile: bytes) -> None:
    assert srgb_conversion(profile) is None
    np.testing.assert_array_equal(image.decode(_saved(PHOTO, "PNG", icc_profile=profile)), RGB)


def test_a_long_profile_in_several_segments_of_a_jpeg_is_put_together() -> None:
    profile = DISPLAY_P3 + bytes(150_000)
    data = _saved(PHOTO, "JPEG", icc_profile=profile)

    assert data.count(b"ICC_PROFILE\0") > 2
    assert read_header(data, name="photo").color_profile == profile


def test_a_grey_model_sees_the_luminance_of_converted_colours() -> None:
    data = _saved(PHOTO, "PNG", icc_profile=DISPLAY_P3)
    expected = np.asarray(Image.fromarray(_converted_by_little_cms(DISPLAY_P3)).convert("L"))

    pixels = image.decode(data, color=Color.GRAY)

    assert pixels.shape == (*RGB.shape[:2], 1)
    assert np.abs(pixels[:, :, 0].astype(int) - expected).mean() < 1


@pytest.mark.parametrize("fit", ["stretch", "crop", "pad"])
@pytest.mark.parametrize("color", list(Color))
def test_what_a_model_sees_is_converted_too(fit: Any, color: Color) -> None:
    spec = ImageSpec(height=24, width=24, color=color, fit=fit)
    data = _saved(PHOTO, "PNG", icc_profile=DISPLAY_P3)

    pixels = image.decode_to_fit(data, spec)

    assert pixels.shape == spec.shape_hwc
    whole = image.fit(image.decode(data, color=color), spec)
    assert np.abs(pixels.astype(int) - whole).mean() < 2


def test_transparency_and_colours_of_a_profile_go_together() -> None:
    rgba = PHOTO.convert("RGBA")
    rgba.putalpha(0)

    assert (image.decode(_saved(rgba, "PNG", icc_profile=DISPLAY_P3)) == 255).all()


def test_a_profile_without_a_matrix_changes_nothing_and_is_named_once(caplog: pytest.LogCaptureFixture) -> None:
    profile = profile_of(b"", None, space=b"CMYK", name="Coated FOGRA39")
    data = _saved(PHOTO.convert("CMYK"), "JPEG", quality=100, subsampling=0, icc_profile=profile)
    plain = _saved(PHOTO.convert("CMYK"), "JPEG", quality=100, subsampling=0)

    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            np.testing.assert_array_equal(image.decode(data), image.decode(plain))

    assert [record.getMessage().count("'Coated FOGRA39'") for record in caplog.records] == [1]


@pytest.mark.parametrize(
    "profile",
    [
        b"x",
        b"not a profile" * 30,
        DISPLAY_P3[:140],
        DISPLAY_P3[: len(DISPLAY_P3) // 2],
        profile_of(b"what" + bytes(20)),
        profile_of(table(*range(100))[:40]),
        profile_of(parametric(3, *[float("-32768")] * 5)),
        profile_of(b"para" + bytes(4) + b"\xff\xff" + bytes(2)),
    ],
    ids=["byte", "text", "tag table", "half", "no curve", "short table", "odd parameters", "no such function"],
)
def test_a_damaged_profile_leaves_an_image_that_can_be_read(profile: bytes) -> None:
    pixels = image.decode(_saved(PHOTO, "PNG", icc_profile=profile))

    assert pixels.shape == RGB.shape


def test_a_compressed_profile_that_would_fill_the_memory_is_passed_over() -> None:
    bomb = zlib.compress(bytes(64 << 20), 9)
    body = b"icc\0\0" + bomb
    chunk = struct.pack(">I4s", len(body), b"iCCP") + body + struct.pack(">I", zlib.crc32(b"iCCP" + body))
    png = encodings()["png-rgb"].data

    data = png[:33] + chunk + png[33:]

    assert read_header(data, name="bomb").color_profile == b""
    np.testing.assert_array_equal(image.decode(data), RGB)
