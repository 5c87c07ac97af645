"""Taking faulty files away and putting them back."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from scenes import write_scene

from edgecls.dataset.checks import quarantine as module
from edgecls.dataset.checks.check import CheckReport, CheckSettings, check_dataset
from edgecls.dataset.checks.quarantine import MANIFEST_NAME, quarantine, restore
from edgecls.errors import DatasetError, OutputError


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Class folders with faults of several kinds."""
    root = tmp_path / "data"
    for seed in range(4):
        write_scene(root / "玫瑰🌹" / f"{seed}.png", seed)
        write_scene(root / "tulips" / f"{seed}.png", 10 + seed)
    write_scene(root / "tulips" / "deep" / "copy.png", 10)
    write_scene(root / "tulips" / "small.png", 20, height=20, width=20)
    write_scene(root / "tulips" / "two\nlines.png", 30)
    write_scene(root / "玫瑰🌹" / "冲突.png", 30)
    (root / "tulips" / "notes.txt").write_text("notes")
    (root / "空").mkdir()
    with open(bytes(root) + b"/tulips/caf\xe9.jpg", "wb") as stream:
        stream.write(b"no image")
    return root


FAULTY = {
    "tulips/deep/copy.png",
    "tulips/small.png",
    "tulips/two\nlines.png",
    "玫瑰🌹/冲突.png",
    "tulips/notes.txt",
    "tulips/caf\udce9.jpg",
}


def _check(data: Path) -> CheckReport:
    return check_dataset(data, CheckSettings(), workers=1)


def _tree(root: Path) -> dict[str, str]:
    """Return the digest of every file below a folder but the manifest."""
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in root.rglob("*")
        if path.is_file() and path.name != MANIFEST_NAME
    }


def test_what_is_moved_can_be_put_back(data: Path, tmp_path: Path) -> None:
    before = _tree(data)

    moved = quarantine(_check(data), tmp_path / "隔离")

    assert {path.relative_to(data).as_posix() for path in moved} == FAULTY
    assert _tree(tmp_path / "隔离") == {path: before[path] for path in FAULTY}
    assert _tree(data) == {path: digest for path, digest in before.items() if path not in FAULTY}
    assert [finding.kind for finding in _check(data).findings] == ["empty_class"]

    restored = restore(tmp_path / "隔离")

    assert set(restored.moved) == {data / path for path in FAULTY}
    assert restored.refused == ()
    assert _tree(data) == before
    assert os.listdir(tmp_path / "隔离") == [MANIFEST_NAME]


def test_restoring_again_does_nothing_and_quarantining_again_works(data: Path, tmp_path: Path) -> None:
    before = _tree(data)
    quarantine(_check(data), tmp_path / "q")
    restore(tmp_path / "q")

    assert restore(tmp_path / "q").moved == ()
    assert len(quarantine(_check(data), tmp_path / "q")) == len(FAULTY)
    assert len(restore(tmp_path / "q").moved) == len(FAULTY)
    assert _tree(data) == before


def test_the_manifest_says_why(data: Path, tmp_path: Path) -> None:
    quarantine(_check(data), tmp_path / "q")

    lines = (tmp_path / "q" / MANIFEST_NAME).read_bytes().decode("utf-8", "surrogateescape").splitlines()
    header, *moves = map(json.loads, lines)

    assert header == {"format": 1, "root": str(data.resolve())}
    assert {move["move"] for move in moves} == FAULTY
    assert {tuple(move["kinds"]) for move in moves if "冲突" in move["move"]} == {("label_conflict",)}


def test_nothing_is_made_where_nothing_was_found(tmp_path: Path) -> None:
    for seed in range(4):
        write_scene(tmp_path / "data" / "ab"[seed % 2] / f"{seed}.png", seed)

    assert quarantine(_check(tmp_path / "data"), tmp_path / "q") == ()
    assert not (tmp_path / "q").exists()


KILL = """
import os, sys
from pathlib import Path
from edgecls.dataset.checks import quarantine as module
from edgecls.dataset.checks.check import CheckSettings, check_dataset

steps, left = sys.argv[3], [3]
real = getattr(os, steps)

def killed(*arguments, **settings):
    left[0] -= 1
    if left[0] == 0:
        os._exit(9)  # as by kill -9: nothing is cleaned up
    return real(*arguments, **settings)

report = check_dataset(Path(sys.argv[1]), CheckSettings(), workers=1)
setattr(os, steps, killed)
module.quarantine(report, Path(sys.argv[2]))
"""


@pytest.mark.parametrize("step", ["fsync", "link", "unlink"])
def test_a_kill_in_the_middle_loses_nothing(data: Path, tmp_path: Path, step: str) -> None:
    before = _tree(data)

    done = subprocess.run([sys.executable, "-c", KILL, str(data), str(tmp_path / "q"), step], check=False)

    assert done.returncode == 9
    for path, digest in before.items():
        places = [_tree(root).get(path) for root in (data, tmp_path / "q")]
        assert digest in places
    restore(tmp_path / "q")
    assert _tree(data) == before
    assert _tree(tmp_path / "q") == {}


def test_a_line_that_was_cut_short_does_not_count(data: Path, tmp_path: Path) -> None:
    before = _tree(data)
    quarantine(_check(data), tmp_path / "q")
    with open(tmp_path / "q" / MANIFEST_NAME, "ab") as stream:
        stream.write(b'{"move": "tulips/1.p')

    assert restore(tmp_path / "q").refused == ()
    assert _tree(data) == before
    assert restore(tmp_path / "q").moved == ()


def test_a_header_that_was_cut_short_is_begun_again(data: Path, tmp_path: Path) -> None:
    (tmp_path / "q").mkdir()
    (tmp_path / "q" / MANIFEST_NAME).write_bytes(b'{"format"')

    quarantine(_check(data), tmp_path / "q")

    assert len(restore(tmp_path / "q").moved) == len(FAULTY)


def test_a_file_whose_place_is_taken_stays_until_the_place_is_free(data: Path, tmp_path: Path) -> None:
    before = _tree(data)
    quarantine(_check(data), tmp_path / "q")
    taken = data / "tulips" / "notes.txt"
    taken.write_text("other notes")

    restored = restore(tmp_path / "q")

    assert len(restored.moved) == len(FAULTY) - 1
    (refusal,) = restored.refused
    assert "another file is in its place" in refusal
    assert str(taken) in refusal
    assert taken.read_text() == "other notes"
    taken.unlink()
    assert restore(tmp_path / "q").moved == (data.resolve() / "tulips" / "notes.txt",)
    assert _tree(data) == before


def test_a_file_that_is_gone_is_told(data: Path, tmp_path: Path) -> None:
    quarantine(_check(data), tmp_path / "q")
    (tmp_path / "q" / "tulips" / "notes.txt").unlink()

    (refusal,) = restore(tmp_path / "q").refused

    assert "neither in quarantine nor in its place" in refusal


def test_ctrl_c_leaves_what_can_be_restored(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = _tree(data)
    real = module.move_file

    def interrupted(source: Path, target: Path) -> None:
        real(source, target)
        if len(_tree(tmp_path / "q")) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(module, "move_file", interrupted)
    with pytest.raises(KeyboardInterrupt):
        quarantine(_check(data), tmp_path / "q")
    monkeypatch.undo()

    assert len(restore(tmp_path / "q").moved) == 2
    assert _tree(data) == before


@pytest.mark.parametrize("name", ["data", "data/tulips/q", "data/q"])
def test_a_folder_in_the_dataset_is_refused(data: Path, tmp_path: Path, name: str) -> None:
    with pytest.raises(OutputError, match="in the dataset"):
        quarantine(_check(data), tmp_path / name)


def test_a_folder_with_other_things_is_refused(data: Path, tmp_path: Path) -> None:
    before = _tree(data)
    (tmp_path / "q").mkdir()
    (tmp_path / "q" / "thesis.docx").touch()

    with pytest.raises(OutputError, match="neither empty nor a quarantine"):
        quarantine(_check(data), tmp_path / "q")
    assert _tree(data) == before


def test_the_quarantine_of_another_dataset_is_refused(data: Path, tmp_path: Path) -> None:
    quarantine(_check(data), tmp_path / "q")
    write_scene(tmp_path / "other" / "a" / "1.png", 1, height=10)
    write_scene(tmp_path / "other" / "b" / "1.png", 2, height=10)

    with pytest.raises(OutputError, match="is the quarantine of"):
        quarantine(_check(tmp_path / "other"), tmp_path / "q")


def test_what_lies_in_the_way_is_found_before_the_first_move(data: Path, tmp_path: Path) -> None:
    quarantine(_check(data), tmp_path / "q")
    (data / "tulips" / "notes.txt").write_text("newer notes")
    before = _tree(data)

    with pytest.raises(OutputError, match="exists already; restore it first"):
        quarantine(_check(data), tmp_path / "q")
    assert _tree(data) == before


def test_files_of_a_list_are_not_moved(data: Path, tmp_path: Path) -> None:
    lines = "".join(f"data/{label}/0.png\t{label}\n" for label in ("tulips", "玫瑰🌹"))
    (tmp_path / "list.txt").write_text(lines, encoding="utf-8")

    with pytest.raises(DatasetError, match="remove their lines from it"):
        quarantine(_check(tmp_path / "list.txt"), tmp_path / "q")


MANIFESTS = {
    "no-json": b"{]\n",
    "not-an-object": b"[]\n",
    "newer-format": b'{"format": 2, "root": "/data"}\n',
    "no-root": b'{"format": 1}\n',
    "leaves-the-folder": b'{"format": 1, "root": "/data"}\n{"move": "../x"}\n',
    "absolute": b'{"format": 1, "root": "/data"}\n{"move": "/etc/passwd"}\n',
    "unknown-line": b'{"format": 1, "root": "/data"}\n{"moved": "x"}\n',
}


@pytest.mark.parametrize("content", MANIFESTS.values(), ids=MANIFESTS)
def test_a_damaged_manifest_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / MANIFEST_NAME).write_bytes(content)

    with pytest.raises(DatasetError, match="is damaged"):
        restore(tmp_path)


def test_what_is_no_quarantine_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="is not a quarantine"):
        restore(tmp_path)


def test_a_dataset_that_was_moved_is_told(data: Path, tmp_path: Path) -> None:
    quarantine(_check(data), tmp_path / "q")
    data.rename(tmp_path / "elsewhere")

    with pytest.raises(DatasetError, match="is missing; move it back"):
        restore(tmp_path / "q")
