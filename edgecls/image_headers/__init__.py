"""What an encoded picture says about itself, read from its first bytes without decoding it.

The header is read before the decoder allocates anything: format, size, orientation, and how
samples are stored. Formats that have no file here never reach a decoder.
"""

from edgecls.image_headers.header import ImageHeader
from edgecls.image_headers.read import read_header

__all__ = ["ImageHeader", "read_header"]
