"""The image pipeline: every encoding, every fit rule, hostile and damaged files."""

import io
import math
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from encoded_images import Encoded, encodings
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from edgecls import image
from edgecls.errors import (
    ImageDecodeError,
    ImageError,
    ImageReadError,
    ImageTooLargeError,
    UnsupportedImageError,
)
from edgecls.image_limits import ImageLimits
from edgecls.image_spec import Color, Fit, ImageSpec

ENCODINGS = encodings()
every_encoding = pytest.mark.parametrize("encoded", ENCODINGS.values(), ids=ENCODINGS.keys())


def _gray_of(rgb: np.ndarray) -> np.ndarray:
    return np.asarray(Image.fromarray(rgb).convert("L"))[:, :, np.newaxis]


@every_encoding
def test_every_encoding_decodes_to_its_upright_opaque_rgb(encoded: Encoded) -> None:
    pixels = image.decode(encoded.data)

    assert pixels.dtype == np.uint8
    assert pixels.shape == encoded.expected.shape
    assert np.abs(pixels.astype(int) - encoded.expected).mean() <= encoded.tolerance


@every_encoding
def test_every_encoding_decodes_to_gray(encoded: Encoded) -> None:
    pixels = image.decode(encoded.data, color=Color.GRAY)

    expected = _gray_of(encoded.expected)
    assert pixels.dtype == np.uint8
    assert pixels.shape == expected.shape
    # JPEG gives its own luminance, before the rounding of a way through RGB.
    assert np.abs(pixels.astype(int) - expected).mean() <= encoded.tolerance + 0.5


@every_encoding
def test_every_encoding_cut_short_is_refused(encoded: Encoded) -> None:
    keep = 0.4 if _page_count(encoded.data) > 1 else 0.9  # of two pages, the first one has to be cut
    with pytest.raises(ImageDecodeError, match=r"'cut\.img'"):
        image.decode(encoded.data[: int(len(encoded.data) * keep)], name="cut.img")


def _page_count(data: bytes) -> int:
    return getattr(Image.open(io.BytesIO(data)), "n_frames", 1)


@settings(max_examples=300, deadline=None)
@given(encoded=st.sampled_from(list(ENCODINGS.values())), length=st.integers(0, 40))
def test_the_first_bytes_alone_are_refused(encoded: Encoded, length: int) -> None:
    with pytest.raises(ImageDecodeError):
        image.decode(encoded.data[:length])


@settings(max_examples=300, deadline=None)
@given(
    encoded=st.sampled_from(list(ENCODINGS.values())),
    changes=st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), min_size=1, max_size=8),
)
def test_changed_bytes_give_an_image_or_an_image_error(encoded: Encoded, changes: list[tuple[int, int]]) -> None:
    damaged = bytearray(encoded.data)
    for offset, value in changes:
        damaged[offset % len(damaged)] = value
    try:
        pixels = image.decode(bytes(damaged), limits=ImageLimits(max_pixels=1_000_000))
    except ImageError:
        return
    assert pixels.dtype == np.uint8
    assert pixels.ndim == 3
    assert pixels.shape[2] == 3


@settings(max_examples=300, deadline=None)
@given(data=st.binary(max_size=200), magic=st.sampled_from([e.data[:16] for e in ENCODINGS.values()]))
def test_any_bytes_behind_any_magic_give_an_image_error(data: bytes, magic: bytes) -> None:
    with pytest.raises(ImageError):
        image.decode(magic + data)


def _png_claiming(width: int, height: int) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = zlib.compress(bytes(100))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def test_a_png_of_50000_by_50000_is_refused_from_its_header() -> None:
    bomb = _png_claiming(50_000, 50_000)
    assert len(bomb) < 200

    with pytest.raises(ImageTooLargeError, match=r"'bomb\.png'.*50000x50000 pixels.*100 megapixels"):
        image.decode(bomb, name="bomb.png")


def _set_jpeg_size(data: bytes, width: int, height: int) -> bytes:
    frame = data.index(b"\xff\xc0")
    return data[: frame + 5] + struct.pack(">HH", height, width) + data[frame + 9 :]


def test_a_jpeg_that_claims_65535_by_65535_is_refused_from_its_header() -> None:
    with pytest.raises(ImageTooLargeError, match="65535x65535"):
        image.decode(_set_jpeg_size(ENCODINGS["jpeg"].data, 65535, 65535))


def test_the_pixel_limit_is_the_largest_size_that_passes() -> None:
    encoded = ENCODINGS["png-rgb"]
    pixels = encoded.expected.shape[0] * encoded.expected.shape[1]

    assert image.decode(encoded.data, limits=ImageLimits(max_pixels=pixels)).shape == encoded.expected.shape
    with pytest.raises(ImageTooLargeError):
        image.decode(encoded.data, limits=ImageLimits(max_pixels=pixels - 1))


def test_the_byte_limit_is_checked_before_the_header() -> None:
    with pytest.raises(ImageTooLargeError, match=r"'long': more than 0.5 MiB"):
        image.decode(bytes(2**19 + 1), name="long", limits=ImageLimits(max_bytes=2**19))


def test_a_gif_whose_frame_is_larger_than_its_canvas_is_refused() -> None:
    gif = bytearray(ENCODINGS["gif"].data)
    frame = gif.index(b"\x2c", 13 + 3 * 256)
    gif[frame + 5 : frame + 9] = struct.pack("<HH", 60_000, 60_000)

    with pytest.raises(ImageDecodeError, match="larger than its canvas"):
        image.decode(bytes(gif))


def test_a_jpeg_with_hundreds_of_scans_for_single_components_is_refused() -> None:
    jpeg = ENCODINGS["jpeg"].data
    scan = jpeg.index(b"\xff\xda")
    first_only = jpeg[scan : scan + 4] + b"\x01" + jpeg[scan + 5 :]
    with pytest.raises(ImageDecodeError, match="more than 100 scans"):
        image.decode(jpeg[:scan] + first_only * 102)


def test_what_follows_the_one_scan_of_a_jpeg_is_passed_over() -> None:
    jpeg = ENCODINGS["jpeg"].data
    end = jpeg.rindex(b"\xff\xd9")

    followed = image.decode(jpeg[:end] + jpeg[jpeg.index(b"\xff\xda") : end] * 101 + jpeg[end:])

    np.testing.assert_array_equal(followed, image.decode(jpeg))


def test_a_jpeg_with_hundreds_of_scans_is_refused() -> None:
    jpeg = ENCODINGS["jpeg-progressive"].data
    scan = jpeg.index(b"\xff\xda")
    end = jpeg.index(b"\xff\xda", scan + 2)

    with pytest.raises(ImageDecodeError, match="more than 100 scans"):
        image.decode(jpeg[:scan] + jpeg[scan:end] * 500 + jpeg[end:])


def test_an_animation_of_many_frames_costs_one_frame() -> None:
    frames = [Image.new("P", (300, 300), index % 250) for index in range(200)]
    stream = io.BytesIO()
    frames[0].save(stream, "GIF", save_all=True, append_images=frames[1:])

    pixels = image.decode(stream.getvalue(), limits=ImageLimits(max_pixels=300 * 300))

    assert pixels.shape == (300, 300, 3)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "the file is empty"),
        (b"hello, this is a text file", "not an image in a supported format"),
        (b"%PDF-1.7 some document", "not an image in a supported format"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "it has no meta box"),
        (b"\xff\xd8\xff\xe0\0\x10JFIF", "header is damaged or cut short"),
        (b"P6 10 ten 255\n", "header is damaged or cut short"),
        (b"P6 10 10 70000\n", "from 1 to 65535"),
        (b"GIF89a\0\0\0\0\0\0\0\x3b", "the GIF has no frame"),
    ],
    ids=["empty", "text", "pdf", "heic", "jpeg-head", "ppm-words", "ppm-largest-value", "gif-without-frame"],
)
def test_what_is_no_image_is_named_with_a_reason(data: bytes, message: str) -> None:
    with pytest.raises(ImageDecodeError, match=message) as caught:
        image.decode(data, name="some name.jpg")
    assert "'some name.jpg'" in str(caught.value)


def test_a_file_that_is_no_image_is_told_from_a_damaged_one() -> None:
    with pytest.raises(UnsupportedImageError):
        image.decode(b"plain text")
    with pytest.raises(ImageDecodeError) as caught:
        image.decode(ENCODINGS["jpeg"].data[:300])
    assert not isinstance(caught.value, UnsupportedImageError)


def test_a_float_tiff_is_refused_as_measurements() -> None:
    stream = io.BytesIO()
    Image.fromarray(np.ones((8, 8), np.float32)).save(stream, "TIFF")

    with pytest.raises(ImageDecodeError, match="measurements"):
        image.decode(stream.getvalue())


@pytest.mark.parametrize("depth", [8, 10, 12])
def test_avif_of_any_depth_comes_out_as_8_bits(depth: int) -> None:
    wide = np.linspace(0, (1 << depth) - 1, 32 * 32 * 3).reshape(32, 32, 3)
    typed = wide.astype(np.uint8 if depth == 8 else np.uint16)
    _, encoded = cv2.imencode(".avif", typed, [cv2.IMWRITE_AVIF_DEPTH, depth, cv2.IMWRITE_AVIF_QUALITY, 100])

    pixels = image.decode(encoded.tobytes())

    expected = (wide * 255 / ((1 << depth) - 1))[:, :, ::-1]
    assert np.abs(pixels - expected).mean() < 2


def test_a_tiff_of_16_bits_with_unmultiplied_alpha_is_laid_over_white() -> None:
    bgra = np.full((4, 4, 4), [1000, 20000, 60000, 32768], np.uint16)
    _, encoded = cv2.imencode(".tiff", bgra)
    data = bytearray(encoded.tobytes())
    (directory,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, directory)
    # OpenCV writes no ExtraSamples tag: turn its Software or last tag into one that says "alpha, not multiplied".
    entry = directory + 2 + 12 * (count - 1)
    struct.pack_into("<HHII", data, entry, 338, 3, 1, 2)

    pixels = image.decode(bytes(data))

    over_white = [(value * 32768 / 65535 + 65535 - 32768) / 257 for value in (60000, 20000, 1000)]
    assert np.abs(pixels[0, 0] - over_white).max() <= 1.5


# Reading


def test_a_path_in_any_script_is_read(tmp_path: Path) -> None:
    path = tmp_path / "数据 集" / "猫🐱.jpg"
    path.parent.mkdir()
    path.write_bytes(ENCODINGS["jpeg"].data)

    assert image.read_file(path) == ENCODINGS["jpeg"].data


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ImageReadError, match=r"nothing\.jpg.*no such file"):
        image.read_file(tmp_path / "nothing.jpg")


def test_a_folder_is_no_image(tmp_path: Path) -> None:
    with pytest.raises(ImageReadError, match="it is a folder"):
        image.read_file(tmp_path)


def test_a_name_that_no_system_allows_is_named() -> None:
    with pytest.raises(ImageReadError, match="cannot read"):
        image.read_file("a\0b.jpg")


def test_a_file_above_the_byte_limit_is_not_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "large.jpg"
    path.write_bytes(bytes(1000))

    assert len(image.read_file(path, limits=ImageLimits(max_bytes=1000))) == 1000
    with pytest.raises(ImageTooLargeError, match=r"large\.jpg"):
        image.read_file(path, limits=ImageLimits(max_bytes=999))


def test_a_device_is_not_read() -> None:
    with pytest.raises(ImageReadError, match="a device, not a file"):
        image.read_file("/dev/zero", limits=ImageLimits(max_bytes=1 << 16))


# Fitting


@pytest.mark.parametrize("fit", list(Fit))
@pytest.mark.parametrize("color", list(Color))
@settings(max_examples=40, deadline=None)
@given(
    source_hw=st.tuples(st.integers(1, 90), st.integers(1, 90)),
    target_hw=st.tuples(st.integers(1, 70), st.integers(1, 70)),
)
def test_fit_gives_exactly_the_model_size(
    fit: Fit, color: Color, source_hw: tuple[int, int], target_hw: tuple[int, int]
) -> None:
    spec = ImageSpec(*target_hw, color, fit)
    pixels = np.full((*source_hw, spec.channels), 77, np.uint8)

    fitted = image.fit(pixels, spec)

    assert fitted.shape == spec.shape_hwc
    assert fitted.dtype == np.uint8
    assert set(np.unique(fitted).tolist()) <= ({77} if fit is not Fit.PAD else {0, 77})


def test_fit_leaves_its_input_untouched() -> None:
    pixels = ENCODINGS["png-rgb"].expected.copy()
    before = pixels.copy()
    for fit in Fit:
        image.fit(pixels, ImageSpec(20, 20, Color.RGB, fit))
    np.testing.assert_array_equal(pixels, before)


def _three_bands(height: int, width: int) -> np.ndarray:
    """Red, green and blue bands along the longer side."""
    bands = np.zeros((height, width, 3), np.uint8)
    for channel in range(3):
        if width >= height:
            bands[:, channel * width // 3 : (channel + 1) * width // 3, channel] = 255
        else:
            bands[channel * height // 3 : (channel + 1) * height // 3, :, channel] = 255
    return bands


@pytest.mark.parametrize(("height", "width"), [(30, 90), (90, 30)], ids=["wide", "high"])
def test_stretch_keeps_the_whole_image(height: int, width: int) -> None:
    fitted = image.fit(_three_bands(height, width), ImageSpec(30, 30, Color.RGB, Fit.STRETCH))

    np.testing.assert_allclose(fitted.mean(axis=(0, 1)), [85, 85, 85], atol=3)


@pytest.mark.parametrize(("height", "width"), [(30, 90), (90, 30)], ids=["wide", "high"])
def test_crop_keeps_the_centre(height: int, width: int) -> None:
    fitted = image.fit(_three_bands(height, width), ImageSpec(30, 30, Color.RGB, Fit.CROP))

    np.testing.assert_array_equal(fitted.mean(axis=(0, 1)), [0, 255, 0])


@pytest.mark.parametrize(("height", "width"), [(30, 90), (90, 30)], ids=["wide", "high"])
def test_pad_keeps_the_proportions_on_black(height: int, width: int) -> None:
    fitted = image.fit(_three_bands(height, width), ImageSpec(30, 30, Color.RGB, Fit.PAD))

    is_black = (fitted == 0).all(axis=2)
    rows, columns = np.flatnonzero(~is_black.all(axis=1)), np.flatnonzero(~is_black.all(axis=0))
    assert (len(rows), len(columns)) == ((10, 30) if width > height else (30, 10))
    np.testing.assert_allclose(fitted.mean(axis=(0, 1)), [85 / 3] * 3, atol=3)


@pytest.mark.parametrize("fit", Fit)
@pytest.mark.parametrize("size", [(40, 90), (90, 40), (7, 300), (30, 20), (1, 1)])
def test_a_placement_names_the_part_that_is_seen_and_where_it_lies(fit: Fit, size: tuple[int, int]) -> None:
    spec = ImageSpec(30, 20, Color.RGB, fit)
    pixels = np.full((*size, 3), 200, np.uint8)

    placed = spec.place(*size)

    shows_image = np.zeros((30, 20), bool)
    shows_image[placed.inner] = True
    np.testing.assert_array_equal((image.fit(pixels, spec) == 200).all(axis=2), shows_image)
    assert pixels[placed.seen].shape[:2] == (math.ceil(placed.height), math.ceil(placed.width))
    assert shows_image.all() or fit is Fit.PAD
    assert (placed.height, placed.width) == size or fit is Fit.CROP


# Decoding at a DCT scale


def _large_jpeg(width: int, height: int, *, orientation: int = 1) -> bytes:
    image = Image.fromarray(ENCODINGS["png-rgb"].expected).resize((width, height), Image.Resampling.BICUBIC)
    exif = Image.Exif()
    exif[274] = orientation
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=95, exif=exif)
    return stream.getvalue()


@pytest.mark.parametrize("fit", list(Fit))
@pytest.mark.parametrize("color", list(Color))
@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize("size", [(1600, 1200), (1201, 1603), (500, 375), (300, 1800)])
def test_a_scaled_decode_shows_what_a_full_one_shows(
    size: tuple[int, int], orientation: int, color: Color, fit: Fit
) -> None:
    data = _large_jpeg(*size, orientation=orientation)
    spec = ImageSpec(96, 128, color, fit)

    scaled = image.decode_to_fit(data, spec)
    full = image.fit(image.decode(data, color=color), spec)

    assert scaled.shape == spec.shape_hwc
    assert np.abs(scaled.astype(int) - full).mean() < 2


@pytest.mark.parametrize(
    ("width", "height", "spec", "decoded"),
    [
        (1600, 1200, ImageSpec(150, 150, fit=Fit.STRETCH), (150, 200)),
        (1600, 1200, ImageSpec(151, 150, fit=Fit.STRETCH), (300, 400)),
        (1600, 1200, ImageSpec(601, 150, fit=Fit.STRETCH), (1200, 1600)),
        (1600, 1200, ImageSpec(150, 150, fit=Fit.CROP), (150, 200)),
        (1600, 1200, ImageSpec(200, 200, fit=Fit.PAD), (150, 200)),
        (1599, 1199, ImageSpec(150, 200, fit=Fit.STRETCH), (150, 200)),
    ],
    ids=["eighth", "quarter", "full", "crop-needs-the-shorter-side", "pad-needs-the-longer-side", "odd-sides"],
)
def test_the_smallest_dct_scale_that_covers_the_target_is_decoded(
    monkeypatch: pytest.MonkeyPatch, width: int, height: int, spec: ImageSpec, decoded: tuple[int, int]
) -> None:
    sizes = []
    original_fit = image.fit

    def watched_fit(pixels: image.Pixels, spec: ImageSpec, **extent: tuple[float, float]) -> image.Pixels:
        sizes.append(pixels.shape[:2])
        return original_fit(pixels, spec, **extent)

    monkeypatch.setattr(image, "fit", watched_fit)

    image.decode_to_fit(_large_jpeg(width, height), spec)

    assert sizes == [decoded]


def test_png_keeps_pixels_exactly() -> None:
    pixels = np.random.default_rng(5).integers(0, 256, (17, 23, 3), dtype=np.uint8)

    np.testing.assert_array_equal(image.decode(image.encode_png(pixels)), pixels)
    np.testing.assert_array_equal(image.decode(image.encode_png(pixels[:, :, :1]), color=Color.GRAY), pixels[:, :, :1])


@pytest.mark.parametrize(("color", "channels"), [(Color.RGB, 3), (Color.GRAY, 1)])
def test_jpegs_for_people_look_like_what_they_were_made_from(color: Color, channels: int) -> None:
    ramp = np.tile(np.linspace(0, 255, 64).astype(np.uint8), (48, 1))
    pixels = np.stack([ramp, np.full_like(ramp, 90), ramp[:, ::-1]], axis=2)[:, :, :channels]

    decoded = image.decode(image.encode_jpeg(pixels, quality=90), color=color)

    assert decoded.shape == pixels.shape
    assert np.abs(decoded.astype(int) - pixels).mean() < 4
