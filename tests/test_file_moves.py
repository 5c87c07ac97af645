"""Moving and copying files without overwriting anything."""

import errno
import os
from pathlib import Path

import pytest

from edgecls.file_moves import copy_file, move_file, numbered, same_content, write_new_file


@pytest.fixture(params=["second-name", "other-file-system"])
def file_system(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Moves within a file system, and moves to one that can only be copied to."""
    if request.param == "other-file-system":

        def refuse(source: Path, target: Path) -> None:
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), str(source), None, str(target))

        monkeypatch.setattr(os, "link", refuse)


@pytest.mark.usefixtures("file_system")
def test_a_file_is_moved_with_its_time(tmp_path: Path) -> None:
    source, target = tmp_path / "猫.jpg", tmp_path / "there" / "狗.jpg"
    source.write_bytes(b"image")
    os.utime(source, (1e9, 1e9))
    target.parent.mkdir()

    move_file(source, target)

    assert not source.exists()
    assert target.read_bytes() == b"image"
    assert target.stat().st_mtime == 1e9
    assert os.listdir(target.parent) == ["狗.jpg"]


@pytest.mark.usefixtures("file_system")
def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"new")
    (tmp_path / "b").write_bytes(b"old")

    with pytest.raises(FileExistsError):
        move_file(tmp_path / "a", tmp_path / "b")

    assert (tmp_path / "a").read_bytes() == b"new"
    assert (tmp_path / "b").read_bytes() == b"old"
    assert sorted(os.listdir(tmp_path)) == ["a", "b"]


@pytest.mark.usefixtures("file_system")
def test_a_copy_is_a_file_of_its_own(tmp_path: Path) -> None:
    source, target = tmp_path / "a", tmp_path / "b"
    source.write_bytes(b"image")
    os.utime(source, (1e9, 1e9))

    copy_file(source, target)
    source.write_bytes(b"changed")

    assert target.read_bytes() == b"image"
    assert target.stat().st_mtime == 1e9
    assert sorted(os.listdir(tmp_path)) == ["a", "b"]


@pytest.mark.usefixtures("file_system")
def test_a_copy_overwrites_nothing(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"new")
    (tmp_path / "b").write_bytes(b"old")

    with pytest.raises(FileExistsError):
        copy_file(tmp_path / "a", tmp_path / "b")

    assert (tmp_path / "b").read_bytes() == b"old"
    assert sorted(os.listdir(tmp_path)) == ["a", "b"]


def test_of_a_link_the_file_is_copied(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"image")
    (tmp_path / "link").symlink_to("a")

    copy_file(tmp_path / "link", tmp_path / "b")

    assert not (tmp_path / "b").is_symlink()
    assert (tmp_path / "b").read_bytes() == b"image"


def test_a_link_is_moved_as_a_link(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("nowhere")

    move_file(tmp_path / "a", tmp_path / "b")

    assert os.readlink(tmp_path / "b") == "nowhere"
    assert not os.path.lexists(tmp_path / "a")


def test_to_another_real_file_system(tmp_path: Path) -> None:
    memory = Path("/dev/shm")
    if not memory.is_dir() or memory.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is no second file system to write to")
    target = memory / f"edgecls-test-{os.getpid()}"
    (tmp_path / "a").write_bytes(b"image")
    try:
        move_file(tmp_path / "a", target)
        move_file(target, tmp_path / "b")
        assert (tmp_path / "b").read_bytes() == b"image"
        assert not target.exists()
    finally:
        target.unlink(missing_ok=True)


def test_contents_are_compared_by_bytes(tmp_path: Path) -> None:
    for name, content in {"a": b"x" * 9, "same": b"x" * 9, "other": b"x" * 8 + b"y", "longer": b"x" * 10}.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "link").symlink_to("a")

    found = {name: same_content(tmp_path / "a", tmp_path / name) for name in ("a", "same", "other", "longer", "link")}

    assert found == {"a": True, "same": True, "other": False, "longer": False, "link": False}


@pytest.mark.usefixtures("file_system")
def test_a_new_file_is_written_only_where_there_is_none(tmp_path: Path) -> None:
    write_new_file(b"image", tmp_path / "a")

    with pytest.raises(FileExistsError):
        write_new_file(b"other", tmp_path / "a")

    assert (tmp_path / "a").read_bytes() == b"image"
    assert os.listdir(tmp_path) == ["a"]


@pytest.mark.parametrize(
    ("name", "number", "expected"),
    [("rose.jpg", 1, "rose.jpg"), ("rose.jpg", 2, "rose-2.jpg"), ("a.b.jpg", 10, "a.b-10.jpg"), ("红", 3, "红-3")],
)
def test_numbers_stand_before_the_suffix(name: str, number: int, expected: str) -> None:
    assert numbered(Path("folder") / name, number) == Path("folder") / expected
