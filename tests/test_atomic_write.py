"""Files that are whole or not there."""

import os
import stat
from pathlib import Path

import pytest

from edgecls import atomic_write, file_moves
from edgecls.atomic_write import check_writable, remove_leftovers, whole_files
from edgecls.errors import OutputError


def test_all_files_appear_when_the_block_ends(tmp_path: Path) -> None:
    with whole_files(tmp_path / "a.bin", tmp_path / "b.txt") as (first, second):
        assert (first.suffix, second.suffix) == (".bin", ".txt")
        first.write_bytes(b"1")
        second.write_bytes(b"2")
        assert not (tmp_path / "a.bin").exists()

    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a.bin": b"1", "b.txt": b"2"}


def test_nothing_changes_when_the_block_raises(tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(b"old")

    def interrupted() -> None:
        with whole_files(tmp_path / "a.bin", tmp_path / "b.txt") as (first, _):
            first.write_bytes(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()

    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a.bin": b"old"}


def test_nothing_changes_when_one_of_the_files_was_not_written(tmp_path: Path) -> None:
    with (
        pytest.raises(OutputError, match=r"a\.bin' and '.*b\.txt"),
        whole_files(tmp_path / "a.bin", tmp_path / "b.txt") as (first, _),
    ):
        first.write_bytes(b"1")

    assert list(tmp_path.iterdir()) == []


def test_a_folder_in_the_way_is_found_before_anything_is_written(tmp_path: Path) -> None:
    (tmp_path / "b.txt").mkdir()

    with pytest.raises(OutputError, match="it is a folder"), whole_files(tmp_path / "a.bin", tmp_path / "b.txt"):
        pytest.fail("the block must not run")


def test_files_get_the_rights_that_the_user_gives_to_new_files(tmp_path: Path) -> None:
    with whole_files(tmp_path / "a.bin") as (temporary,):
        temporary.write_bytes(b"1")
    (tmp_path / "plain").write_bytes(b"1")

    modes = {stat.S_IMODE(os.stat(tmp_path / name).st_mode) for name in ("a.bin", "plain")}
    assert len(modes) == 1


def test_a_place_that_can_be_written_is_left_empty(tmp_path: Path) -> None:
    check_writable(tmp_path / "m.onnx")

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["no folder/m.onnx", ".", "x\0y.onnx"], ids=["no-folder", "folder", "impossible-name"])
def test_a_place_that_cannot_be_written_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(OutputError, match="cannot write"):
        check_writable(tmp_path / name)


def test_what_a_kill_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    for name in (".0123abcd-a.onnx", "a.onnx", ".0123abcd-b.txt", ".hidden-a.onnx", "0123abcd-a.onnx"):
        (tmp_path / name).touch()

    remove_leftovers(tmp_path, "*.onnx")

    assert sorted(os.listdir(tmp_path)) == [".0123abcd-b.txt", ".hidden-a.onnx", "0123abcd-a.onnx", "a.onnx"]


class _Opened:
    """What Windows does while another program has the file open: refuses so many times."""

    def __init__(self, refusals: int) -> None:
        self.refusals = refusals
        self.waited_s: list[float] = []

    def replace(self, temporary: Path, path: Path) -> None:
        if self.refusals:
            self.refusals -= 1
            raise PermissionError(13, "Access is denied", str(path))
        os.replace(temporary, path)


def _staged(folder: Path) -> tuple[Path, Path]:
    temporary, path = folder / ".new-model.onnx", folder / "model.onnx"
    temporary.write_bytes(b"new")
    path.write_bytes(b"old")
    return temporary, path


def test_a_file_that_is_open_on_windows_is_replaced_when_it_is_closed(tmp_path: Path) -> None:
    temporary, path = _staged(tmp_path)
    opened = _Opened(refusals=3)

    atomic_write._replace(temporary, path, platform="win32", replace=opened.replace, wait=opened.waited_s.append)

    assert path.read_bytes() == b"new"
    assert (len(opened.waited_s), sum(opened.waited_s) < 1) == (3, True)


def test_a_file_that_stays_open_on_windows_is_kept_and_the_program_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(b"old")
    opened = _Opened(refusals=100)
    replace = atomic_write._replace
    monkeypatch.setattr(
        atomic_write,
        "_replace",
        lambda *paths: replace(*paths, platform="win32", replace=opened.replace, wait=opened.waited_s.append),
    )

    with (
        pytest.raises(
            OutputError, match=r"cannot write '.*model\.onnx': another program has it open.*close that program"
        ),
        whole_files(path) as (temporary,),
    ):
        temporary.write_bytes(b"new")

    assert [entry.read_bytes() for entry in tmp_path.iterdir()] == [b"old"]
    assert 1 < sum(opened.waited_s) < 3


def test_elsewhere_nothing_is_waited_for(tmp_path: Path) -> None:
    temporary, path = _staged(tmp_path)
    opened = _Opened(refusals=1)

    with pytest.raises(PermissionError):
        atomic_write._replace(temporary, path, platform="linux", replace=opened.replace, wait=opened.waited_s.append)

    assert opened.waited_s == []


def test_what_is_written_is_flushed_by_a_handle_that_may_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows flushes nothing that is open for reading only."""
    flushed: list[Path] = []
    monkeypatch.setattr(file_moves, "flush", flushed.append)

    with whole_files(tmp_path / "a.bin") as (temporary,):
        temporary.write_bytes(b"1")

    assert flushed == [temporary]
