"""XML documents as text: where their elements are, so that lists can be inserted and nothing else changes."""

import codecs
import re
from dataclasses import dataclass, field

__all__ = ["SEPARATOR", "Edit", "Element", "edited", "encoding_of", "insertion", "parsed", "without_attribute"]

SEPARATOR = "\n"
"""Stands between the namespace and the name of an attribute."""

MAX_ELEMENTS = 200_000  # a few hundred bytes of memory each
MAX_INDENT = 200  # bytes of white space before an element that new ones may have as well
_ATTRIBUTE_PATTERN = rb"""\s+([^\s=>/]+)\s*=\s*("[^"]*"|'[^']*')"""
_ATTRIBUTE = re.compile(_ATTRIBUTE_PATTERN)
_TAG_NAME = re.compile(rb"<([^\s/>]+)")
_START_TAG = re.compile(rb"<[^\s/>]+(?:" + _ATTRIBUTE_PATTERN + rb")*\s*/?>")
_DECLARED_ENCODING = re.compile(rb"""^\s*<\?xml[^>]*?encoding\s*=\s*["']([A-Za-z0-9._-]+)["']""")
_BYTE_ORDER_MARKS = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}


@dataclass(slots=True)
class Element:
    """An element, and where it is in the text.

    Attributes:
        tag: Its namespace and its name.
        prefix: What stands for the namespace; "" if nothing does.
        attributes: Their values by namespace, SEPARATOR and name.
        start: Where it begins, in bytes.
        tag_end: Where its start tag ends.
        content_end: Where its content ends.
        end: Where it ends.
        children: The elements in it.
        texts: The text in it, apart from that of its children, in pieces.
    """

    tag: tuple[str, str]
    prefix: str
    attributes: dict[str, str]
    start: int
    tag_end: int
    content_end: int = 0
    end: int = 0
    children: "list[Element]" = field(default_factory=list)
    texts: list[str] = field(default_factory=list)

    def sibling_name(self, name: str) -> str:
        """Return a name in the namespace of this element."""
        return f"{self.prefix}:{name}" if self.prefix else name

    @property
    def text(self) -> str:
        """The text without white space around it."""
        return "".join(self.texts).strip()


@dataclass(frozen=True, slots=True, order=True)
class Edit:
    """A part of the text, in bytes, and what comes in its place."""

    start: int
    end: int
    replacement: str


def edited(text: bytes, edits: "list[Edit]") -> bytes:
    """Return a text after edits that do not overlap."""
    for edit in sorted(edits, reverse=True):
        text = text[: edit.start] + edit.replacement.encode() + text[edit.end :]
    return text


def without_attribute(text: bytes, element: Element, name: str) -> Edit:
    """Return how to take an attribute out of a start tag."""
    tag = _TAG_NAME.match(text, element.start)
    written = _ATTRIBUTE.finditer(text, tag.end() if tag else element.start, element.tag_end)
    others = [match for match in written if not match[1].startswith(b"xmlns")]
    match = others[list(element.attributes).index(name)]
    return Edit(match.start(), match.end(), "")


def insertion(text: bytes, parent: Element, opening: list[str], values: list[str], item: str = "rdf:li") -> Edit:
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
        return Edit(place, place, inserted)
    if text.endswith(b"/>", parent.start, parent.tag_end):
        tag = _TAG_NAME.match(text, parent.start)
        name = "" if tag is None else tag[1].decode()
        return Edit(parent.tag_end - 2, parent.tag_end, f">{inserted}{outer_gap}</{name}>")
    return Edit(parent.tag_end, parent.content_end, inserted + outer_gap)


def _nested(opening: list[str], values: list[str], item: str, gap: str) -> str:
    """Return elements within each other, with items in the innermost, each after a gap."""
    if not opening:
        return "".join(f"{gap}<{item}>{_escaped(value)}</{item}>" for value in values)
    inner = _nested(opening[1:], values, item, gap and gap + " ")
    return f"{gap}<{opening[0]}>{inner}{gap}</{opening[0].partition(' ')[0]}>"


def _gap_before(text: bytes, element: Element) -> str:
    """Return the white space between an element and what comes before it, from the last line break on."""
    before = text[max(0, element.start - MAX_INDENT) : element.start]
    gap = before[len(before.rstrip()) :]
    return gap[gap.rfind(b"\n") :].decode() if b"\n" in gap else ""


def _escaped(text: str) -> str:
    for char, reference in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("\r", "&#13;")):
        text = text.replace(char, reference)
    return text


def encoding_of(data: bytes) -> tuple[bytes, str]:
    """Return the byte order mark of a text, or b"", and its encoding."""
    for mark, encoding in _BYTE_ORDER_MARKS.items():
        if data.startswith(mark):
            return mark, encoding
    declared = _DECLARED_ENCODING.match(data)
    return b"", "utf-8" if declared is None else declared[1].decode().lower()


def parsed(text: bytes) -> Element:
    """Return the root of a document in UTF-8, whatever encoding it declares.

    Raises:
        ValueError: It is not well-formed, has too many elements, or has a document type declaration, by which it could
            grow without bound.
    """
    from xml.parsers import expat

    parser = expat.ParserCreate("utf-8", SEPARATOR)
    parser.namespace_prefixes = True
    parser.buffer_text = True
    root = Element(("", ""), "", {}, 0, 0)
    open_elements = [root]
    count = 0

    def split(name: str) -> tuple[tuple[str, str], str]:
        uri, local, prefix = ([*name.split(SEPARATOR), ""] if SEPARATOR in name else ["", name, ""])[:3]
        return (uri, local), prefix

    def start(name: str, attributes: dict[str, str]) -> None:
        tag, prefix = split(name)
        place = parser.CurrentByteIndex
        nonlocal count
        count += 1
        if count > MAX_ELEMENTS:
            raise ValueError(f"it has more than {MAX_ELEMENTS} elements")
        match = _START_TAG.match(text, place)
        if match is None:
            raise ValueError("it has a tag that cannot be understood")
        named = {SEPARATOR.join(split(key)[0]): value for key, value in attributes.items()}
        element = Element(tag, prefix, named, place, match.end())
        open_elements[-1].children.append(element)
        open_elements.append(element)

    def end(_: str) -> None:
        element = open_elements.pop()
        element.content_end = element.end = parser.CurrentByteIndex
        if element.end > element.tag_end or not text.endswith(b"/>", element.start, element.tag_end):
            element.end = text.index(b">", element.content_end) + 1

    def refuse_dtd(*_: object) -> None:
        raise ValueError("it has a document type declaration")

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = lambda data: open_elements[-1].texts.append(data)
    parser.StartDoctypeDeclHandler = refuse_dtd
    try:
        parser.Parse(text, True)
    except expat.ExpatError as error:
        raise ValueError(f"it is not XML ({error})") from error
    return root.children[0]
