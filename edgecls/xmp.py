"""XMP sidecars: the keywords of a photo in a file beside it, ``photo.jpg.xmp``, which photo managers read.

Keywords are added to what a sidecar has; everything else in it stays as it is, byte by byte, because only text for the
new keywords is put in (XMP specification, part 1: ``dc:subject`` is an unordered array of texts).
"""

import os
import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from xml.parsers import expat

from edgecls.atomic_write import whole_files
from edgecls.errors import OutputError
from edgecls.regular_file import open_regular

__all__ = ["add_keywords", "read_keywords", "sidecar_path"]

MAX_BYTES = 16 << 20
"""Of a sidecar; a larger one is no list of keywords."""

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
DC = "http://purl.org/dc/elements/1.1/"
_BETWEEN = " "  # between namespace and name, as expat reports them
_SUBJECT = f"{DC}{_BETWEEN}subject"
_ARRAYS = tuple(f"{RDF}{_BETWEEN}{kind}" for kind in ("Bag", "Seq", "Alt"))
_ITEM, _DESCRIPTION, _RDF = (f"{RDF}{_BETWEEN}{name}" for name in ("li", "Description", "RDF"))
_ABOUT = f"{RDF}{_BETWEEN}about"

_NEW = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="edgecls">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>
"""


def sidecar_path(image_path: str | os.PathLike[str]) -> Path:
    """Return where the sidecar of an image is: the whole file name, and ``.xmp``."""
    return Path(f"{os.fspath(image_path)}.xmp")


def add_keywords(image_path: str | os.PathLike[str], keywords: list[str]) -> Path:
    """Add keywords to the sidecar of an image; those that it has already are not added again.

    The sidecar is made if there is none. The image is not touched, and need not exist. Characters that XML does not
    allow are written as U+FFFD.

    Args:
        image_path: The image.
        keywords: Texts.

    Returns:
        The path of the sidecar.

    Raises:
        OutputError: There is a sidecar that is no XMP, or it cannot be read or written; it is as it was.
    """
    path = sidecar_path(image_path)
    real = Path(os.path.realpath(path))  # a link stays one
    try:
        data = _read(real)
    except FileNotFoundError:
        data = None
    except OSError as error:
        raise OutputError(f"cannot read {str(path)!r}: {error.strerror or error}; make it readable") from error
    wanted = list(dict.fromkeys(filter(None, map(_clean, keywords))))
    before = _parsed(data if data is not None else _NEW.encode(), path)
    missing = [keyword for keyword in wanted if keyword not in before.keywords]
    if not missing:
        return path
    with whole_files(real) as (temporary,):
        temporary.write_bytes(_with_keywords(before, missing))
        if data is not None:
            shutil.copymode(real, temporary)
    return path


def read_keywords(path: str | os.PathLike[str]) -> list[str]:
    """Return the keywords in a sidecar, in its order, each once.

    Raises:
        FileNotFoundError: It is not there.
        OSError: It cannot be read.
        OutputError: It is no XMP.
    """
    return list(dict.fromkeys(_parsed(_read(Path(path)), Path(path)).keywords))


def _read(path: Path) -> bytes:
    with open_regular(path) as stream:
        return stream.read(MAX_BYTES + 1)


def _clean(keyword: str) -> str:
    """Return a keyword as a parser will return it: no surrounding blanks, only what XML allows."""
    return re.sub("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "\ufffd", keyword).strip()


@dataclass
class _Element:
    """A place in the file.

    Attributes:
        start: Where its start tag begins, in bytes.
        content: Where its content begins; None if it has none.
        end: Where its end tag begins; where it ends if it has none.
    """

    start: int
    content: int | None = None
    end: int = 0


@dataclass
class _Sidecar:
    """What is needed of a sidecar, and where it stands.

    Attributes:
        data: All bytes, in UTF-8 or another encoding that has ASCII in it.
        is_utf8: Whether it is UTF-8.
        keywords: All that it has.
        about: What its descriptions are about; XMP wants the same of all.
        rdf: The element of all descriptions.
        subject: The first list of keywords, if there is one.
        array: The array in that, if there is one.
    """

    data: bytes
    is_utf8: bool
    keywords: list[str] = field(default_factory=list)
    about: str = ""
    rdf: _Element | None = None
    subject: _Element | None = None
    array: _Element | None = None


class _Reader:
    """Takes the events of a parser."""

    def __init__(self, data: bytes) -> None:
        self.found = _Sidecar(data, is_utf8=True)
        self._path: list[tuple[str, _Element]] = []
        self._text: list[str] = []
        self._parser = parser = expat.ParserCreate(namespace_separator=_BETWEEN)
        parser.buffer_text = False  # so that every event tells where it is
        parser.XmlDeclHandler = self._declared
        parser.StartDoctypeDeclHandler = self._doctype
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        parser.CommentHandler = lambda _text: self._note()
        parser.ProcessingInstructionHandler = lambda _target, _text: self._note()
        parser.Parse(data, True)

    def _note(self) -> None:
        """The content of the innermost element begins here, if it has not begun."""
        if self._path and self._path[-1][1].content is None:
            self._path[-1][1].content = self._parser.CurrentByteIndex

    def _declared(self, _version: str, encoding: str | None, _standalone: int) -> None:
        self.found.is_utf8 = encoding is None or encoding.lower() in ("utf-8", "utf8")

    def _doctype(self, *_: object) -> None:
        raise ValueError("it has a document type declaration, which XMP has not")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._note()
        element = _Element(self._parser.CurrentByteIndex)
        found, parent = self.found, self._path[-1][0] if self._path else None
        if name == _RDF and found.rdf is None:
            found.rdf = element
        elif name == _DESCRIPTION and parent == _RDF:
            found.about = found.about or attributes.get(_ABOUT, "")
        elif name == _SUBJECT and parent == _DESCRIPTION:
            found.subject = found.subject or element
        elif name in _ARRAYS and parent == _SUBJECT and found.array is None and found.subject is self._path[-1][1]:
            found.array = element
        self._path.append((name, element))
        self._text = []

    def _characters(self, text: str) -> None:
        self._note()
        self._text.append(text)

    def _end(self, name: str) -> None:
        _, element = self._path.pop()
        element.end = self._parser.CurrentByteIndex
        names = [name, *(outer for outer, _ in reversed(self._path))]
        text = "".join(self._text).strip()
        in_array = name == _ITEM and names[1] in _ARRAYS and names[2] == _SUBJECT
        if text and (in_array or name == _SUBJECT):
            self.found.keywords.append(text)
        self._text = []


def _parsed(data: bytes, path: Path) -> _Sidecar:
    try:
        if len(data) > MAX_BYTES:
            raise ValueError(f"it has more than {MAX_BYTES >> 20} MiB")
        if data.startswith((b"\xff\xfe", b"\xfe\xff")):
            text = re.sub(
                r"(<\?xml[^>]*?)\s+encoding\s*=\s*(\"[^\"]*\"|'[^']*')", r"\1", data.decode("utf-16"), count=1
            )
            data = text.encode()
        found = _Reader(data).found
        if found.rdf is None:
            raise ValueError("it has no rdf:RDF")
    except (expat.ExpatError, ValueError) as error:
        raise OutputError(
            f"cannot read {str(path)!r} as XMP: {error}; repair it, or move it away and a new one is made"
        ) from error
    return found


def _with_keywords(sidecar: _Sidecar, keywords: list[str]) -> bytes:
    """Return the bytes with keywords added, at the deepest place that is there."""
    if sidecar.array is not None:
        prefix = _prefix(sidecar, sidecar.array)
        return _inserted(sidecar, sidecar.array, _items(keywords, prefix))
    bag = f'<rdf:Bag xmlns:rdf="{RDF}">{{}}\n    </rdf:Bag>'
    if sidecar.subject is not None:
        subject = sidecar.subject
        start = subject.end if subject.content is None else subject.content
        before = sidecar.data[start : subject.end].decode("utf-8" if sidecar.is_utf8 else "latin-1").strip()
        if not before or subject.content is None:
            return _inserted(sidecar, subject, bag.format(_items(keywords, "rdf:")))
        item = sidecar.data[start : subject.end]
        opening, closing = f'<rdf:Bag xmlns:rdf="{RDF}"><rdf:li>'.encode(), b"</rdf:li>"
        rest = _encoded(sidecar, _items(keywords, "rdf:")) + b"</rdf:Bag>"
        return sidecar.data[:start] + opening + item + closing + rest + sidecar.data[subject.end :]
    if sidecar.rdf is None:
        raise ValueError("a sidecar without rdf:RDF is not read")
    about = _escaped(sidecar.about).replace('"', "&quot;")
    description = (
        f'\n  <rdf:Description xmlns:rdf="{RDF}" rdf:about="{about}" xmlns:dc="{DC}">\n   <dc:subject><rdf:Bag>'
        f"{_items(keywords, 'rdf:')}\n   </rdf:Bag></dc:subject>\n  </rdf:Description>"
    )
    return _inserted(sidecar, sidecar.rdf, description)


def _inserted(sidecar: _Sidecar, element: _Element, text: str) -> bytes:
    """Return the bytes with text at the end of an element's content, before the blanks there."""
    data, addition = sidecar.data, _encoded(sidecar, text)
    if element.content is not None or not data.endswith(b"/>", element.start, element.end):
        place = len(data[: element.end].rstrip())
        return data[:place] + addition + data[place:]
    tag = data[element.start : element.end]  # <name ... />
    name = _tag_name(tag)
    return data[: element.start] + tag[:-2].rstrip() + b">" + addition + b"</" + name + b">" + data[element.end :]


def _tag_name(tag: bytes) -> bytes:
    matched = re.match(rb"<([^\s/>]+)", tag)
    if matched is None:
        raise ValueError(f"{tag[:40]!r} is no tag")
    return matched[1]


def _prefix(sidecar: _Sidecar, element: _Element) -> str:
    name = _tag_name(sidecar.data[element.start : element.start + MAX_BYTES]).decode()
    return name.rpartition(":")[0] + ":" if ":" in name else ""


def _items(keywords: list[str], prefix: str) -> str:
    return "".join(f"\n     <{prefix}li>{_escaped(keyword)}</{prefix}li>" for keyword in keywords)


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\r", "&#13;")


def _encoded(sidecar: _Sidecar, text: str) -> bytes:
    return text.encode("utf-8") if sidecar.is_utf8 else text.encode("ascii", "xmlcharrefreplace")
