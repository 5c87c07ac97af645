"""Keywords in XMP sidecars: `photo.jpg.xmp` beside `photo.jpg`, as digiKam, Immich, PhotoPrism and darktable read them.

There are three lists of them. dc:subject is the standard one. Lightroom and digiKam have hierarchies of their own:
digiKam reads its list instead of dc:subject where there is one, and Immich reads nothing but the two.

An existing sidecar is merged into by inserting text, never by writing it anew from what was parsed. So everything
else in it stays as it is, byte for byte: other properties and namespaces, their prefixes, order and spacing, comments.
"""

import codecs
import os
import re
import shutil
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from edgecls.atomic_write import whole_files
from edgecls.errors import SidecarError
from edgecls.regular_file import open_regular

__all__ = ["add_keywords", "read_keywords", "sidecar_path"]

MAX_BYTES = 64 << 20  # of a sidecar; those with the history of an edited photo have a few megabytes
MAX_INDENT = 200  # bytes of white space before an element that new ones may have as well

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
_SEPARATOR = "\n"  # between namespace, name and prefix, as the parser gives them
_PARSE_TYPE = f"{_RDF}{_SEPARATOR}parseType"
_ATTRIBUTE_PATTERN = rb"""\s+([^\s=>/]+)\s*=\s*("[^"]*"|'[^']*')"""
_ATTRIBUTE = re.compile(_ATTRIBUTE_PATTERN)
_TAG_NAME = re.compile(rb"<([^\s/>]+)")
_START_TAG = re.compile(rb"<[^\s/>]+(?:" + _ATTRIBUTE_PATTERN + rb")*\s*/?>")
_DECLARED_ENCODING = re.compile(rb"""^\s*<\?xml[^>]*?encoding\s*=\s*["']([A-Za-z0-9._-]+)["']""")
_BYTE_ORDER_MARKS = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
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


@dataclass(slots=True)
class _Element:
    """An element, and where it is in the text: its start tag, the end of its content, and its end, in bytes."""

    tag: tuple[str, str]
    prefix: str
    attributes: dict[str, str]
    start: int
    tag_end: int
    content_end: int = 0
    end: int = 0
    children: "list[_Element]" = field(default_factory=list)
    texts: list[str] = field(default_factory=list)

    def sibling_name(self, name: str) -> str:
        """Return a name in the namespace of this element."""
        return f"{self.prefix}:{name}" if self.prefix else name

    @property
    def text(self) -> str:
        return "".join(self.texts).strip()


@dataclass(frozen=True, slots=True, order=True)
class _Edit:
    """A part of the text, in bytes, and what comes in its place."""

    start: int
    end: int
    replacement: str


class _Sidecar:
    """The text of a sidecar and its elements.

    Raises:
        SidecarError: It is no XMP.
    """

    def __init__(self, path: Path, data: bytes) -> None:
        self._path = path
        self._data = data
        self._mark, self._encoding = _encoding_of(data)
        encoded = data[len(self._mark) :]
        try:
            self._text = encoded.decode(self._encoding).encode("utf-8")
            if self._text.decode("utf-8").encode(self._encoding) != encoded:
                raise ValueError("it would not stay the same")
        except (ValueError, LookupError) as error:
            raise _refusal(path, f"it cannot be read as text in {self._encoding} ({error})") from error
        self._root = _parsed(path, self._text)
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
        text = self._text
        for edit in sorted(edits, reverse=True):
            text = text[: edit.start] + edit.replacement.encode() + text[edit.end :]
        data = self._mark + text.decode().encode(self._encoding, "xmlcharrefreplace")
        return type(self)(self._path, data)

    def _properties(self, tag: tuple[str, str]) -> list[_Element]:
        return [child for description in self._descriptions for child in description.children if child.tag == tag]

    def _containers(self, tag: tuple[str, str]) -> list[_Element]:
        return [child for found in self._properties(tag) for child in found.children if child.tag in _CONTAINERS]

    def _values(self, tag: tuple[str, str]) -> list[str]:
        values = [element.attributes.get(_SEPARATOR.join(tag), "").strip() for element in self._descriptions]
        values += [found.text for found in self._properties(tag) if not found.children]
        values += [item.text for container in self._containers(tag) for item in container.children]
        return [value for value in values if value]

    def _additions(self, tag: tuple[str, str], wanted: list[str]) -> list[_Edit]:
        """Return how to add those keywords to a property that it does not have, as a list if it is none yet."""
        there = set(map(_folded, self._values(tag)))
        new = [text for text in wanted if _folded(text) not in there]
        if not new:
            return []
        if containers := self._containers(tag):
            return [_insertion(self._text, containers[0], [], new, item=containers[0].sibling_name("li"))]
        property_tag, kind = _NEW_LISTS.get(tag, _NEW_LISTS[_SUBJECT])
        bag = kind if self._rdf is not None and self._rdf.prefix == "rdf" else f"{kind} {_DECLARED_RDF}"
        if found := self._properties(tag):
            if found[0].children or _PARSE_TYPE in found[0].attributes:
                raise _refusal(self._path, f"its {tag[1]} is not a list")
            cleared = _Edit(found[0].tag_end, found[0].content_end, "")
            values = [value for value in (found[0].text, *new) if value]
            return [cleared, _insertion(self._text, found[0], [bag], values)]
        name = _SEPARATOR.join(tag)
        for element in self._descriptions:
            if name in element.attributes:
                values = [value for value in (element.attributes[name].strip(), *new) if value]
                return [self._without(element, name), _insertion(self._text, element, [property_tag, bag], values)]
        by_place = sorted(self._descriptions, key=lambda element: _SUBJECT not in [it.tag for it in element.children])
        for element in by_place:  # where dc:subject is, if it is there
            if element.tag == (_RDF, "Description"):
                return [_insertion(self._text, element, [property_tag, bag], new)]
        opening = [f'rdf:Description {_DECLARED_RDF} rdf:about=""', property_tag, kind]
        if self._rdf is not None:
            return [_insertion(self._text, self._rdf, opening, new)]
        return [_insertion(self._text, self._root, [f"rdf:RDF {_DECLARED_RDF}", *opening], new)]

    def _without(self, element: _Element, name: str) -> _Edit:
        """Return how to take an attribute out of a start tag."""
        tag = _TAG_NAME.match(self._text, element.start)
        written = _ATTRIBUTE.finditer(self._text, tag.end() if tag else element.start, element.tag_end)
        others = [match for match in written if not match[1].startswith(b"xmlns")]
        match = others[list(element.attributes).index(name)]
        return _Edit(match.start(), match.end(), "")


def _insertion(text: bytes, parent: _Element, opening: list[str], values: list[str], item: str = "rdf:li") -> _Edit:
    """Return how to add a list, or items of one, as the last child of an element, indented as the others.

    Args:
        text: All of it.
        parent: The element.
        opening: What the start tags hold of new elements within each other, down to the list.
        values: Its items.
        item: The name of an item's element.
    """
    outer_gap = _gap_before(text, parent)
    gap = _gap_before(text, parent.children[0]) if parent.children else outer_gap + " " if outer_gap else ""
    inserted = _nested(opening, values, item, gap)
    if parent.children:
        place = parent.children[-1].end
        return _Edit(place, place, inserted)
    if text.endswith(b"/>", parent.start, parent.tag_end):
        tag = _TAG_NAME.match(text, parent.start)
        name = "" if tag is None else tag[1].decode()
        return _Edit(parent.tag_end - 2, parent.tag_end, f">{inserted}{outer_gap}</{name}>")
    return _Edit(parent.tag_end, parent.content_end, inserted + outer_gap)


def _nested(opening: list[str], values: list[str], item: str, gap: str) -> str:
    """Return elements within each other, with items in the innermost, each after a gap."""
    if not opening:
        return "".join(f"{gap}<{item}>{_escaped(value)}</{item}>" for value in values)
    inner = _nested(opening[1:], values, item, gap and gap + " ")
    return f"{gap}<{opening[0]}>{inner}{gap}</{opening[0].partition(' ')[0]}>"


def _gap_before(text: bytes, element: _Element) -> str:
    """Return the white space between an element and what comes before it, from the last line break on."""
    before = text[max(0, element.start - MAX_INDENT) : element.start]
    gap = before[len(before.rstrip()) :]
    return gap[gap.rfind(b"\n") :].decode() if b"\n" in gap else ""


def _escaped(text: str) -> str:
    for char, reference in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("\r", "&#13;")):
        text = text.replace(char, reference)
    return text


def _folded(text: str) -> str:
    """Return what two keywords that look alike have in common: letters with accents may be written as one or as two."""
    return unicodedata.normalize("NFC", text)


def _encoding_of(data: bytes) -> tuple[bytes, str]:
    """Return the byte order mark of a text, or b"", and its encoding."""
    for mark, encoding in _BYTE_ORDER_MARKS.items():
        if data.startswith(mark):
            return mark, encoding
    declared = _DECLARED_ENCODING.match(data)
    return b"", "utf-8" if declared is None else declared[1].decode().lower()


def _parsed(path: Path, text: bytes) -> _Element:
    """Return the root of a document in UTF-8, whatever encoding it declares; one with a DTD is refused."""
    from xml.parsers import expat

    parser = expat.ParserCreate("utf-8", _SEPARATOR)
    parser.namespace_prefixes = True
    parser.buffer_text = True
    root = _Element(("", ""), "", {}, 0, 0)
    open_elements = [root]

    def split(name: str) -> tuple[tuple[str, str], str]:
        uri, local, prefix = ([*name.split(_SEPARATOR), ""] if _SEPARATOR in name else ["", name, ""])[:3]
        return (uri, local), prefix

    def start(name: str, attributes: dict[str, str]) -> None:
        tag, prefix = split(name)
        place = parser.CurrentByteIndex
        match = _START_TAG.match(text, place)
        if match is None:
            raise _refusal(path, "it has a tag that cannot be understood")
        named = {_SEPARATOR.join(split(key)[0]): value for key, value in attributes.items()}
        element = _Element(tag, prefix, named, place, match.end())
        open_elements[-1].children.append(element)
        open_elements.append(element)

    def end(_: str) -> None:
        element = open_elements.pop()
        element.content_end = element.end = parser.CurrentByteIndex
        if element.end > element.tag_end or not text.endswith(b"/>", element.start, element.tag_end):
            element.end = text.index(b">", element.content_end) + 1

    def refuse_dtd(*_: object) -> None:
        raise _refusal(path, "it has a document type declaration, which XMP does not have")

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = lambda data: open_elements[-1].texts.append(data)
    parser.StartDoctypeDeclHandler = refuse_dtd
    try:
        parser.Parse(text, True)
    except expat.ExpatError as error:
        raise _refusal(path, f"it is not XML ({error})") from error
    return root.children[0]
