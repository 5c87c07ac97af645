"""Images, the colour profiles in them, sidecars beside them, and the first bytes of videos."""

import random
import sys
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from icc_profiles import ADOBE_RGB, BT_2020, DISPLAY_P3, SRGB_PROFILE, SRGB_TABLE_PROFILE

from edgecls import image, xmp
from edgecls.errors import ImageError, SidecarError, VideoError
from edgecls.image import ImageLimits
from edgecls.image_formats import read_header
from edgecls.image_formats.color_profile import srgb_conversion
from edgecls.image_spec import Color, Fit, ImageSpec
from edgecls.runtime.video.source import check_file, parse_source, why_unreadable
from edgecls.video_names import is_video
from fuzz.damage import mutated
from fuzz.target import Target, check

sys.path.append(str(Path(__file__).parents[3] / "benchmarks"))
from mutations import corpus  # of benchmarks/fuzz_decoding.py, which compares over dirty memory
from mutations import mutated as mutated_image

LIMITS = ImageLimits(max_bytes=1 << 20, max_pixels=1 << 18)
SPEC = ImageSpec(12, 8, fit=Fit.CROP)


def read_image_header(data: bytes, folder: Path) -> None:
    """The header of an image: its size and orientation, or why it is none."""
    header = read_header(data, name="it")
    check(header.width >= 1 and header.height >= 1, f"an image of {header.width}x{header.height} pixels")
    check(1 <= header.orientation <= 8, f"orientation {header.orientation}")
    check(all(0 < end <= len(data) for end in header.scan_ends), "a scan ends behind the file")
    check(len(header.color_profile) <= max(len(data), image.ImageLimits().max_bytes), "a profile larger than the file")


def decode_image(data: bytes, folder: Path) -> None:
    """An image: pixels of the size that its header has, or why there are none."""
    pixels = image.decode(data, limits=LIMITS)
    height, width = read_header(data, name="it").upright_hw
    check(pixels.shape == (height, width, 3) and pixels.dtype == np.uint8, f"pixels {pixels.shape} {pixels.dtype}")
    gray = image.decode(data, color=Color.GRAY, limits=LIMITS)
    check(gray.shape == (height, width, 1), f"grey pixels {gray.shape}")
    small = image.decode_to_fit(data, SPEC, limits=LIMITS)
    check(small.shape == SPEC.shape_hwc and small.dtype == np.uint8, f"small pixels {small.shape} {small.dtype}")


def read_color_profile(data: bytes, folder: Path) -> None:
    """An ICC profile: a conversion to sRGB that works on pixels, or none."""
    conversion = srgb_conversion.__wrapped__(data)
    if conversion is not None:
        colors = np.arange(256 * 3, dtype=np.uint8).reshape(16, 16, 3)
        converted = conversion(colors)
        check(converted.shape == colors.shape and converted.dtype == np.uint8, f"pixels {converted.shape}")
        check(np.isfinite(conversion.matrix).all() and np.isfinite(conversion.linear).all(), "light without end")


def read_sidecar(data: bytes, folder: Path) -> None:
    """An XMP sidecar: keywords come out as they were put in, and what is there stays; or it is left as it is."""
    photo, wanted = folder / "photo.jpg", ["rose", "weiß & <rot>", "a|b/c", "\ud800"]
    path = xmp.sidecar_path(photo)
    path.write_bytes(data)
    was_xml = _is_xml(data)
    try:
        before = xmp.read_keywords(photo)
        xmp.add_keywords(photo, wanted)
    except SidecarError:
        check(path.read_bytes() == data, "a sidecar that was refused has changed")
        raise
    after = xmp.read_keywords(photo)
    check(set(before) <= set(after), "keywords that were there are gone")
    check({"rose", "weiß & <rot>", "a|b/c"} <= set(after), f"keywords are missing, there are {after}")
    check(_is_xml(path.read_bytes()) or not was_xml, "others cannot read it any more")
    written = path.read_bytes()
    xmp.add_keywords(photo, wanted)
    check(path.read_bytes() == written, "adding the same keywords again changes the sidecar")


def _is_xml(data: bytes) -> bool:
    """Return whether another program than edgecls reads it as XML."""
    try:
        ElementTree.fromstring(data)
    except (ElementTree.ParseError, ValueError, LookupError):
        return False
    return True


def read_video_start(data: bytes, folder: Path) -> None:
    """The first bytes of a file that may be a video."""
    path = folder / "recording"
    path.write_bytes(data)
    is_video(str(path))
    source = parse_source(path)
    check_file(source)
    check(why_unreadable(source).strip(), "no reason is given")


def _images() -> list[bytes]:
    return [data for images in corpus().values() for data in images]


def _damaged_image(data: bytes, chance: random.Random, words: Sequence[bytes]) -> bytes:
    return mutated_image(_form(data), data, chance) if chance.random() < 0.8 else mutated(data, chance, words)


def _form(data: bytes) -> str:
    starts = {b"\xff\xd8": "JPEG", b"\x89P": "PNG", b"RI": "WebP", b"II": "TIFF", b"MM": "TIFF"}
    return "AVIF" if data[4:8] == b"ftyp" else starts.get(data[:2], "other")


def _sidecars() -> list[bytes]:
    rdf = 'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:dc="http://purl.org/dc/elements/1.1/"'
    lists = 'xmlns:lr="http://ns.adobe.com/lightroom/1.0/" xmlns:digiKam="http://www.digikam.org/ns/1.0/"'
    bag = "<rdf:Bag><rdf:li>tulip</rdf:li><rdf:li>红</rdf:li></rdf:Bag>"
    whole = (
        f'<?xpacket begin="\ufeff" id="W5M0"?>\n<x:xmpmeta xmlns:x="adobe:ns:meta/">\n <rdf:RDF {rdf}>\n  '
        f'<rdf:Description rdf:about="" {lists}>\n   <dc:subject>{bag}</dc:subject>\n'
        f"   <lr:hierarchicalSubject>{bag}</lr:hierarchicalSubject><digiKam:TagsList/>\n"
        "  </rdf:Description>\n </rdf:RDF>\n</x:xmpmeta>\n<?xpacket end='w'?>\n"
    )
    attribute = f'<rdf:RDF {rdf}><rdf:Description rdf:about="" dc:subject="tulip"/></rdf:RDF>'
    return [
        whole.encode(),
        whole.encode("utf-16"),
        whole.encode("utf-16-be"),
        b'<?xml version="1.0" encoding="iso-8859-1"?>' + attribute.encode(),
        attribute.encode(),
        f"<rdf:RDF {rdf}/>".encode(),
        b'<!DOCTYPE x [<!ENTITY a "b"><!ENTITY c "&a;&a;">]><x:xmpmeta xmlns:x="adobe:ns:meta/">&c;</x:xmpmeta>',
    ]


def _video_starts() -> list[bytes]:
    def box(kind: bytes, body: bytes = b"") -> bytes:
        return (8 + len(body)).to_bytes(4, "big") + kind + body

    return [
        box(b"ftyp", b"isom\0\0\0\1") + box(b"mdat", bytes(40)),
        box(b"ftyp", b"isom\0\0\0\1") + box(b"moov") + b"\0\0\0\1mdat" + (20).to_bytes(8, "big") + bytes(4),
        b"\x1aE\xdf\xa3" + bytes(20),
        b"RIFF\0\0\0\0AVI LIST",
        (b"G" + bytes(187)) * 2,
    ]


_XML = (
    b"&",
    b"<",
    b">",
    b"<a>",
    b"</a>",
    b"<!--",
    b"-->",
    b"<![CDATA[",
    b"]]>",
    b"&#0;",
    b"&#x110000;",
    b"xmlns:",
    b"rdf:",
)

TARGETS = (
    Target("image_header", read_image_header, _images, (ImageError,), _damaged_image),
    Target("image", decode_image, _images, (ImageError,), _damaged_image, limit_s=10),
    Target(
        "color_profile",
        read_color_profile,
        lambda: [ADOBE_RGB, BT_2020, DISPLAY_P3, SRGB_PROFILE, SRGB_TABLE_PROFILE],
        (),
        words=(b"curv", b"para", b"XYZ ", b"mluc", b"desc", b"rTRC", b"gTRC", b"bXYZ"),
    ),
    Target("xmp_sidecar", read_sidecar, _sidecars, (SidecarError,), words=_XML),
    Target("video_start", read_video_start, _video_starts, (VideoError,), words=(b"ftyp", b"moov", b"mdat")),
)
