"""Keywords in XMP sidecars: what is merged, what is left as it is, and what is refused."""

import os
import re
import shutil
import subprocess
import sys
import unicodedata
from pathlib import Path
from tempfile import TemporaryDirectory
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgecls.errors import OutputError, SidecarError
from edgecls.xmp import add_keywords, read_keywords, sidecar_path

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
DC = "http://purl.org/dc/elements/1.1/"
DIGIKAM = "http://www.digikam.org/ns/1.0/"
FRAME = f"""<?xpacket begin='\ufeff' id='W5M0MpCehiHzreSzNTczkc9d'?>
<x:xmpmeta xmlns:x='adobe:ns:meta/' x:xmptk='Other 1.0'>
<!-- a comment, with <rdf:li> in it -->
<rdf:RDF xmlns:rdf='{RDF}'>
 <rdf:Description rdf:about='' xmlns:xmp='http://ns.adobe.com/xap/1.0/' xmp:Label="a > b &amp; 'c'"  xmp:Rating='4'/>
 %s
</rdf:RDF>
</x:xmpmeta>
<?xpacket end='w'?>"""
SUBJECT = f"<rdf:Description rdf:about='' xmlns:dc='{DC}'>\r\n  <dc:subject>%s</dc:subject>\r\n </rdf:Description>"

FORMS = {
    "a-bag": FRAME % (SUBJECT % "<rdf:Bag>\n   <rdf:li>old</rdf:li>\n  </rdf:Bag>"),
    "a-sequence": FRAME % (SUBJECT % "<rdf:Seq><rdf:li xml:lang='x-default'>old</rdf:li></rdf:Seq>"),
    "a-bag-that-is-not-first": FRAME % (SUBJECT % "<!-- old --><rdf:Bag><rdf:li>old</rdf:li></rdf:Bag>"),
    "an-entity": FRAME % (SUBJECT % "<rdf:Bag><rdf:li>&#x6f;l<![CDATA[d]]></rdf:li></rdf:Bag>"),
    "text": FRAME % (SUBJECT % "old"),
    "an-attribute": FRAME
    % f"<rdf:Description xmlns:dc='{DC}' rdf:about='' dc:subject = 'old' dc:format=\" dc:subject='no'\"/>",
    "other-prefixes": f"<r:RDF xmlns:r='{RDF}'><r:Description r:about='' xmlns:q='{DC}'><q:subject><r:Bag>"
    "<r:li>old</r:li></r:Bag></q:subject></r:Description></r:RDF>",
    "no-prefixes": f"<RDF xmlns='{RDF}'><Description><subject xmlns='{DC}'><Bag xmlns='{RDF}'><li>old</li></Bag>"
    "</subject></Description></RDF>",
}
WITHOUT = {
    "nothing-but-the-wrapper": "<x:xmpmeta xmlns:x='adobe:ns:meta/'/>",
    "an-empty-tree": f"<rdf:RDF xmlns:rdf='{RDF}'></rdf:RDF>",
    "an-empty-tree-of-another-prefix": f"<r:RDF xmlns:r='{RDF}'/>",
    "other-properties": FRAME % "",
    "an-empty-bag": FRAME % (SUBJECT % "<rdf:Bag/>"),
    "an-empty-sequence": FRAME % (SUBJECT % "<rdf:Seq></rdf:Seq>"),
    "an-empty-property": FRAME % f"<rdf:Description xmlns:dc='{DC}'><dc:subject/></rdf:Description>",
    "the-prefix-means-something-else": f"<r:RDF xmlns:r='{RDF}'>"
    "<r:Description xmlns:dc='urn:x' dc:subject='its own'/></r:RDF>",
}


def _with_sidecar(folder: Path, content: str | bytes) -> Path:
    """Return an image with a sidecar."""
    image = folder / "rose.jpg"
    image.write_bytes(b"the image")
    sidecar_path(image).write_bytes(content.encode() if isinstance(content, str) else content)
    return image


def _all_but_subjects(document: bytes) -> str:
    """Return what else a document says, in a form that does not depend on how it is written."""
    root = ElementTree.fromstring(document)
    for description in root.iter(f"{{{RDF}}}Description"):
        description.attrib.pop(f"{{{DC}}}subject", None)
        for name in (f"{{{DC}}}subject", f"{{{DIGIKAM}}}TagsList"):
            for found in description.findall(name):
                description.remove(found)
    return ElementTree.canonicalize(ElementTree.tostring(root), strip_text=True)


def test_a_new_sidecar_has_the_name_of_the_image_and_its_keywords(tmp_path: Path) -> None:
    image = tmp_path / "猫.rose.jpg"
    image.write_bytes(b"the image")

    path = add_keywords(image, ["rose", "红玫瑰"])

    assert path == tmp_path / "猫.rose.jpg.xmp"
    items = ElementTree.fromstring(path.read_bytes()).findall(f".//{{{DC}}}subject/{{{RDF}}}Bag/{{{RDF}}}li")
    assert [item.text for item in items] == ["rose", "红玫瑰"]
    assert read_keywords(image) == ["rose", "红玫瑰"]
    assert sorted(os.listdir(tmp_path)) == ["猫.rose.jpg", "猫.rose.jpg.xmp"]
    assert image.read_bytes() == b"the image"


def test_an_image_without_a_sidecar_has_no_keywords(tmp_path: Path) -> None:
    assert read_keywords(tmp_path / "rose.jpg") == []


@pytest.mark.parametrize("form", FORMS)
def test_keywords_are_added_to_those_that_are_there_in_any_form(form: str, tmp_path: Path) -> None:
    image = _with_sidecar(tmp_path, FORMS[form])
    assert read_keywords(image) == ["old"]

    add_keywords(image, ["new", "old", "new", "&<newer>"])

    assert sorted(read_keywords(image)) == ["&<newer>", "new", "old"]


@pytest.mark.parametrize("form", WITHOUT)
def test_keywords_are_added_where_there_are_none(form: str, tmp_path: Path) -> None:
    image = _with_sidecar(tmp_path, WITHOUT[form])
    assert read_keywords(image) == []

    add_keywords(image, ["a", "b"])
    add_keywords(image, ["c"])

    assert read_keywords(image) == ["a", "b", "c"]


@pytest.mark.parametrize("form", [form for form in (*FORMS, *WITHOUT) if "tree" not in form and "wrapper" not in form])
def test_everything_else_says_the_same(form: str, tmp_path: Path) -> None:
    before = (FORMS | WITHOUT)[form].encode()
    image = _with_sidecar(tmp_path, before)

    after = add_keywords(image, ["new"]).read_bytes()

    assert _all_but_subjects(after) == _all_but_subjects(before)


@pytest.mark.parametrize(
    ("form", "end", "inserted"),
    [
        ("a-bag", "old</rdf:li>", "\n   <rdf:li>new</rdf:li>"),
        ("a-sequence", "old</rdf:li>", "<rdf:li>new</rdf:li>"),
        ("other-prefixes", "old</r:li>", "<r:li>new</r:li>"),
        ("no-prefixes", "old</li>", "<li>new</li>"),
        ("an-empty-sequence", "<rdf:Seq>", "<rdf:li>new</rdf:li>"),
    ],
)
def test_not_a_byte_is_changed_but_what_is_inserted(form: str, end: str, inserted: str, tmp_path: Path) -> None:
    before = (FORMS | WITHOUT)[form]
    image = _with_sidecar(tmp_path, before)

    after = add_keywords(image, ["new"]).read_bytes()

    without_tags_list = re.sub(rb"\s*<digiKam:TagsList .*</digiKam:TagsList>", b"", after, flags=re.DOTALL)
    assert without_tags_list == before.replace(end, end + inserted).encode()


def test_a_sidecar_that_has_all_keywords_is_not_written(tmp_path: Path) -> None:
    image = _with_sidecar(tmp_path, FORMS["a-bag"])
    os.utime(sidecar_path(image), ns=(1, 1))

    add_keywords(image, ["old"])
    add_keywords(image, [])

    assert sidecar_path(image).stat().st_mtime_ns == 1


def test_no_keywords_make_no_sidecar(tmp_path: Path) -> None:
    assert not add_keywords(tmp_path / "rose.jpg", ["", " \n"]).exists()


def test_letters_with_accents_are_the_same_however_they_are_written(tmp_path: Path) -> None:
    add_keywords(tmp_path / "a.jpg", ["caf\u00e9"])
    add_keywords(tmp_path / "a.jpg", ["cafe\u0301"])

    assert read_keywords(tmp_path / "a.jpg") == ["caf\u00e9"]


def test_lists_that_programs_prefer_get_the_keywords_too(tmp_path: Path) -> None:
    lists = (
        "<rdf:Description rdf:about='' xmlns:lr='http://ns.adobe.com/lightroom/1.0/' "
        "xmlns:digiKam='http://www.digikam.org/ns/1.0/'><lr:hierarchicalSubject><rdf:Bag><rdf:li>flora|rose</rdf:li>"
        "</rdf:Bag></lr:hierarchicalSubject><digiKam:TagsList><rdf:Seq><rdf:li>flora/rose</rdf:li></rdf:Seq>"
        "</digiKam:TagsList></rdf:Description>"
    )
    image = _with_sidecar(tmp_path, FRAME % lists)

    after = add_keywords(image, ["rose", "AC/DC"]).read_text(encoding="utf-8")

    assert read_keywords(image) == ["rose", "AC/DC"]
    assert re.findall(r"<rdf:li>(.*?)</rdf:li>", after[after.index("hierarchicalSubject>") :]) == [
        *("flora|rose", "AC/DC", "flora/rose", "AC\\DC"),
    ]


@pytest.mark.parametrize("form", [*FORMS, *WITHOUT])
def test_digikam_and_immich_find_all_keywords_where_there_was_no_hierarchy(form: str, tmp_path: Path) -> None:
    image = _with_sidecar(tmp_path, (FORMS | WITHOUT)[form])

    add_keywords(image, ["new"])
    root = ElementTree.fromstring(add_keywords(image, ["newer"]).read_bytes())

    items = root.findall(f".//{{{DIGIKAM}}}TagsList/{{{RDF}}}Seq/{{{RDF}}}li")
    assert [item.text for item in items] == read_keywords(image)
    assert {"new", "newer"} <= set(read_keywords(image))


def test_no_list_of_digikam_hides_a_hierarchy_of_lightroom(tmp_path: Path) -> None:
    lightroom = (
        "<rdf:Description rdf:about='' xmlns:lr='http://ns.adobe.com/lightroom/1.0/'><lr:hierarchicalSubject><rdf:Bag>"
        "<rdf:li>a|b</rdf:li></rdf:Bag></lr:hierarchicalSubject></rdf:Description>"
    )
    image = _with_sidecar(tmp_path, FRAME % lightroom)

    after = add_keywords(image, ["new"]).read_bytes()

    assert b"TagsList" not in after
    assert b"<rdf:li>a|b</rdf:li><rdf:li>new</rdf:li>" in after


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "iso-8859-1", "windows-1252"])
def test_other_encodings_stay(encoding: str, tmp_path: Path) -> None:
    text = f"<?xml version='1.0' encoding='{encoding.removesuffix('-sig')}'?>" + FORMS["other-prefixes"]
    image = _with_sidecar(tmp_path, text.replace("old", "alt\u00f6").encode(encoding))

    after = add_keywords(image, ["猫", "altö"]).read_bytes()

    assert read_keywords(image) == ["altö", "猫"]
    expected = "&#29483;" if encoding in ("iso-8859-1", "windows-1252") else "猫"
    without_tags_list = re.sub("<digiKam:TagsList .*</digiKam:TagsList>", "", after.decode(encoding))
    assert without_tags_list == text.replace("old</r:li>", f"altö</r:li><r:li>{expected}</r:li>")


BOMB = (
    "<?xml version='1.0'?><!DOCTYPE lolz [<!ENTITY a 'lol'>"
    + "".join(f"<!ENTITY {name} '{10 * f'&{before};'}'>" for before, name in zip("abcdefghi", "bcdefghij", strict=True))
    + f"]><r:RDF xmlns:r='{RDF}'><r:Description>&j;</r:Description></r:RDF>"
)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "it is not XML"),
        (FORMS["a-bag"][:-100].encode(), "it is not XML"),
        (b"\xff\xd8\xff\xe0", "it cannot be read as text in utf-8"),
        (b"<?xml version='1.0' encoding='no-such'?><a/>", "it cannot be read as text in no-such"),
        (b"<html><body/></html>", "it is XML, but not XMP"),
        (BOMB.encode(), "it has a document type declaration"),
        (b"<!DOCTYPE x SYSTEM 'file:///etc/passwd'><x/>", "it has a document type declaration"),
        ((FRAME % (SUBJECT % "<rdf:Description/>")).encode(), "its subject is not a list"),
    ],
    ids=["empty", "cut-short", "an-image", "unknown-encoding", "a-page", "a-bomb", "an-external-file", "another-kind"],
)
def test_what_cannot_be_merged_into_is_refused_and_left_alone(content: bytes, said: str, tmp_path: Path) -> None:
    image = _with_sidecar(tmp_path, content)

    with pytest.raises(SidecarError, match=re.escape(said)) as caught:
        add_keywords(image, ["new"])

    assert "rose.jpg.xmp" in str(caught.value)
    assert sidecar_path(image).read_bytes() == content
    assert len(os.listdir(tmp_path)) == 2


@pytest.mark.parametrize("content", ["<a>" * 300_000, "<a>" + "<b/>" * 300_000 + "</a>", " " * (17 << 20)])
def test_what_would_take_much_memory_is_refused(content: str, tmp_path: Path) -> None:
    image = _with_sidecar(tmp_path, content)

    with pytest.raises(SidecarError, match=r"more than 200000 elements|larger than 16 MiB"):
        read_keywords(image)


def test_a_folder_in_the_place_of_a_sidecar_is_refused(tmp_path: Path) -> None:
    (tmp_path / "rose.jpg.xmp").mkdir()

    with pytest.raises(SidecarError, match="cannot read the sidecar"):
        add_keywords(tmp_path / "rose.jpg", ["new"])


@pytest.mark.skipif(sys.platform == "win32", reason="a pipe that lies in a folder is a thing of POSIX")
def test_a_pipe_in_the_place_of_a_sidecar_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "rose.jpg.xmp")

    with pytest.raises(SidecarError, match="it is a named pipe"):
        add_keywords(tmp_path / "rose.jpg", ["new"])


def test_a_folder_that_is_not_there_cannot_get_a_sidecar(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot write"):
        add_keywords(tmp_path / "gone" / "rose.jpg", ["new"])


def test_a_link_keeps_leading_to_the_sidecar_which_keeps_its_mode(tmp_path: Path) -> None:
    real = tmp_path / "real.xmp"
    real.write_text(FORMS["a-bag"], encoding="utf-8")
    real.chmod(0o640)
    (tmp_path / "rose.jpg.xmp").symlink_to("real.xmp")

    add_keywords(tmp_path / "rose.jpg", ["new"])

    assert (tmp_path / "rose.jpg.xmp").is_symlink()
    assert b"new" in real.read_bytes()
    assert real.stat().st_mode & 0o777 == 0o640


@settings(max_examples=60, deadline=None)
@given(first=st.lists(st.text(), max_size=4), more=st.lists(st.text(), max_size=4), form=st.sampled_from(sorted(FORMS)))
def test_any_text_is_read_as_it_was_written_except_what_xml_cannot_hold(
    first: list[str], more: list[str], form: str
) -> None:
    with TemporaryDirectory() as folder:
        image = _with_sidecar(Path(folder), FORMS[form])

        add_keywords(image, first)
        add_keywords(image, more)
        found = read_keywords(image)

    written = {re.sub("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]", "\ufffd", text).strip() for text in (*first, *more)}
    normalised = [unicodedata.normalize("NFC", text) for text in found]
    assert set(normalised) == {unicodedata.normalize("NFC", text) for text in ("old", *written) if text}
    assert len(normalised) == len(set(normalised))


def test_exiftool_reads_what_was_written(tmp_path: Path) -> None:
    exiftool = shutil.which("exiftool")
    if exiftool is None:
        if os.environ.get("EDGECLS_REQUIRE_EXIFTOOL"):
            pytest.fail("exiftool is required, but not there")
        pytest.skip("exiftool is not installed")
    image = _with_sidecar(tmp_path, FRAME.replace("a > b", "a") % "")  # exiftool ends a tag at any ">"
    keywords = ["rose", "红玫瑰", "<&>", "a, b"]

    sidecar = add_keywords(image, keywords)

    done = subprocess.run([exiftool, "-s3", "-sep", "##", "-Subject", sidecar], capture_output=True, check=True)
    assert done.stdout.decode().rstrip("\n").split("##") == keywords
    rating = subprocess.run([exiftool, "-s3", "-Rating", sidecar], capture_output=True, check=True)
    assert rating.stdout.decode().strip() == "4"
