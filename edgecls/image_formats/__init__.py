"""What is particular to the formats of images: what their first bytes say, and decoding what they store.

The header is read before the decoder allocates anything: format, size, orientation, and how samples are stored. Formats
that have no file here never reach a decoder.
"""

from edgecls.image_formats.header import ImageHeader
from edgecls.image_formats.read import read_header

__all__ = ["ImageHeader", "read_header"]
