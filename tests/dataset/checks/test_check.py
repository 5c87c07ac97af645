"""Finding what is wrong with a dataset."""

import hashlib
import io
import json
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from encoded_images import encodings
from PIL import Image
from scenes import scene, write_scene

from edgecls import image
from edgecls.dataset.augmentation.lineage import MANIFEST
from edgecls.dataset.checks.check import CheckReport, CheckSettings, check_dataset
from edgecls.dataset.formats.read import read_dataset
from edgecls.errors import DatasetError


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two class folders without a fault."""
    for index, label in enumerate(("玫瑰🌹", "tulips")):
        for number in range(4):
            write_scene(tmp_path / "data" / label / f"{number} 号.png", 10 * index + number)
    return tmp_path / "data"


def _check(data: Path, **settings: int) -> CheckReport:
    return check_dataset(data, CheckSettings(**settings), workers=2)


def _found(data: Path, **settings: int) -> list[tuple[str, str, str | None]]:
    """Return kind, path and other path of every finding."""
    return [
        (
            finding.kind.value,
            finding.path.relative_to(data).as_posix(),
            finding.other and finding.other.relative_to(data).as_posix(),
        )
        for finding in _check(data, **settings).findings
    ]


def _jpeg(pixels: image.Pixels, *, progressive: bool = False) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=80, progressive=progressive)
    return stream.getvalue()


def _without_scans(jpeg: bytes) -> bytes:
    """Return a progressive JPEG that ends before the Huffman table of its last scan."""
    return jpeg[: jpeg.rindex(b"\xff\xc4")] + b"\xff\xd9"


def test_nothing_is_found_in_good_data(data: Path) -> None:
    report = _check(data)

    assert report.findings == ()
    assert (report.images, report.labels, report.is_folders) == (8, ("tulips", "玫瑰🌹"), True)


FAULTS = {
    "png-cut": ("a.png", image.encode_png(scene(99))[:-300], "truncated", "cut short"),
    "empty-file": ("a.png", b"", "truncated", "empty"),
    "jpeg-cut": ("a.jpg", _jpeg(scene(99))[:-200], "truncated", "end marker"),
    "jpeg-cut-and-ended": ("a.jpg", _jpeg(scene(99))[:-200] + b"\xff\xd9", "truncated", "data end before"),
    "jpeg-cut-before-another": ("a.jpg", _jpeg(scene(99))[:-200] + _jpeg(scene(98)), "truncated", "data end before"),
    "progressive-cut": (
        "a.jpg",
        _jpeg(scene(99), progressive=True)[:-99] + b"\xff\xd9",
        "truncated",
        "data end before",
    ),
    "progressive-short": (
        "a.jpg",
        _without_scans(_jpeg(scene(99), progressive=True)),
        "truncated",
        "scans are missing",
    ),
    "large-progressive-cut": (
        "a.jpg",
        _jpeg(scene(99, height=1100, width=1100), progressive=True)[:-2000] + b"\xff\xd9",
        "truncated",
        "data end before",
    ),
    "damaged": ("a.png", image.encode_png(scene(99)).replace(b"IDAT", b"IXAT"), "unreadable", "damaged"),
    "text-as-jpeg": ("a.jpg", b"these are notes", "unreadable", "not an image in a supported format"),
    "png-as-jpeg": ("a.jpg", image.encode_png(scene(99)), "wrong_extension", "in PNG.*'.jpg'.*to end in '.png'"),
    "png-as-text": ("a.txt", image.encode_png(scene(99)), "wrong_extension", "ends in '.txt'"),
    "no-ending": ("a", image.encode_png(scene(99)), "wrong_extension", "has no ending"),
    "tiny": ("a.png", image.encode_png(scene(99, height=31, width=80)), "tiny", "80x31 pixels.*at least 32"),
    "blank": ("a.png", image.encode_png(np.full((60, 60, 3), 200, np.uint8)), "blank", "single colour"),
    "text": ("notes.txt", b"these are notes", "not_an_image", "ignored"),
}


@pytest.mark.parametrize(("name", "content", "kind", "detail"), FAULTS.values(), ids=FAULTS)
def test_a_fault_is_found_and_named(data: Path, name: str, content: bytes, kind: str, detail: str) -> None:
    (data / "tulips" / "deep").mkdir()
    (data / "tulips" / "deep" / name).write_bytes(content)

    (finding,) = _check(data).findings

    assert (finding.kind, finding.path, finding.other) == (kind, data / "tulips" / "deep" / name, None)
    assert re.search(detail, finding.detail)
    assert str(data) not in finding.detail


@pytest.mark.parametrize("name", [name for name in encodings() if "orientation" not in name])
def test_every_encoding_under_its_own_name_is_in_order(data: Path, name: str) -> None:
    suffix = "tiff" if name.startswith("tiff") else "jpg" if name.startswith("jpeg") else name.partition("-")[0]
    (data / "tulips" / f"a.{suffix.upper()}").write_bytes(encodings()[name].data)

    assert _found(data) == []


def test_empty_class_folders_are_found_and_hidden_files_passed_over(data: Path) -> None:
    (data / "空" / ".hidden").mkdir(parents=True)
    (data / "空" / ".DS_Store").write_bytes(b"x")

    assert _found(data) == [("empty_class", "空", None)]
    assert _check(data).labels == ("tulips", "玫瑰🌹", "空")


def test_hidden_files_and_what_systems_keep_among_images_are_found(data: Path) -> None:
    for name in (".hidden.png", "@eaDir/1.png/THUMB_M.png", ".ipynb_checkpoints/1.png", ".thumbnails/x/1.png"):
        write_scene(data / "tulips" / name, 0)
    write_scene(data / "@eaDir" / "2.png", 1)
    (data / "tulips" / "Thumbs.db").write_bytes(b"x")
    (data / ".git").mkdir()
    (data / ".git" / "config").write_bytes(b"x")

    assert _found(data) == [
        ("hidden", name, None)
        for name in (
            "@eaDir",
            "tulips/.hidden.png",
            "tulips/.ipynb_checkpoints",
            "tulips/.thumbnails",
            "tulips/@eaDir",
            "tulips/Thumbs.db",
        )
    ]
    assert _check(data).images == len(read_dataset(data).train.paths) == 8


def test_files_that_belong_to_no_label_are_found(data: Path) -> None:
    write_scene(data / "loose.png", 50)
    (data / "notes.csv").write_bytes(b"x")
    (data / "LICENSE.txt").write_bytes(b"x")

    assert _found(data) == [("outside_class", "loose.png", None), ("outside_class", "notes.csv", None)]


def test_a_label_with_one_usable_image_is_found(data: Path) -> None:
    write_scene(data / "lone" / "1.png", 60)
    (data / "lone" / "2.png").write_bytes(b"x")

    assert ("few_images", "lone", None) in _found(data)


@pytest.mark.skipif(sys.platform == "win32", reason="such folders cannot be made there")
@pytest.mark.parametrize(
    ("name", "detail"),
    [
        (" rose", "space"),
        ("rose ", "space"),
        ("CON", "device"),
        ("nul.old", "device"),
        ("a:b", "it has :"),
        ("a\\b", "it has \\"),
        ("dot.", "dot"),
        ("zero\u200bwidth", "invisible"),
        ("x" * 201, "longer"),
    ],
)
def test_names_of_labels_that_some_system_cannot_use_are_found(data: Path, name: str, detail: str) -> None:
    for number in (1, 2):
        write_scene(data / name / f"{number}.png", 60 + number)

    (finding,) = _check(data).findings

    assert (finding.kind, finding.path) == ("label_name", data / name)
    assert detail in finding.detail


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="such folders are one there")
@pytest.mark.parametrize(
    ("names", "detail"),
    [
        (("Rose", "rose"), "in upper and lower case only"),
        (("STRASSE", "straße"), "in upper and lower case only"),
        (("Ma\u0308nnertreu", "M\u00e4nnertreu"), "in Unicode form only: their images count as one label"),
        (("sea  urchin", "sea urchin"), "in spaces or in characters that look the same only"),
        (("K9", "\uff2b9"), "in spaces or in characters that look the same only"),
    ],
)
def test_labels_that_look_the_same_are_found(data: Path, names: tuple[str, str], detail: str) -> None:
    for number, name in enumerate(names * 2):
        write_scene(data / name / f"{number}.png", 60 + number)

    (finding,) = [finding for finding in _check(data).findings if finding.kind == "label_twin"]

    assert (finding.path, finding.other) == (data / names[1], data / names[0])
    assert finding.detail == f"label {names[1]!r} differs from {names[0]!r} {detail}"


def test_labels_of_a_table_are_looked_at_too(data: Path) -> None:
    paths = sorted(data.rglob("*.png"))
    labels = ["CON", "a/b", "Rose", "rose"] * 2
    lines = [f"{path.relative_to(data)},{label}\n" for path, label in zip(paths, labels, strict=True)]
    (data / "list.csv").write_text("path,label\n" + "".join(lines), encoding="utf-8")

    findings = _check(data / "list.csv").findings

    assert [finding.kind for finding in findings] == ["label_name", "label_name", "label_twin"]
    assert {finding.path for finding in findings} == {data / "list.csv"}


def test_folders_of_labels_are_refused_like_everywhere(tmp_path: Path) -> None:
    for seed in range(4):
        write_scene(tmp_path / "xy"[seed // 2] / "ab"[seed % 2] / "1.png", seed)

    with pytest.raises(DatasetError, match="look like splits"):
        _check(tmp_path)


def test_of_equal_files_the_first_name_is_kept(data: Path) -> None:
    for name in ("b.png", "a.png", "c.png"):
        write_scene(data / "tulips" / name, 99)

    assert _found(data) == [
        ("exact_duplicate", "tulips/b.png", "tulips/a.png"),
        ("exact_duplicate", "tulips/c.png", "tulips/a.png"),
    ]


def test_of_near_duplicates_the_largest_is_kept(data: Path) -> None:
    large = scene(99, height=180, width=240)
    (data / "tulips" / "z.png").write_bytes(image.encode_png(large))
    (data / "tulips" / "a.jpg").write_bytes(_jpeg(large[::2, ::2]))

    assert _found(data) == [("near_duplicate", "tulips/a.jpg", "tulips/z.png")]
    assert "120x90 pixels here, 240x180 there" in _check(data).findings[0].detail


def test_of_duplicates_one_without_another_fault_is_kept(data: Path) -> None:
    write_scene(data / "tulips" / "a.gif", 99)
    write_scene(data / "tulips" / "b.png", 99)

    assert _found(data) == [
        ("wrong_extension", "tulips/a.gif", None),
        ("exact_duplicate", "tulips/a.gif", "tulips/b.png"),
    ]


def test_of_a_file_and_a_link_to_it_the_file_is_kept(data: Path) -> None:
    write_scene(data / "tulips" / "z.png", 99)
    (data / "tulips" / "a.png").symlink_to("z.png")

    assert _found(data) == [("exact_duplicate", "tulips/a.png", "tulips/z.png")]


def test_an_image_under_two_labels_is_a_conflict_of_all_its_copies(data: Path) -> None:
    pixels = scene(99, height=180, width=240)
    (data / "tulips" / "a.png").write_bytes(image.encode_png(pixels))
    (data / "tulips" / "b.png").write_bytes(image.encode_png(pixels))
    (data / "玫瑰🌹" / "c.jpg").write_bytes(_jpeg(pixels[::2, ::2]))

    found = _found(data)

    assert [(kind, path) for kind, path, _ in found] == [
        ("label_conflict", "tulips/a.png"),
        ("label_conflict", "tulips/b.png"),
        ("label_conflict", "玫瑰🌹/c.jpg"),
    ]
    assert {other for _, path, other in found if path.startswith("tulips")} == {"玫瑰🌹/c.jpg"}
    assert "labelled 'tulips' here and '玫瑰🌹' there" in _check(data).findings[0].detail


def test_blank_images_are_no_duplicates_of_each_other(data: Path) -> None:
    for label in ("tulips", "玫瑰🌹"):
        (data / label / "blank.png").write_bytes(image.encode_png(np.full((60, 60, 3), 255, np.uint8)))

    assert [kind for kind, _, _ in _found(data)] == ["blank", "blank"]


def test_shapes_that_differ_in_colour_only_are_different(data: Path) -> None:
    for label, color in (("tulips", (220, 30, 30)), ("玫瑰🌹", (30, 30, 220))):
        pixels = np.full((80, 80, 3), 255, np.uint8)
        pixels[15:65, 15:65] = color
        (data / label / "square.png").write_bytes(image.encode_png(pixels))

    assert _found(data) == []


def test_the_near_distance_can_be_set(data: Path) -> None:
    pixels = scene(99)
    (data / "tulips" / "a.png").write_bytes(image.encode_png(pixels))
    (data / "tulips" / "b.png").write_bytes(image.encode_png(pixels[2:-2, 3:-3]))

    assert [kind for kind, _, _ in _found(data)] == ["near_duplicate"]
    assert _found(data, near_distance=0) == []


def test_augmented_copies_may_look_like_their_source(data: Path) -> None:
    source = write_scene(data / "tulips" / "a.png", 99)
    (data / "tulips" / "a-1.jpg").write_bytes(_jpeg(scene(99)))
    sha256 = hashlib.sha256(source.read_bytes()).hexdigest()
    copy = {"output": "tulips/a-1.jpg", "source": "a.png", "source_sha256": sha256, "transform": {"zoom": 1.0}}
    lines = [{"edgecls_augment": 1, "settings": {}}, copy]

    assert [kind for kind, _, _ in _found(data)] == ["near_duplicate"]
    (data / MANIFEST).write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert _found(data) == []


def test_parts_are_looked_at_together(data: Path) -> None:
    whole = data.rename(data.with_name("whole"))
    for split in ("train", "val"):
        shutil.copytree(whole, data / split)
        write_scene(data / split / "tulips" / f"{split}.png", 50 + len(split))

    found = _found(data)

    assert len(found) == 8
    assert found[0] == ("exact_duplicate", "val/tulips/0 号.png", "train/tulips/0 号.png")
    assert {path.partition("/")[0] for _, path, _ in found} == {"val"}


def test_a_list_is_checked_too(data: Path) -> None:
    write_scene(data / "tulips" / "copy.png", 0)
    lines = [f"{path.relative_to(data.parent)}\t{path.parent.name}\n" for path in sorted(data.rglob("*.png"))]
    (data.parent / "list.txt").write_text("".join(lines), encoding="utf-8")

    report = _check(data.parent / "list.txt")

    assert not report.is_folders
    assert [finding.kind for finding in report.findings] == ["label_conflict"] * 2


def test_the_report_is_one_document(data: Path) -> None:
    write_scene(data / "tulips" / "copy.png", 0)
    (data / "tulips" / "notes.jpg").write_bytes(b"x")

    document = json.loads(json.dumps(_check(data).as_dict()))

    assert document["summary"]["images"] == 10
    assert document["summary"]["findings"] == 3
    assert {kind: count for kind, count in document["summary"]["kinds"].items() if count} == {
        "unreadable": 1,
        "label_conflict": 2,
    }
    assert document["findings"][1]["other"] == str(data / "玫瑰🌹" / "0 号.png")


def test_progress_is_told_for_every_image(data: Path) -> None:
    told: list[tuple[int, int]] = []

    check_dataset(data, CheckSettings(), workers=2, on_progress=lambda done, total: told.append((done, total)))

    assert told == [(done, 8) for done in range(1, 9)]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda folder: folder / "gone", "there is no dataset"),
        (lambda folder: folder, "has no class folders"),
    ],
    ids=["missing", "no-folders"],
)
def test_what_is_no_dataset_is_refused(tmp_path: Path, make: Callable[[Path], Path], message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        _check(make(tmp_path))


@pytest.mark.parametrize("settings", [{"min_side": 0}, {"near_distance": -1}, {"near_distance": 97}])
def test_settings_outside_their_limits_are_refused(settings: dict[str, int]) -> None:
    with pytest.raises(DatasetError, match="must be"):
        CheckSettings(**settings)
