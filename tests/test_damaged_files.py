import os
import sys
from pathlib import Path

import pytest

from edgecls import damaged_files
from edgecls.damaged_files import hdf5_hindrance

h5py = pytest.importorskip("h5py")


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    path = tmp_path / "whole.h5"
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = "{}"
        file.create_dataset("layers/dense/kernel", data=[1.0, 2.0])
    return path


def test_a_whole_file_may_be_opened(whole: Path) -> None:
    assert hdf5_hindrance(whole) is None


def test_what_raises_an_exception_is_left_to_who_opens_it(tmp_path: Path) -> None:
    path = tmp_path / "cut.h5"
    path.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(40))

    assert hdf5_hindrance(path) is None


@pytest.mark.skipif(sys.platform == "win32", reason="needs named pipes")
def test_a_file_whose_reading_does_not_end_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(damaged_files, "HDF5_BASE_S", 0.5)
    os.mkfifo(tmp_path / "endless.h5")  # which nobody writes to

    assert hdf5_hindrance(tmp_path / "endless.h5") == (
        "it is damaged, and the HDF5 library does not come to an end of reading it within 0 s"
    )


@pytest.mark.skipif(sys.platform == "win32", reason="a process ends otherwise there")
def test_a_file_that_ends_the_process_is_named(whole: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(damaged_files, "_READ_HDF5", "import os; os.abort()")

    assert hdf5_hindrance(whole) == "it is damaged, and ends the process that reads it"
