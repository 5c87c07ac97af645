"""Images whose pixels are not all written are refused, and images that are odd but whole are not."""

import io
import struct
import zlib
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest
from encoded_images import encodings
from PIL import Image

from edgecls import image
from edgecls.errors import ImageDecodeError
from edgecls.image_spec import Color, ImageSpec

HEIGHT, WIDTH = 36, 52
RGB = encodings()["png-rgb"].expected
PHOTO = Image.fromarray(RGB)


def _saved(image: Image.Image, encoding: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, encoding, **options)
    return stream.getvalue()


# PNG


def _png(*chunks: tuple[bytes, bytes]) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )


def _header(*, interlaced: bool = False, bits: int = 8) -> tuple[bytes, bytes]:
    return b"IHDR", struct.pack(">IIBBBBB", WIDTH, HEIGHT, bits, 2, 0, 0, interlaced)


ROWS = b"".join(b"\0" + row.tobytes() for row in RGB)
INTERLACED = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
PASSES = b"".join(b"\0" + row.tobytes() for x, y, dx, dy in INTERLACED for row in RGB[y::dy, x::dx])
ANIMATION = (b"acTL", struct.pack(">II", 2, 0))
END = (b"IEND", b"")


def _frame(number: int) -> tuple[bytes, bytes]:
    return b"fcTL", struct.pack(">IIIIIHHBB", number, WIDTH, HEIGHT, 0, 0, 1, 10, 0, 0)


@pytest.mark.parametrize("color", list(Color))
@pytest.mark.parametrize(
    "compressed",
    [
        b"\x78\x9c" + b"\xff" * 40,
        zlib.compress(ROWS)[:-200],
        zlib.compress(ROWS[: len(ROWS) // 2]),
        zlib.compress(b""),
        b"",
    ],
    ids=["nonsense", "cut", "half-the-rows", "no-rows", "nothing"],
)
@pytest.mark.parametrize("animated", [False, True], ids=["still", "animated"])
def test_a_png_that_lacks_rows_is_refused(animated: bool, compressed: bytes, color: Color) -> None:
    still = [_header(), (b"IDAT", compressed), END]
    moving = [_header(), ANIMATION, _frame(0), still[1], _frame(1), (b"fdAT", bytes(4) + compressed), END]

    with pytest.raises(ImageDecodeError):
        image.decode(_png(*(moving if animated else still)), color=color)


def test_an_interlaced_png_that_lacks_its_last_pass_is_refused() -> None:
    np.testing.assert_array_equal(
        image.decode(_png(_header(interlaced=True), (b"IDAT", zlib.compress(PASSES)), END)), RGB
    )
    with pytest.raises(ImageDecodeError):
        image.decode(_png(_header(interlaced=True), (b"IDAT", zlib.compress(PASSES[: len(PASSES) // 2])), END))


def test_an_animated_png_is_its_default_image() -> None:
    other = (b"fdAT", struct.pack(">I", 1) + zlib.compress(bytes(len(ROWS))))
    moving = _png(_header(), ANIMATION, (b"IDAT", zlib.compress(ROWS)), _frame(0), other, END)

    np.testing.assert_array_equal(image.decode(moving), RGB)


def test_a_png_with_more_rows_than_needed_is_whole() -> None:
    np.testing.assert_array_equal(image.decode(_png(_header(), (b"IDAT", zlib.compress(ROWS + bytes(9))), END)), RGB)


def test_a_png_of_no_bits_is_refused() -> None:
    gray = encodings()["png-gray-one-transparent"].data
    with pytest.raises(ImageDecodeError, match="claims 0 bits"):
        image.decode(gray[:24] + b"\0" + gray[25:])


# JPEG

JPEGS = {
    "baseline": {},
    "optimized": {"optimize": True},
    "not-subsampled": {"subsampling": 0},
    "restarts": {"restart_marker_blocks": 2},
    "progressive": {"progressive": True},
    "progressive-restarts": {"progressive": True, "restart_marker_blocks": 2},
}
every_jpeg = pytest.mark.parametrize("options", JPEGS.values(), ids=JPEGS)


def _jpeg(side: int = 120, **options: Any) -> bytes:
    """Return a photo-like JPEG: detail everywhere, so that every part of its data tells something."""
    noise = np.random.default_rng(3).normal(0, 12, (side, side, 3))
    smooth = np.asarray(PHOTO.resize((side, side), Image.Resampling.BICUBIC))
    return _saved(Image.fromarray(np.clip(smooth + noise, 0, 255).astype(np.uint8)), "JPEG", quality=88, **options)


def _cut_scan(jpeg: bytes, part: float) -> bytes:
    """Return a JPEG without a part of the data of its last scan, and without its end marker."""
    scan, end = jpeg.rindex(b"\xff\xda") + 14, jpeg.rindex(b"\xff\xd9")
    return jpeg[: scan + int((end - scan) * part)]


LATER_ENDS = {
    "end": b"\xff\xd9",
    "segment-with-an-end": b"\xff\xe1\0\x06ab\xff\xd9",
    "another-jpeg": _jpeg(16),
    "table-and-end": b"\xff\xfe\0\x04ab\xff\xd9",
    "padding": b"\xff\xd9" + bytes(100),
}


@every_jpeg
@pytest.mark.parametrize("part", [0.0, 0.1, 0.5, 0.9, 0.97])
@pytest.mark.parametrize("later", LATER_ENDS.values(), ids=LATER_ENDS)
def test_a_jpeg_that_ends_early_is_refused_whatever_follows(options: dict[str, Any], part: float, later: bytes) -> None:
    with pytest.raises(ImageDecodeError) as caught:
        image.decode(_cut_scan(_jpeg(**options), part) + later)
    assert "cut short" in str(caught.value)


@every_jpeg
@pytest.mark.parametrize("color", list(Color))
@pytest.mark.parametrize("side", [16, 60, 120])
def test_a_jpeg_that_ends_early_is_refused_at_the_size_of_a_model(
    options: dict[str, Any], color: Color, side: int
) -> None:
    data = _jpeg(**options)
    spec = ImageSpec(side, side, color)

    assert image.decode_to_fit(data, spec).shape == spec.shape_hwc
    with pytest.raises(ImageDecodeError, match="cut short"):
        image.decode_to_fit(_cut_scan(data, 0.7) + b"\xff\xd9", spec)


@pytest.mark.parametrize("scans", range(1, 10))
def test_a_progressive_jpeg_that_lacks_scans_is_refused(scans: int) -> None:
    jpeg = _jpeg(progressive=True)
    at = -1
    for _ in range(scans + 1):
        at = jpeg.index(b"\xff\xda", at + 1)
    tables = jpeg.rindex(b"\xff\xc4", 0, at)  # those of the scan that is not there

    with pytest.raises(ImageDecodeError, match="cut short"):
        image.decode(jpeg[:tables] + b"\xff\xd9")


@every_jpeg
def test_stray_bytes_between_segments_of_a_jpeg_are_passed_over(options: dict[str, Any]) -> None:
    jpeg = _jpeg(**options)
    table, frame = jpeg.index(b"\xff\xdb"), jpeg.index(b"\xff\xc2" if "progressive" in options else b"\xff\xc0")
    stray = jpeg[:table] + b"\0\0\x124\0" + jpeg[table:frame] + b"\0\xff\xff" + jpeg[frame:]

    np.testing.assert_array_equal(image.decode(stray), image.decode(jpeg))


@every_jpeg
@pytest.mark.parametrize(
    "odd",
    [
        lambda jpeg: jpeg + jpeg,
        lambda jpeg: jpeg + b"trailer" * 9,
        lambda jpeg: jpeg[:-2] + b"\xff\xff\xff\xd9",
        lambda jpeg: jpeg[:-2] + b"\0\0" + jpeg[-2:],
        lambda jpeg: jpeg[:-2] + b"\xff\xfe\0\x05end" + jpeg[-2:],
    ],
    ids=["another-behind", "text-behind", "fill-bytes", "padded-data", "comment-before-the-end"],
)
def test_a_jpeg_that_is_odd_but_whole_is_decoded(options: dict[str, Any], odd: Callable[[bytes], bytes]) -> None:
    jpeg = _jpeg(**options)

    np.testing.assert_array_equal(image.decode(odd(jpeg)), image.decode(jpeg))


def test_a_whole_jpeg_with_a_gray_bottom_is_decoded() -> None:
    pixels = np.asarray(PHOTO.resize((64, 64))).copy()
    pixels[20:] = 128

    assert (image.decode(_saved(Image.fromarray(pixels), "JPEG"))[40:] == 128).all()


def test_a_large_progressive_jpeg_is_checked_to_its_last_detail_when_asked() -> None:
    jpeg = _jpeg(1100, progressive=True)
    cut = _cut_scan(jpeg, 0.5) + b"\xff\xd9"

    assert image.decode(cut).shape == (1100, 1100, 3)  # all of it is seen, if with a little less detail
    image.check_whole(jpeg)
    with pytest.raises(ImageDecodeError, match=r"'large\.jpg'.*cut short"):
        image.check_whole(cut, name="large.jpg")


# TIFF

TIFFS = {
    "raw": {},
    "lzw": {"compression": "tiff_lzw"},
    "deflate": {"compression": "tiff_deflate"},
    "packbits": {"compression": "packbits"},
    "jpeg": {"compression": "jpeg"},
}
OFFSETS, COUNTS = 273, 279


def _tiff_entry(data: bytes, wanted: int) -> tuple[int, int, str]:
    """Return where a tag's entry and its values are, and how a value is stored."""
    (directory,) = struct.unpack_from("<I", data, 4)
    for entry in range(directory + 2, len(data), 12):
        tag, kind, values, offset = struct.unpack_from("<HHII", data, entry)
        if tag == wanted:
            code = {3: "<H", 4: "<I"}[kind]
            return entry, entry + 8 if struct.calcsize(code) * values <= 4 else offset, code
    raise LookupError(wanted)


@pytest.mark.parametrize("options", TIFFS.values(), ids=TIFFS)
@pytest.mark.parametrize("part", [0.02, 0.5, 0.9])
@pytest.mark.parametrize("strip", [0, 2])
def test_a_tiff_with_a_strip_that_lacks_data_is_refused(options: dict[str, Any], strip: int, part: float) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    data = bytearray(_saved(Image.fromarray(noise), "TIFF", tiffinfo={278: 8}, **options))
    assert image.decode(bytes(data)).shape == noise.shape
    _, counts, code = _tiff_entry(data, COUNTS)
    place = counts + strip * struct.calcsize(code)
    (count,) = struct.unpack_from(code, data, place)
    struct.pack_into(code, data, place, max(1, int(count * part)))

    with pytest.raises(ImageDecodeError):
        image.decode(bytes(data))


@pytest.mark.parametrize("options", TIFFS.values(), ids=TIFFS)
@pytest.mark.parametrize("tag", [OFFSETS, COUNTS])
def test_a_tiff_without_its_last_strip_is_refused(options: dict[str, Any], tag: int) -> None:
    data = bytearray(_saved(PHOTO, "TIFF", tiffinfo={278: 8}, **options))
    entry, _, _ = _tiff_entry(data, tag)
    struct.pack_into("<I", data, entry + 4, 4)  # of five

    with pytest.raises(ImageDecodeError):
        image.decode(bytes(data))


@pytest.mark.parametrize("options", TIFFS.values(), ids=TIFFS)
def test_a_tiff_whose_directory_claims_more_rows_is_refused(options: dict[str, Any]) -> None:
    data = bytearray(_saved(PHOTO, "TIFF", **options))
    _, height, code = _tiff_entry(data, 257)
    struct.pack_into(code, data, height, 2 * HEIGHT)
    _, rows, code = _tiff_entry(data, 278)
    struct.pack_into(code, data, rows, 2 * HEIGHT)

    with pytest.raises(ImageDecodeError):
        image.decode(bytes(data))


@pytest.mark.parametrize("rows", [1, 16, 400])
@pytest.mark.parametrize("options", TIFFS.values(), ids=TIFFS)
@pytest.mark.parametrize("content", ["black", "photo", "noise"])
def test_a_large_tiff_in_any_number_of_strips_is_whole(options: dict[str, Any], rows: int, content: str) -> None:
    pixels = {
        "black": np.zeros((400, 300, 3), np.uint8),
        "photo": np.asarray(PHOTO.resize((300, 400))),
        "noise": np.random.default_rng(1).integers(0, 256, (400, 300, 3), np.uint8),
    }[content]
    if options.get("compression") == "jpeg":
        rows = max(rows, 16)  # as JPEG wants it
    data = _saved(Image.fromarray(pixels), "TIFF", tiffinfo={278: rows}, **options)

    decoded = image.decode(data)

    if options.get("compression") != "jpeg":
        np.testing.assert_array_equal(decoded, pixels)


# BMP


def _bmp_of_runs(runs: bytes, *, bits: int = 8) -> bytes:
    colors = bytes(range(4 << bits & 0xFF or 255))[:64].ljust(4 << bits, b"\x99")
    start = 54 + len(colors)
    info = struct.pack("<IiiHHIIiiII", 40, 8, 4, 1, bits, {8: 1, 4: 2}[bits], len(runs), 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", start + len(runs), 0, 0, start) + info + colors + runs


LINE, LINE_END, BITMAP_END = b"\x08\x55", b"\0\0", b"\0\1"


@pytest.mark.parametrize("bits", [8, 4])
@pytest.mark.parametrize(
    "runs",
    [
        b"",
        BITMAP_END,
        (LINE + LINE_END) * 2 + BITMAP_END,
        (LINE + LINE_END) * 3 + b"\x05\x05" + LINE_END + BITMAP_END,
        (LINE + LINE_END) * 2 + b"\x02\x01\0\2\3\1\x03\1" + LINE_END + BITMAP_END,
        (LINE + LINE_END) * 3 + b"\x05\x05" + BITMAP_END,
    ],
    ids=["nothing", "end", "half", "short-line", "jump", "short-end"],
)
def test_a_bmp_whose_runs_leave_out_pixels_is_refused(runs: bytes, bits: int) -> None:
    with pytest.raises(ImageDecodeError):
        image.decode(_bmp_of_runs(runs, bits=bits))


@pytest.mark.parametrize("bits", [8, 4])
def test_a_bmp_whose_runs_reach_all_pixels_is_decoded(bits: int) -> None:
    absolute = b"\0\x08" + (bytes(range(8)) if bits == 8 else b"\x01\x23\x45\x67")

    decoded = image.decode(_bmp_of_runs((LINE + LINE_END) * 3 + absolute + LINE_END + BITMAP_END, bits=bits))

    assert decoded.shape == (4, 8, 3)
    assert len(np.unique(decoded[0], axis=0)) == 8
    assert len(np.unique(decoded[1:].reshape(-1, 3), axis=0)) == 1


# GIF, WebP and AVIF


def test_a_gif_with_too_few_codes_is_refused() -> None:
    gif = _saved(PHOTO.convert("P", palette=Image.Palette.ADAPTIVE), "GIF", interlace=0)
    blocks = gif.index(b"\x2c", 13 + 3 * 256) + 11
    first = gif[blocks + 1 : blocks + 1 + gif[blocks]]

    with pytest.raises(ImageDecodeError):
        image.decode(gif[:blocks] + bytes((len(first),)) + first + b"\0;")


def test_a_gif_frame_that_covers_part_of_its_canvas_leaves_the_rest_in_the_background() -> None:
    palette = Image.new("P", (8, 8), 1)
    palette.putpalette([10, 20, 30, 200, 100, 50])
    gif = bytearray(_saved(palette, "GIF", optimize=False))
    struct.pack_into("<HH", gif, 6, 12, 10)

    decoded = image.decode(bytes(gif))

    assert decoded.shape == (10, 12, 3)
    assert (decoded[:8, :8] == [200, 100, 50]).all()
    assert (decoded[8:] == [10, 20, 30]).all()
    assert (decoded[:, 8:] == [10, 20, 30]).all()


@pytest.mark.parametrize("options", [{"lossless": True}, {"quality": 80}], ids=["lossless", "lossy"])
@pytest.mark.parametrize("part", [0.5, 0.8, 0.95])
def test_a_webp_whose_data_end_early_is_refused(options: dict[str, Any], part: float) -> None:
    webp = _saved(PHOTO, "WEBP", **options)
    body = webp[20:]
    body = body[: int(len(body) * part) & ~1]
    chunk = webp[12:16] + struct.pack("<I", len(body)) + body

    with pytest.raises(ImageDecodeError):
        image.decode(b"RIFF" + struct.pack("<I", len(chunk) + 4) + b"WEBP" + chunk)


@pytest.mark.parametrize("name", ["avif", "avif-alpha", "avif-gray"])
@pytest.mark.parametrize("promised", [0x40, 0x60], ids=["10-bits", "12-bits"])
def test_an_avif_of_8_bits_that_promises_more_is_decoded_by_what_it_has(name: str, promised: int) -> None:
    encoded = encodings()[name]
    data = bytearray(encoded.data)
    at = -1
    while (at := data.find(b"av1C", at + 1)) >= 0:
        data[at + 6] |= promised
    at = data.index(b"pixi")
    channels = data[at + 8]
    data[at + 9 : at + 9 + channels] = bytes((10 if promised == 0x40 else 12,)) * channels

    assert np.abs(image.decode(bytes(data)).astype(int) - encoded.expected).mean() <= encoded.tolerance


def test_an_animated_avif_is_its_main_image() -> None:
    data = _saved(PHOTO, "AVIF", quality=100, subsampling="4:4:4", save_all=True, append_images=[PHOTO.rotate(180)])
    moving = bytearray(data)
    moving[data.rindex(b"av1C") + 6] |= 0x40  # in the properties of the sequence

    assert data[8:12] == b"avis"
    np.testing.assert_array_equal(image.decode(bytes(moving)), image.decode(data))
    assert np.abs(image.decode(data).astype(int) - RGB).mean() < 1


@pytest.mark.parametrize("depth", [10, 12])
def test_an_avif_of_more_bits_with_transparency_is_laid_over_white(depth: int) -> None:
    most = (1 << depth) - 1
    bgra = np.full((32, 32, 4), [most, 0, most // 2, most // 2], np.uint16)
    encoded = cv2.imencode(".avif", bgra, [cv2.IMWRITE_AVIF_DEPTH, depth, cv2.IMWRITE_AVIF_QUALITY, 100])[1].tobytes()

    assert np.abs(image.decode(encoded)[8, 8].astype(int) - [191, 128, 255]).max() <= 3
