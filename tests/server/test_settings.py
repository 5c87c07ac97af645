from pathlib import Path

import pytest

from edgecls.errors import ModelFileError
from edgecls.server.settings import model_files


def test_a_folder_stands_for_the_model_files_in_it(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    for name in ("b.onnx", "a.onnx", "notes.txt"):
        (tmp_path / "models" / name).touch()
    single = tmp_path / "c.onnx"

    assert model_files([single, tmp_path / "models"]) == (
        single,
        tmp_path / "models" / "a.onnx",
        tmp_path / "models" / "b.onnx",
    )


def test_a_folder_without_one_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match=r"there is no model file \(\.onnx\) in"):
        model_files([tmp_path])


def test_no_model_at_all_is_refused() -> None:
    with pytest.raises(ModelFileError, match="name at least one model file"):
        model_files([])
