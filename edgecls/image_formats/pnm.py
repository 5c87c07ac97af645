"""PPM, PGM and PBM (netpbm's ppm(5))."""

from collections.abc import Iterator

from edgecls.image_formats.header import DamagedHeaderError, ImageHeader

__all__ = ["read_pnm"]


def read_pnm(data: bytes) -> ImageHeader:
    """Read the words of the header."""
    tokens = _pnm_tokens(data)
    magic, width, height = next(tokens), int(next(tokens)), int(next(tokens))
    if magic in (b"P1", b"P4"):
        return ImageHeader("PBM", width, height)
    sample_max = int(next(tokens))
    if not 1 <= sample_max <= 65535:
        raise DamagedHeaderError(f"the largest value in a PPM file must be from 1 to 65535, it says {sample_max}")
    is_binary = magic in (b"P5", b"P6")
    # OpenCV scales the samples of the text kinds to 0..255 and returns those of the binary kinds as they are.
    return ImageHeader("PPM", width, height, sample_max=sample_max if is_binary else 255)


def _pnm_tokens(data: bytes) -> Iterator[bytes]:
    """Yield the words of a netpbm header; comments run from # to the end of the line."""
    head = data[:4096]
    position = 0
    while position < len(head):
        if head[position] == ord("#"):
            position = (head.find(b"\n", position) + 1) or len(head)
        elif head[position : position + 1].isspace():
            position += 1
        else:
            start = position
            while position < len(head) and not head[position : position + 1].isspace() and head[position] != ord("#"):
                position += 1
            yield head[start:position]
    raise DamagedHeaderError("the PPM header is cut short")
