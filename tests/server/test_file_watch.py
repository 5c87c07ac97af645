import os
import shutil
from pathlib import Path

import pytest
from tiny_model import tiny_model_bytes

import edgecls
from edgecls.server.models.repository import Repository
from edgecls.server.reload import FileWatch


@pytest.fixture
def file(tiny_model_path: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(tiny_model_path, tmp_path / "a.onnx"))


@pytest.fixture
def repository(file: Path) -> Repository:
    return Repository([file], lambda file: edgecls.load(file, "cpu"))


def _looks(watch: FileWatch, reloaded: list[str]) -> list[int]:
    """Return how often a model had been loaded again after each of three looks."""
    counts = []
    for _ in range(3):
        watch.look()
        counts.append(len(reloaded))
    return counts


def test_a_file_that_does_not_change_is_left_alone(repository: Repository) -> None:
    reloaded: list[str] = []

    assert _looks(FileWatch(repository, reloaded.append), reloaded) == [0, 0, 0]


def test_a_changed_file_is_loaded_once_when_it_has_stayed_as_it_is_between_two_looks(
    repository: Repository, file: Path
) -> None:
    reloaded: list[str] = []
    watch = FileWatch(repository, reloaded.append)
    file.write_bytes(tiny_model_bytes(name="newer"))

    assert _looks(watch, reloaded) == [0, 1, 1]
    assert reloaded == ["a"]


def test_a_file_that_is_still_written_is_waited_for(repository: Repository, file: Path) -> None:
    reloaded: list[str] = []
    watch = FileWatch(repository, reloaded.append)
    for size in (1, 2, 3):
        file.write_bytes(bytes(size))
        watch.look()
    assert reloaded == []

    watch.look()
    assert reloaded == ["a"]


def test_another_file_of_the_same_size_and_time_counts_as_changed(repository: Repository, file: Path) -> None:
    reloaded: list[str] = []
    watch = FileWatch(repository, reloaded.append)
    status = file.stat()
    other = file.with_suffix(".new")
    other.write_bytes(file.read_bytes())
    os.utime(other, ns=(status.st_atime_ns, status.st_mtime_ns))
    other.replace(file)

    assert _looks(watch, reloaded) == [0, 1, 1]


def test_a_file_that_is_gone_for_a_while_is_loaded_when_it_is_back(repository: Repository, file: Path) -> None:
    reloaded: list[str] = []
    watch = FileWatch(repository, reloaded.append)
    away = file.rename(file.with_suffix(".away"))
    watch.look()
    away.rename(file)

    assert _looks(watch, reloaded) == [0, 1, 1]


def test_a_file_beside_it_that_comes_later_is_a_change_of_the_model(repository: Repository, file: Path) -> None:
    reloaded: list[str] = []
    watch = FileWatch(repository, reloaded.append, beside=lambda file: file.with_name("a.onnx.sig"))
    file.write_bytes(tiny_model_bytes(name="newer"))
    assert _looks(watch, reloaded) == [0, 1, 1]

    file.with_name("a.onnx.sig").write_bytes(b"signature")
    assert _looks(watch, reloaded) == [1, 2, 2]

    file.write_bytes(tiny_model_bytes(name="newest"))
    file.with_name("a.onnx.sig").write_bytes(b"its signature")
    assert _looks(watch, reloaded) == [2, 3, 3]
    assert reloaded == ["a", "a", "a"]

    file.with_name("a.onnx.sig").unlink()
    assert _looks(watch, reloaded) == [3, 3, 3]
