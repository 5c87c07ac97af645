"""Valid images of every format that edgecls reads, and ways to damage them that a decoder does not see at once."""

import io
import random
import struct
import zlib
from collections.abc import Callable, Sequence
from typing import Any

import cv2
import numpy as np
import pillow_heif
from PIL import Image

__all__ = ["corpus", "mutated"]

HEIGHT, WIDTH = 20, 28
_INTERLACED = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
_NUMBERS = (0, 1, 2, 3, 7, 8, 16, 19, 21, 27, 29, 40, 127, 128, 255, 256, 1000, 32768, 65535)


def _saved(image: Image.Image, encoding: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, encoding, **options)
    return stream.getvalue()


def _saved_heic(image: Image.Image, **options: Any) -> bytes:
    stream = io.BytesIO()
    pillow_heif.from_pillow(image).save(stream, quality=80, **options)
    return stream.getvalue()


def corpus() -> dict[str, list[bytes]]:
    """Return small valid images, by format; nothing in them is random but the time that animated AVIF notes."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    noise = np.random.default_rng(0).integers(-9, 9, (HEIGHT, WIDTH, 3))
    pixels = np.dstack([9 * x, 12 * y, 127 + 100 * np.sin(x / 5 + y / 3)]) + noise
    rgb = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
    array = np.asarray(rgb)
    rgba = rgb.convert("RGBA")
    rgba.putalpha(Image.fromarray(np.where(x > WIDTH // 2, 90, 255).astype(np.uint8)))
    gray, palette = rgb.convert("L"), rgb.convert("P", palette=Image.Palette.ADAPTIVE)
    bilevel, cmyk = rgb.convert("1"), rgb.convert("CMYK")
    wide = array.astype(np.uint16) * 257
    twice = {"save_all": True}
    numbers = " ".join(map(str, array.ravel()))
    return {
        "JPEG": [
            *(_saved(image, "JPEG", quality=85) for image in (rgb, gray, cmyk)),
            *(_saved(image, "JPEG", quality=85, progressive=True) for image in (rgb, gray, cmyk)),
            _saved(rgb, "JPEG", quality=95, subsampling=0, optimize=True),
            _saved(rgb, "JPEG", restart_marker_blocks=1),
            _saved(rgb, "JPEG", restart_marker_blocks=1, progressive=True),
        ],
        "PNG": [
            *(_saved(image, "PNG") for image in (rgb, rgba, gray, palette, bilevel, rgba.convert("LA"))),
            _saved(palette, "PNG", transparency=bytes(range(256))),
            *(_interlaced(np.asarray(image), kind) for image, kind in ((rgb, 2), (gray, 0), (rgba, 6))),
            cv2.imencode(".png", wide)[1].tobytes(),
        ],
        "animated PNG": [
            *(_saved(one, "PNG", append_images=[one.rotate(180)], **twice) for one in (rgb, rgba, gray, palette)),
            _saved(rgb, "PNG", append_images=[rgb.rotate(180)], default_image=True, **twice),
        ],
        "WebP": [
            _saved(rgb, "WEBP", quality=80),
            _saved(rgba, "WEBP", quality=80),
            _saved(rgb, "WEBP", lossless=True),
            _saved(rgba, "WEBP", lossless=True),
            *(_saved(one, "WEBP", quality=80, append_images=[one.rotate(180)], **twice) for one in (rgb, rgba)),
        ],
        "GIF": [
            _saved(palette, "GIF", interlace=0),
            _saved(palette, "GIF", interlace=1),
            _saved(palette, "GIF", transparency=5),
            _saved(palette, "GIF", append_images=[palette.rotate(180)], **twice),
        ],
        "BMP": [
            *(_saved(image, "BMP") for image in (rgb, rgba, palette, gray, bilevel)),
            *_bmp_runs(np.asarray(palette)),
        ],
        "TIFF": [
            *(_saved(image, "TIFF") for image in (rgb, rgba, gray, palette, bilevel, cmyk)),
            *(
                _saved(one, "TIFF", compression=kind, tiffinfo={278: 8})
                for kind in ("tiff_lzw", "tiff_deflate", "packbits", "jpeg")
                for one in (rgb, gray)
            ),
            *(_saved(bilevel, "TIFF", compression=kind) for kind in ("group3", "group4", "tiff_ccitt", "packbits")),
            *(cv2.imencode(".tiff", wide, [cv2.IMWRITE_TIFF_COMPRESSION, kind])[1].tobytes() for kind in (1, 5, 8)),
        ],
        "AVIF": [
            *(_saved(image, "AVIF", quality=60) for image in (rgb, rgba, gray)),
            _saved(rgb, "AVIF", quality=60, append_images=[rgb.rotate(180)], **twice),
            *(
                cv2.imencode(".avif", wide >> (16 - depth), [cv2.IMWRITE_AVIF_DEPTH, depth])[1].tobytes()
                for depth in (10, 12)
            ),
        ],
        "HEIC": [
            *(_saved_heic(image) for image in (rgb, rgba, gray)),
            _saved_heic(rgb.resize((130, 130)), tile_size=64),
            *(_saved_heic(image, chroma=444) for image in (rgb, rgba)),
        ],
        "PNM": [
            *(_saved(image, "PPM") for image in (rgb, gray, bilevel)),
            f"P3\n# text\n{WIDTH} {HEIGHT}\n255\n{numbers}\n".encode(),
            b"P1 %d %d\n" % (WIDTH, HEIGHT) + b"0 1 1 0 1 " * (HEIGHT * WIDTH // 5),
            b"P6 %d %d 65535\n" % (WIDTH, HEIGHT) + wide.astype(">u2").tobytes(),
        ],
    }


def _png(chunks: Sequence[tuple[bytes, bytes]]) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )


def _interlaced(pixels: np.ndarray[Any, Any], color_type: int) -> bytes:
    passes = [pixels[top::down, left::across] for left, top, across, down in _INTERLACED]
    rows = b"".join(b"\0" + row.tobytes() for one in passes for row in one)
    header = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, color_type, 0, 0, 1)
    return _png([(b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")])


def _bmp_runs(indices: np.ndarray[Any, Any]) -> list[bytes]:
    """Return run-length encoded BMPs of 8 and of 4 bits."""
    half = WIDTH // 2
    eight, four = b"", b""
    for row in indices:
        eight += bytes((0, half)) + row[:half].tobytes() + b"".join(bytes((1, one)) for one in row[half:]) + b"\0\0"
        four += b"".join(bytes((2, one)) for one in row[:half]) + b"\0\0"
    made = []
    for bits, kind, runs in ((8, 1, eight), (4, 2, four)):
        colors = bytes(range(256)) * 4
        colors, runs = colors[: 4 << bits], runs + b"\0\1"
        start = 54 + len(colors)
        info = struct.pack("<IiiHHIIiiII", 40, WIDTH, HEIGHT, 1, bits, kind, len(runs), 0, 0, 0, 0)
        made.append(b"BM" + struct.pack("<IHHI", start + len(runs), 0, 0, start) + info + colors + runs)
    return made


def mutated(form: str, data: bytes, chance: random.Random) -> bytes:
    """Return a damaged copy of an image: its bytes, or its structure with everything around repaired."""
    structural = _STRUCTURAL.get(form)
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        data = structural(data, chance) if structural and chance.random() < 0.6 else _bytes(data, chance)
    return data


def _bytes(data: bytes, chance: random.Random) -> bytes:
    changed, size = bytearray(data), max(1, len(data))
    at, span = chance.randrange(size), chance.choice((1, 2, 4, 16, 64))
    match chance.randrange(8):
        case 0:
            changed[at : at + 1] = bytes((chance.randrange(256),))
        case 1:
            changed[at : at + 1] = bytes((data[at] ^ 1 << chance.randrange(8),)) if data else b""
        case 2:
            del changed[at : at + span]
        case 3:
            changed[at:at] = chance.randbytes(span)
        case 4:
            other = chance.randrange(size)
            changed[at : at + span] = data[other : other + span]
        case 5:
            changed[at : at + span] = bytes((chance.choice((0, 255)),)) * span
        case 6:  # a number, as formats store them
            order = chance.choice("<>") + chance.choice("HI")
            changed[at : at + struct.calcsize(order)] = struct.pack(order, chance.choice(_NUMBERS))
        case 7:  # cut, with the end put back
            kept = chance.choice((0, 1, 2, 12, 16))
            return data[:at] + data[max(at, size - kept) :]
    return bytes(changed)


def _mutated_png(data: bytes, chance: random.Random) -> bytes:
    chunks, position = [], 8
    while position + 12 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, position)
        chunks.append((kind, data[position + 8 : position + 8 + size]))
        position += 12 + size
    if not chunks:
        return data
    at = chance.randrange(len(chunks))
    kind, body = chunks[at]
    match chance.randrange(6):
        case 0:
            del chunks[at]
        case 1:
            chunks.insert(chance.randrange(len(chunks) + 1), chunks[at])
        case 2 if kind in (b"IDAT", b"fdAT"):  # compressed again, with more, less or other rows
            try:
                rows = zlib.decompress(body[4:] if kind == b"fdAT" else body)
            except zlib.error:
                rows = b""
            chunks[at] = kind, (body[:4] if kind == b"fdAT" else b"") + zlib.compress(_bytes(rows, chance))
        case 3:
            kinds = (b"IDAT", b"fdAT", b"acTL", b"fcTL", b"PLTE", b"tRNS", b"tEXt")
            chunks[at] = chance.choice(kinds), body
        case 4 if chunks[0][0] == b"IHDR" and len(chunks[0][1]) == 13:
            fields = list(struct.unpack(">IIBBBBB", chunks[0][1]))
            which = chance.choice((0, 1, 2, 3, 6))
            fields[which] = chance.choice(_NUMBERS[:13] if which < 2 else (0, 1, 2, 3, 4, 6, 8, 16))
            chunks[0] = b"IHDR", struct.pack(">IIBBBBB", *fields)
        case _:
            chunks[at] = kind, _bytes(body, chance)
    return _png(chunks)


def _mutated_jpeg(data: bytes, chance: random.Random) -> bytes:
    markers = [at for at in range(len(data) - 1) if data[at] == 0xFF and 0xC0 <= data[at + 1] < 0xFF] or [0]
    at = chance.choice(markers)
    scan = data.rfind(b"\xff\xda")
    cut = chance.randrange(max(scan, 0), len(data)) if data else 0
    match chance.randrange(6):
        case 0:
            return data[:cut] + b"\xff\xd9"
        case 1:  # a later end belongs to something else
            return data[:cut] + chance.choice(
                (data, b"\xff\xe1\0\x06\xff\xd9xx", b"\xff\xd8\xff\xd9", b"\xff\xdb\xff\xd9")
            )
        case 2:
            return data[:at] + chance.randbytes(chance.choice((1, 2, 5))) + data[at:]
        case 3:
            return data[:at] + data[chance.choice(markers) :]
        case 4:
            end = chance.choice(markers)
            return data[:at] + data[min(at, end) : max(at, end)] + data[at:]
        case _:  # the size, the sampling, or how a scan is told
            frame = chance.choice([one for one in markers if data[one + 1 : one + 2] in b"\xc0\xc2\xda\xdd"] or markers)
            place = frame + 4 + chance.randrange(10)
            return data[:place] + bytes((chance.choice((0, 1, 2, 8, 17, 33, 34, 63)),)) + data[place + 1 :]


def _mutated_webp(data: bytes, chance: random.Random) -> bytes:
    chunks, position = [], 12
    while position + 8 <= len(data):
        kind, size = struct.unpack_from("<4sI", data, position)
        chunks.append((kind, data[position + 8 : position + 8 + size]))
        position += 8 + size + (size & 1)
    if not chunks:
        return data
    at = chance.randrange(len(chunks))
    kind, body = chunks[at]
    match chance.randrange(3):
        case 0:
            chunks[at] = kind, _bytes(body, chance)
        case 1:
            del chunks[at]
        case _:
            chunks[at] = kind, body[: chance.randrange(len(body) + 1)]
    whole = b"".join(kind + struct.pack("<I", len(body)) + body + b"\0" * (len(body) & 1) for kind, body in chunks)
    return b"RIFF" + struct.pack("<I", len(whole) + 4) + b"WEBP" + whole


def _mutated_tiff(data: bytes, chance: random.Random) -> bytes:
    order = "<" if data[:2] == b"II" else ">"
    changed = bytearray(data)
    try:
        (directory,) = struct.unpack_from(order + "I", data, 4)
        (count,) = struct.unpack_from(order + "H", data, directory)
        entry = directory + 2 + 12 * chance.randrange(max(1, count))
        tag, kind, values, offset = struct.unpack_from(order + "HHII", data, entry)
        code = {3: "H", 4: "I"}.get(kind, "B")
        place = entry + 8 if struct.calcsize(code) * values <= 4 else offset
        match chance.randrange(4):
            case 0:
                struct.pack_into(order + "I", changed, entry + 4, max(0, values + chance.choice((-1, 1))))
            case 1:
                struct.pack_into(
                    order + "H", changed, entry, chance.choice((256, 258, 259, 266, 277, 284, 317, 322, 347))
                )
            case _:
                place += struct.calcsize(code) * chance.randrange(min(values, 8) or 1)
                (old,) = struct.unpack_from(order + code, data, place)
                new = chance.choice((old // 2, old - 1, old + 1, *_NUMBERS, 5, 32773)) if tag != 254 else 0
                struct.pack_into(order + code, changed, place, new)
    except struct.error:
        return data
    return bytes(changed)


def _mutated_avif(data: bytes, chance: random.Random) -> bytes:
    wanted = chance.choice((b"av1C", b"pixi", b"ispe", b"mdat", b"mdat", b"iloc", b"stsz", b"ftyp", b"auxC"))
    at = data.find(wanted)
    if at < 0:
        return data
    end = len(data) if wanted == b"mdat" else min(len(data), at + 24)
    return data[: at + 4] + _bytes(data[at + 4 : end], chance).ljust(end - at - 4, b"\0")[: end - at - 4] + data[end:]


_STRUCTURAL: dict[str, Callable[[bytes, random.Random], bytes]] = {
    "PNG": _mutated_png,
    "animated PNG": _mutated_png,
    "JPEG": _mutated_jpeg,
    "WebP": _mutated_webp,
    "TIFF": _mutated_tiff,
    "AVIF": _mutated_avif,
}
