"""One image in every encoding that edgecls reads, with the pixels it should decode to.

Pillow, which edgecls does not use, does the encoding and says what is right.
"""

import io
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

ORIENTATION_TAG = 274


@dataclass(frozen=True)
class Encoded:
    """An encoded image and its expected pixels, uint8 ``[H, W, 3]`` RGB, give or take `tolerance` on average."""

    data: bytes
    expected: npt.NDArray[np.uint8]
    tolerance: float = 0.05


def _smooth_rgb(height: int = 36, width: int = 52) -> Image.Image:
    """A colourful image without symmetry, smooth so that lossy formats keep it."""
    y, x = np.mgrid[0:height, 0:width]
    red = 255 * x / (width - 1)
    green = 255 * y / (height - 1)
    blue = 127 + 120 * np.sin(x / 9 + y / 5)
    return Image.fromarray(np.dstack([red, green, blue]).astype(np.uint8))


def _with_alpha(rgb: Image.Image) -> Image.Image:
    alpha = np.full((rgb.height, rgb.width), 255, np.uint8)
    alpha[:, rgb.width // 3 :] = 128
    alpha[:, 2 * rgb.width // 3 :] = 0
    rgba = rgb.convert("RGBA")
    rgba.putalpha(Image.fromarray(alpha))
    return rgba


def _encode(image: Image.Image, encoding: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, encoding, **options)
    return stream.getvalue()


def _expected(data: bytes) -> npt.NDArray[np.uint8]:
    """Decode with Pillow: upright, over white, 8 bits."""
    image = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    if image.mode.startswith("I"):
        return np.repeat((np.asarray(image) >> 8).astype(np.uint8)[:, :, np.newaxis], 3, axis=2)
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        white = Image.new("RGBA", image.size, (255, 255, 255, 255))
        image = Image.alpha_composite(white, image.convert("RGBA"))
    return np.asarray(image.convert("RGB"))


def _exif(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[ORIENTATION_TAG] = orientation
    return exif


def encodings() -> dict[str, Encoded]:
    """Return every encoding by a name for its test."""
    rgb = _smooth_rgb()
    rgba, gray = _with_alpha(rgb), rgb.convert("L")
    palette = rgb.convert("P", palette=Image.Palette.ADAPTIVE)
    gray16 = Image.fromarray((np.asarray(gray).astype(np.uint16) << 8) + 77)
    rgb16 = np.asarray(rgb).astype(np.uint16) * 257
    sharp = {"quality": 97, "subsampling": 0}
    data = {
        "jpeg": _encode(rgb, "JPEG", **sharp),
        "jpeg-subsampled": _encode(rgb, "JPEG", quality=90),
        "jpeg-progressive": _encode(rgb, "JPEG", progressive=True, **sharp),
        "jpeg-cmyk": _encode(rgb.convert("CMYK"), "JPEG", **sharp),
        "jpeg-gray": _encode(gray, "JPEG", quality=97),
        "png-rgb": _encode(rgb, "PNG"),
        "png-rgba": _encode(rgba, "PNG"),
        "png-gray": _encode(gray, "PNG"),
        "png-gray-alpha": _encode(rgba.convert("LA"), "PNG"),
        "png-1-bit": _encode(rgb.convert("1"), "PNG"),
        "png-gray-16": _encode(gray16, "PNG"),
        "png-palette": _encode(palette, "PNG"),
        "png-palette-one-transparent": _encode(palette, "PNG", transparency=5),
        "png-palette-transparencies": _encode(palette, "PNG", transparency=bytes(range(256))),
        "png-gray-one-transparent": _encode(gray, "PNG", transparency=int(np.asarray(gray)[3, 3])),
        "png-rgb-one-transparent": _encode(rgb, "PNG", transparency=tuple(np.asarray(rgb)[3, 3].tolist())),
        "bmp-rgb": _encode(rgb, "BMP"),
        "bmp-palette": _encode(palette, "BMP"),
        "bmp-1-bit": _encode(rgb.convert("1"), "BMP"),
        "webp-lossy": _encode(rgb, "WEBP", quality=95),
        "webp-lossless": _encode(rgb, "WEBP", lossless=True),
        "webp-alpha": _encode(rgba, "WEBP", lossless=True, exact=True),
        "webp-animated": _encode(rgb, "WEBP", lossless=True, save_all=True, append_images=[rgb.rotate(180)]),
        "gif": _encode(palette, "GIF"),
        "gif-transparent": _encode(palette, "GIF", transparency=5),
        "gif-animated": _encode(palette, "GIF", save_all=True, append_images=[palette.rotate(180)]),
        "tiff-raw": _encode(rgb, "TIFF"),
        "tiff-lzw": _encode(rgb, "TIFF", compression="tiff_lzw"),
        "tiff-jpeg": _encode(rgb, "TIFF", compression="jpeg"),
        "tiff-alpha": _encode(rgba, "TIFF"),
        "tiff-gray": _encode(gray, "TIFF"),
        "tiff-gray-16": _encode(gray16, "TIFF"),
        "tiff-palette": _encode(palette, "TIFF"),
        "tiff-1-bit": _encode(rgb.convert("1"), "TIFF"),
        "tiff-cmyk": _encode(rgb.convert("CMYK"), "TIFF"),
        "tiff-two-pages": _encode(rgb, "TIFF", save_all=True, append_images=[rgb.rotate(180)]),
        "ppm-binary": _encode(rgb, "PPM"),
        "pgm-binary": _encode(gray, "PPM"),
        "pbm-binary": _encode(rgb.convert("1"), "PPM"),
        "avif": _encode(rgb, "AVIF", quality=100, subsampling="4:4:4"),
        "avif-alpha": _encode(rgba, "AVIF", quality=100, subsampling="4:4:4"),
        "avif-gray": _encode(gray, "AVIF", quality=100),
    }
    for orientation in range(1, 9):
        data |= {
            f"jpeg-orientation-{orientation}": _encode(rgb, "JPEG", exif=_exif(orientation), **sharp),
            f"png-orientation-{orientation}": _encode(rgb, "PNG", exif=_exif(orientation)),
            f"png-alpha-orientation-{orientation}": _encode(rgba, "PNG", exif=_exif(orientation)),
            f"webp-orientation-{orientation}": _encode(rgb, "WEBP", lossless=True, exif=_exif(orientation)),
            f"tiff-orientation-{orientation}": _encode(rgb, "TIFF", tiffinfo={ORIENTATION_TAG: orientation}),
            f"tiff-alpha-orientation-{orientation}": _encode(rgba, "TIFF", tiffinfo={ORIENTATION_TAG: orientation}),
            f"avif-orientation-{orientation}": _encode(
                rgb, "AVIF", quality=100, subsampling="4:4:4", exif=_exif(orientation)
            ),
        }
    lossy = {"jpeg-cmyk": 1.5, "jpeg-subsampled": 0.5}  # other rounding, other upsampling
    return {
        name: Encoded(encoded, _expected(encoded), lossy.get(name, 0.05)) for name, encoded in data.items()
    } | _text_and_scaled(np.asarray(rgb), rgb16)


def _text_and_scaled(rgb: npt.NDArray[np.uint8], rgb16: npt.NDArray[np.uint16]) -> dict[str, Encoded]:
    """The netpbm kinds that Pillow does not write."""
    height, width = rgb.shape[:2]
    numbers = " ".join(map(str, rgb.ravel()))
    fifteenths = (rgb.astype(np.uint16) * 15 + 127) // 255
    of_15 = (fifteenths * 17).astype(np.uint8)
    return {
        "ppm-text": Encoded(f"P3\n# a comment\n{width} {height}\n255\n{numbers}\n".encode(), rgb),
        "ppm-text-without-last-newline": Encoded(f"P3 {width} {height} 255 {numbers}".encode(), rgb),
        "ppm-16-bit": Encoded(b"P6 %d %d 65535\n" % (width, height) + rgb16.astype(">u2").tobytes(), rgb),
        "ppm-binary-of-15": Encoded(b"P6 %d %d 15\n" % (width, height) + fifteenths.astype(np.uint8).tobytes(), of_15),
    }
