"""The manifest of augmented copies."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from edgecls.dataset.augmentation.lineage import MANIFEST, Augmented, lineage_of, read_manifest
from edgecls.errors import DatasetError

FIRST, SECOND = "a" * 64, "b" * 64


def _line(**changes: Any) -> dict[str, Any]:
    return {"output": "猫/1.jpg", "source": "/in/猫/1.jpg", "source_sha256": FIRST, "transform": None} | changes


def _write(folder: Path, *lines: object, tail: str = "") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    head = {"edgecls_augment": 1, "settings": {"seed": 3}}
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in (head, *lines))
    (folder / MANIFEST).write_text(text + tail, encoding="utf-8")
    return folder


def test_copies_and_their_original_have_one_identity(tmp_path: Path) -> None:
    folder = _write(
        tmp_path,
        _line(),
        _line(output="猫/1-aug1.jpg", transform={"rotation_deg": 3.5, "flip": True}),
        _line(output="狗/2.jpg", source_sha256=SECOND),
    )

    assert lineage_of(folder / name for name in ("猫/1.jpg", "猫/1-aug1.jpg", "狗/2.jpg", "狗/3.jpg")) == {
        tmp_path / "猫/1.jpg": FIRST,
        tmp_path / "猫/1-aug1.jpg": FIRST,
        tmp_path / "狗/2.jpg": SECOND,
    }


def test_a_folder_without_a_manifest_has_no_lineage(tmp_path: Path) -> None:
    assert read_manifest(tmp_path) is None
    assert read_manifest(tmp_path / "gone") is None


def test_a_last_line_that_was_cut_short_does_not_count(tmp_path: Path) -> None:
    folder = _write(tmp_path, _line(), tail='{"output": "猫/2.j')

    manifest = read_manifest(folder)

    assert manifest is not None
    assert manifest.images == (Augmented("猫/1.jpg", "/in/猫/1.jpg", FIRST, None),)
    assert manifest.settings == {"seed": 3}


def test_lineage_is_found_from_images_also_through_links(tmp_path: Path) -> None:
    _write(tmp_path / "one", _line())
    _write(tmp_path / "two/deep", _line(output="狗/2.jpg", source_sha256=SECOND))
    paths = [tmp_path / "one/猫/1.jpg", tmp_path / "two/deep/狗/2.jpg", tmp_path / "one/猫/other.jpg"]
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    link = tmp_path / "link.jpg"
    os.symlink(paths[0], link)

    assert lineage_of([*paths, link]) == {paths[0]: FIRST, paths[1]: SECOND, link: FIRST}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (_line(output="../1.jpg"), "output must be a path below the folder, got '../1.jpg'"),
        (_line(output="/1.jpg"), "output must be a path below"),
        (_line(source_sha256="A" * 64), "source_sha256 must be"),
        (_line(source_sha256=7), "damaged at line 3"),
        (_line(transform=[1]), "transform must be"),
        ({"output": "1.jpg"}, "damaged at line 3: 'source'"),
        ([], "damaged at line 3"),
    ],
    ids=["outside", "absolute", "no-hex", "no-text", "no-object", "fields-missing", "list"],
)
def test_a_damaged_manifest_is_refused_with_its_line(tmp_path: Path, line: object, message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        read_manifest(_write(tmp_path, _line(), line))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("{}", "is empty"),
        ("no json\n", "damaged at line 1"),
        ("[]\n", "damaged at line 1"),
        ('{"edgecls_augment": 2, "settings": {}}\n', "format 2 is not known to this edgecls"),
    ],
    ids=["empty", "first-line-cut", "no-json", "no-object", "newer"],
)
def test_a_manifest_without_its_head_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / MANIFEST).write_text(text)
    (tmp_path / "a.png").touch()

    with pytest.raises(DatasetError, match=message):
        read_manifest(tmp_path)
