"""Keywords in XMP sidecars: `photo.jpg.xmp` beside `photo.jpg`, as digiKam, Immich, PhotoPrism and darktable read them.

There are three lists of them. dc:subject is the standard one. Lightroom and digiKam have hierarchies of their own:
digiKam reads its list instead of dc:subject where there is one, and Immich reads nothing but the two.

An existing sidecar is merged into by inserting text, never by writing it anew from what was parsed. So everything
else in it stays as it is, byte for byte: other properties and namespaces, their prefixes, order and spacing, comments.
"""

import os
import re
import shutil
import unicodedata
from collections.abc import Iterable
from pathlib import Path
from typing import Self

from edgecls.atomic_write import whole_files
from edgecls.errors import SidecarError
from edgecls.regular_file import open_regular
from edgecls.xml_text import SEPARATOR, Edit, Element, edited, encoding_of, insertion, parsed, without_attribute

__all__ = ["add_keywords", "read_keywords", "sidecar_path"]

MAX_BYTES = 16 << 20  # of a sidecar; those with the history of an edited photo have a few megabytes

_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_WRAPPER = "adobe:ns:meta/"
_CONTAINERS = {(_RDF, "Bag"), (_RDF, "Seq"), (_RDF, "Alt")}
_SUBJECT = ("http://purl.org/dc/elements/1.1/", "subject")
_LIGHTROOM = ("http://ns.adobe.com/lightroom/1.0/", "hierarchicalSubject")
_DIGIKAM = ("http://www.digikam.org/ns/1.0/", "TagsList")
_HIERARCHIES = {_LIGHTROOM: ("|", "/"), _DIGIKAM: ("/", "\\")}
"""What separates the levels there, and what is written for it in a keyword."""

_EMPTY_SIDECAR = f"""<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="{_WRAPPER}" x:xmptk="edgecls">
 <rdf:RDF xmlns:rdf="{_RDF}">
  <rdf:Description rdf:about=""/>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>
""".encode()
_NEW_LISTS = {
    _SUBJECT: (f'dc:subject xmlns:dc="{_SUBJECT[0]}"', "rdf:Bag"),
    _DIGIKAM: (f'digiKam:TagsList xmlns:digiKam="{_DIGIKAM[0]}"', "rdf:Seq"),
}
"""The start tags of a list that is made, and of what is in it."""
_DECLARED_RDF = f'xmlns:rdf="{_RDF}"'
_PARSE_TYPE = f"{_RDF}{SEPARATOR}parseType"
_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def sidecar_path(image_path: str | os.PathLike[str]) -> Path:
    """Return the path of an image's sidecar: its whole name with .xmp after it."""
    path = Path(image_path)
    return path.with_name(f"{path.name}.xmp")


def read_keywords(image_path: str | os.PathLike[str]) -> list[str]:
    """Return the keywords in the sidecar of an image (dc:subject), in their order; none if it has no sidecar.

    Raises:
        SidecarError: The sidecar cannot be read, or is no XMP.
    """
    path = sidecar_path(image_path)
    data = _read(path)
    return [] if data is None else _Sidecar(path, data).keywords()


def add_keywords(image_path: str | os.PathLike[str], keywords: Iterable[str]) -> Path:
    """Add keywords to the sidecar of an image (dc:subject); the image itself is not touched.

    A sidecar is made if there is none. Keywords that it has already are not added again, and if it has all, it is not
    written. None is ever removed. The lists of Lightroom and digiKam get them, too, where they are; if there is
    neither, digiKam's is made with all keywords.

    Args:
        image_path: The image.
        keywords: Any text. White space around it is dropped, and what XML cannot hold (control characters, lone
            surrogates) becomes U+FFFD.

    Returns:
        The path of the sidecar.

    Raises:
        SidecarError: The sidecar that is there cannot be read or merged into; it was left as it is.
        OutputError: It cannot be written.
    """
    path = sidecar_path(image_path)
    wanted = dict.fromkeys(text for keyword in keywords if (text := _NOT_IN_XML.sub("\ufffd", keyword).strip()))
    before = _read(path)
    merged = _Sidecar(path, _EMPTY_SIDECAR if before is None else before).with_keywords(list(wanted))
    if merged != (_EMPTY_SIDECAR if before is None else before):
        there = set(map(_folded, _Sidecar(path, merged).keywords()))
        if missing := [keyword for keyword in wanted if _folded(keyword) not in there]:
            raise _refusal(path, f"the keyword {missing[0]!r} cannot be added to it")
        target = os.path.realpath(path)  # of a link, what it leads to
        with whole_files(target) as (temporary,):
            temporary.write_bytes(merged)
            if before is not None:
                shutil.copymode(target, temporary)
    return path


def _read(path: Path) -> bytes | None:
    """Return the bytes of a sidecar; None if there is none."""
    try:
        with open_regular(path) as stream:
            data = stream.read(MAX_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SidecarError(f"cannot read the sidecar {str(path)!r}: {error.strerror or error}; remove it") from error
    if len(data) > MAX_BYTES:
        raise _refusal(path, f"it is larger than {MAX_BYTES >> 20} MiB")
    return data


def _refusal(path: Path, reason: str) -> SidecarError:
    return SidecarError(
        f"cannot use the sidecar {str(path)!r}: {reason}; it was left as it is: mend it, or move it away for a new one"
    )


class _Sidecar:
    """The text of a sidecar and its elements.

    Raises:
        SidecarError: It is no XMP.
    """

    def __init__(self, path: Path, data: bytes) -> None:
        self._path = path
        self._data = data
        self._mark, self._encoding = encoding_of(data)
        encoded = data[len(self._mark) :]
        try:
            self._text = encoded.decode(self._encoding).encode("utf-8")
            if self._text.decode("utf-8").encode(self._encoding) != encoded:
                raise ValueError("it would not stay the same")
        except (ValueError, LookupError) as error:
            raise _refusal(path, f"it cannot be read as text in {self._encoding} ({error})") from error
        try:
            self._root = parsed(self._text)
        except ValueError as error:
            raise _refusal(path, str(error)) from error
        trees = [element for element in (self._root, *self._root.children) if element.tag == (_RDF, "RDF")]
        if not trees and self._root.tag[0] != _WRAPPER:
            raise _refusal(path, "it is XML, but not XMP: there is no rdf:RDF in it")
        self._rdf = trees[0] if trees else None
        self._descriptions = [] if self._rdf is None else self._rdf.children

    def keywords(self) -> list[str]:
        """Return the keywords."""
        return self._values(_SUBJECT)

    def with_keywords(self, wanted: list[str]) -> bytes:
        """Return the bytes of the file with those keywords that it does not have added."""
        sidecar = self._with(_SUBJECT, wanted)
        hierarchies = [tag for tag in _HIERARCHIES if self._values(tag)]
        if not hierarchies and sidecar is not self:
            hierarchies, wanted = [_DIGIKAM], sidecar.keywords()
        for tag in hierarchies:
            separator, substitute = _HIERARCHIES[tag]
            leaves = {_folded(value.rpartition(separator)[2]) for value in self._values(tag)}
            names = [text.replace(separator, substitute) for text in wanted]
            sidecar = sidecar._with(tag, [name for name in names if _folded(name) not in leaves])
        return sidecar._data

    def _with(self, tag: tuple[str, str], wanted: list[str]) -> Self:
        """Return the sidecar with keywords in one of the lists; itself if it has them all."""
        edits = self._additions(tag, wanted)
        if not edits:
            return self
        data = self._mark + edited(self._text, edits).decode().encode(self._encoding, "xmlcharrefreplace")
        return type(self)(self._path, data)

    def _properties(self, tag: tuple[str, str]) -> list[Element]:
        return [child for description in self._descriptions for child in description.children if child.tag == tag]

    def _containers(self, tag: tuple[str, str]) -> list[Element]:
        return [child for found in self._properties(tag) for child in found.children if child.tag in _CONTAINERS]

    def _values(self, tag: tuple[str, str]) -> list[str]:
        values = [element.attributes.get(SEPARATOR.join(tag), "").strip() for element in self._descriptions]
        values += [found.text for found in self._properties(tag) if not found.children]
        values += [item.text for container in self._containers(tag) for item in container.children]
        return [value for value in values if value]

    def _additions(self, tag: tuple[str, str], wanted: list[str]) -> list[Edit]:
        """Return how to add those keywords to a property that it does not have, as a list if it is none yet."""
        there = set(map(_folded, self._values(tag)))
        new = [text for text in wanted if _folded(text) not in there]
        if not new:
            return []
        if containers := self._containers(tag):
            return [insertion(self._text, containers[0], [], new, item=containers[0].sibling_name("li"))]
        property_tag, kind = _NEW_LISTS.get(tag, _NEW_LISTS[_SUBJECT])
        bag = kind if self._rdf is not None and self._rdf.prefix == "rdf" else f"{kind} {_DECLARED_RDF}"
        if found := self._properties(tag):
            if found[0].children or _PARSE_TYPE in found[0].attributes:
                raise _refusal(self._path, f"its {tag[1]} is not a list")
            cleared = Edit(found[0].tag_end, found[0].content_end, "")
            values = [value for value in (found[0].text, *new) if value]
            return [cleared, insertion(self._text, found[0], [bag], values)]
        name = SEPARATOR.join(tag)
        for element in self._descriptions:
            if name in element.attributes:
                values = [value for value in (element.attributes[name].strip(), *new) if value]
                return [
                    without_attribute(self._text, element, name),
                    insertion(self._text, element, [property_tag, bag], values),
                ]
        by_place = sorted(self._descriptions, key=lambda element: _SUBJECT not in [it.tag for it in element.children])
        for element in by_place:  # where dc:subject is, if it is there
            if element.tag == (_RDF, "Description"):
                return [insertion(self._text, element, [property_tag, bag], new)]
        opening = [f'rdf:Description {_DECLARED_RDF} rdf:about=""', property_tag, kind]
        if self._rdf is not None:
            return [insertion(self._text, self._rdf, opening, new)]
        return [insertion(self._text, self._root, [f"rdf:RDF {_DECLARED_RDF}", *opening], new)]


def _folded(text: str) -> str:
    """Return what two keywords that look alike have in common: letters with accents may be written as one or as two."""
    return unicodedata.normalize("NFC", text)
