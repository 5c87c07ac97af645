"""Sidecars with keywords: what is in them stays, and what other programs write is understood."""

import re
import shutil
import stat
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgecls.errors import OutputError
from edgecls.xmp import add_keywords, read_keywords, sidecar_path

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
DIGIKAM = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="XMP Core 4.4.0-Exiv2">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <!-- rated by hand -->
  <rdf:Description rdf:about=""
    xmlns:xmp="http://ns.adobe.com/xap/1.0/"
    xmlns:digiKam="http://www.digikam.org/ns/1.0/"
    xmlns:dc="http://purl.org/dc/elements/1.1/"
   xmp:Rating="4">
   <digiKam:TagsList><rdf:Seq><rdf:li>garden/old</rdf:li></rdf:Seq></digiKam:TagsList>
   <dc:subject>
    <rdf:Bag>
     <rdf:li>garden &amp; house</rdf:li>
    </rdf:Bag>
   </dc:subject>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>"""


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    return tmp_path / "photo.jpg"


def _independent(path: Path) -> list[str]:
    """Return the keywords as another parser sees them."""
    root = ElementTree.fromstring(path.read_bytes())
    subjects = root.iter("{http://purl.org/dc/elements/1.1/}subject")
    return [item.text or "" for subject in subjects for item in subject.iter(f"{{{RDF}}}li")]


def test_a_new_sidecar_stands_beside_the_photo(photo: Path) -> None:
    path = add_keywords(photo, ["rose"])

    assert path == photo.with_name("photo.jpg.xmp") == sidecar_path(photo)
    assert read_keywords(path) == ["rose"] == _independent(path)


def test_what_another_program_wrote_stays_byte_by_byte(photo: Path) -> None:
    path = sidecar_path(photo)
    path.write_text(DIGIKAM, encoding="utf-8")

    add_keywords(photo, ["郁金香"])

    assert read_keywords(path) == ["garden & house", "郁金香"] == _independent(path)
    written = path.read_text(encoding="utf-8")
    assert written.replace("\n     <rdf:li>郁金香</rdf:li>", "") == DIGIKAM


def test_a_keyword_that_is_there_is_not_added_again_and_nothing_is_written(photo: Path) -> None:
    path = add_keywords(photo, ["rose", "rose"])
    before = path.stat()

    add_keywords(photo, ["rose"])

    assert read_keywords(path) == ["rose"]
    assert path.stat().st_mtime_ns == before.st_mtime_ns
    assert path.stat().st_ino == before.st_ino


DESCRIPTION = '<rdf:Description rdf:about="uuid:7" xmlns:dc="http://purl.org/dc/elements/1.1/"'


@pytest.mark.parametrize(
    ("inside", "before"),
    [
        ("<rdf:RDF {}/>", []),
        ("<rdf:RDF {}></rdf:RDF>", []),
        (f"<rdf:RDF {{}}>{DESCRIPTION}/></rdf:RDF>", []),
        (f"<rdf:RDF {{}}>{DESCRIPTION}><dc:subject/></rdf:Description></rdf:RDF>", []),
        (f"<rdf:RDF {{}}>{DESCRIPTION}><dc:subject> </dc:subject></rdf:Description></rdf:RDF>", []),
        (f"<rdf:RDF {{}}>{DESCRIPTION}><dc:subject><rdf:Bag/></dc:subject></rdf:Description></rdf:RDF>", []),
        (f"<rdf:RDF {{}}>{DESCRIPTION}><dc:subject><rdf:Bag a='>' /></dc:subject></rdf:Description></rdf:RDF>", []),
        (f"<rdf:RDF {{}}>{DESCRIPTION}><dc:subject>a &lt; b</dc:subject></rdf:Description></rdf:RDF>", ["a < b"]),
        (
            f"<rdf:RDF {{}}>{DESCRIPTION}><dc:subject><rdf:Seq><rdf:li>one</rdf:li></rdf:Seq></dc:subject>"
            f"</rdf:Description>{DESCRIPTION}><dc:subject><rdf:Bag><rdf:li>two</rdf:li></rdf:Bag></dc:subject>"
            "</rdf:Description></rdf:RDF>",
            ["one", "two"],
        ),
    ],
    ids=["no-content", "empty", "no-subject", "bare", "blank", "bare-bag", "odd-bag", "text", "two-descriptions"],
)
def test_every_form_of_a_sidecar_takes_keywords(photo: Path, inside: str, before: list[str]) -> None:
    path = sidecar_path(photo)
    path.write_text(inside.format(f'xmlns:rdf="{RDF}"'), encoding="utf-8")

    add_keywords(photo, ["new", *before])

    assert sorted(read_keywords(path)) == sorted([*before, "new"])
    assert sorted(_independent(path)) == sorted([*before, "new"])
    abouts = re.findall(r'rdf:about="(.*?)"', path.read_text(encoding="utf-8"))
    assert len(set(abouts)) <= 1


def test_other_prefixes_are_kept(photo: Path) -> None:
    path = sidecar_path(photo)
    path.write_text(
        f'<R:RDF xmlns:R="{RDF}"><R:Description><s:subject xmlns:s="http://purl.org/dc/elements/1.1/">'
        f'<Bag xmlns="{RDF}"><li>a</li></Bag></s:subject></R:Description></R:RDF>'
    )

    add_keywords(photo, ["b"])

    assert _independent(path) == ["a", "b"] == read_keywords(path)
    assert "<li>b</li>" in path.read_text()


@pytest.mark.parametrize("encoding", ["utf-16", "iso-8859-1"])
def test_other_encodings_are_understood(photo: Path, encoding: str) -> None:
    path = sidecar_path(photo)
    document = DIGIKAM.replace("\ufeff", "").replace("house", "möbel")
    path.write_bytes(f'<?xml version="1.0" encoding="{encoding}"?>{document}'.encode(encoding))

    add_keywords(photo, ["玫瑰"])

    assert read_keywords(path) == ["garden & möbel", "玫瑰"] == _independent(path)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"<rdf:RDF", "as XMP"),
        (b"", "as XMP"),
        (b"\xff\xd8\xff\xe0 a photo", "as XMP"),
        (b"<html></html>", "no rdf:RDF"),
        (b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><x>&b;</x>', "document type"),
    ],
    ids=["cut-short", "empty", "no-xml", "other-xml", "entities"],
)
def test_a_file_that_is_no_sidecar_is_refused_and_left_as_it_is(photo: Path, data: bytes, reason: str) -> None:
    path = sidecar_path(photo)
    path.write_bytes(data)

    with pytest.raises(OutputError, match=reason) as caught:
        add_keywords(photo, ["rose"])

    assert path.name in str(caught.value)
    assert path.read_bytes() == data
    assert [entry.name for entry in photo.parent.iterdir()] == [path.name]


@given(st.lists(st.text(min_size=1, max_size=30), max_size=5))
def test_any_text_comes_back_as_xml_allows_it(tmp_path_factory: pytest.TempPathFactory, keywords: list[str]) -> None:
    photo = tmp_path_factory.mktemp("any") / "a.png"

    path = add_keywords(photo, keywords)
    add_keywords(photo, keywords)

    allowed = [re.sub("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "\ufffd", each) for each in keywords]
    expected = list(dict.fromkeys(each.strip() for each in allowed if each.strip()))
    assert (read_keywords(path) if expected else []) == expected


def test_a_link_and_the_permissions_of_a_sidecar_stay(photo: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "sidecars" / "p.xmp"
    elsewhere.parent.mkdir()
    elsewhere.write_text(DIGIKAM, encoding="utf-8")
    elsewhere.chmod(0o640)
    sidecar_path(photo).symlink_to(elsewhere)

    add_keywords(photo, ["rose"])

    assert sidecar_path(photo).is_symlink()
    assert stat.S_IMODE(elsewhere.stat().st_mode) == 0o640
    assert read_keywords(elsewhere) == ["garden & house", "rose"]


@pytest.mark.skipif(shutil.which("exiftool") is None, reason="needs exiftool")
def test_exiftool_reads_the_keywords(photo: Path) -> None:
    path = add_keywords(photo, ["rose & <thorn>", "郁金香"])

    read = subprocess.run(["exiftool", "-s3", "-sep", "|", "-XMP-dc:Subject", path], capture_output=True, text=True)

    assert read.stdout.strip() == "rose & <thorn>|郁金香"
