from pathlib import Path

import pytest

from edgecls.errors import ModelFileError
from edgecls.server.models.signatures import signature_of
from edgecls.server.settings import ModelArgument, await_models, named_files


def test_a_folder_stands_for_the_model_files_in_it(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    for name in ("b.onnx", "a.onnx", "notes.txt"):
        (tmp_path / "models" / name).touch()
    single = tmp_path / "c.onnx"

    assert named_files([single, tmp_path / "models"])[0] == (
        single,
        tmp_path / "models" / "a.onnx",
        tmp_path / "models" / "b.onnx",
    )


def test_a_folder_without_one_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match=r"there is no model file \(\.onnx\) in"):
        named_files([tmp_path])


def test_no_model_at_all_is_refused() -> None:
    with pytest.raises(ModelFileError, match="name at least one model file"):
        named_files([])


def test_a_model_is_called_as_it_is_named_or_like_its_file(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "model.onnx").touch()
    single = tmp_path / "c.onnx"
    named = [single, f"flowers={single}", f"birds={tmp_path / 'one'}"]

    assert named_files(named)[1] == ("c", "flowers", "birds")
    assert named_files(named)[0] == (single, single, tmp_path / "one" / "model.onnx")


def test_a_path_with_an_equals_sign_is_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lr=0.1.onnx").touch()
    (tmp_path / "0.1.onnx").touch()

    assert named_files(["lr=0.1.onnx", tmp_path / "lr=0.1.onnx", "best=lr=0.1.onnx"])[1] == ("lr=0.1", "lr=0.1", "best")
    assert named_files(["best=lr=0.1.onnx"])[0] == (Path("lr=0.1.onnx"),)


def test_one_name_for_several_files_is_refused(tmp_path: Path) -> None:
    for name in ("a.onnx", "b.onnx"):
        (tmp_path / name).touch()

    with pytest.raises(ModelFileError, match=r"2 model files in .* cannot all be called 'flowers'"):
        named_files([f"flowers={tmp_path}"])


def test_models_that_come_late_are_waited_for_until_they_are_whole(tmp_path: Path) -> None:
    folder = tmp_path / "mnt" / "models"
    steps = iter([folder.mkdir, *[lambda size=size: (folder / "m.onnx").write_bytes(bytes(size)) for size in (1, 9)]])
    folder.parent.mkdir()
    waited: list[float] = []

    def wait(seconds: float) -> None:
        waited.append(seconds)
        next(steps, lambda: None)()

    assert await_models([f"flowers={folder}"], 60, wait) is None
    assert len(waited) == 4  # the folder, half of a file, all of it, and still the same
    assert await_models([folder], 60, wait) is None
    assert len(waited) == 4


def test_models_that_do_not_come_are_named_after_the_time(tmp_path: Path) -> None:
    waited: list[float] = []

    assert await_models([tmp_path / "m.onnx"], 0, waited.append) == tmp_path / "m.onnx"
    assert waited == []
    assert await_models([tmp_path], 2, waited.append) == tmp_path
    assert sum(waited) == 2


@pytest.mark.parametrize(
    ("text", "path", "name"),
    [
        ("C:\\models\\flowers.onnx", "C:\\models\\flowers.onnx", None),
        ("C:/models/a=b.onnx", "C:/models/a=b.onnx", None),
        ("\\\\server\\share\\a=b.onnx", "\\\\server\\share\\a=b.onnx", None),
        ("flowers=C:\\models\\f.onnx", "C:\\models\\f.onnx", "flowers"),
        ("flowers=D:f.onnx", "D:f.onnx", "flowers"),
    ],
)
def test_drive_letters_are_no_names(text: str, path: str, name: str | None) -> None:
    assert ModelArgument.parse(text) == ModelArgument(Path(path), name)


def test_files_that_come_with_models_are_waited_for_too(tmp_path: Path) -> None:
    model, told = tmp_path / "m.onnx", list[str]()
    model.write_bytes(b"model")
    steps = iter([lambda: None, lambda: signature_of(model).write_bytes(b"signature")])

    def wait(seconds: float) -> None:
        next(steps, lambda: None)()

    assert await_models([model], 60, wait, told.append, signature_of) is None
    assert told == ["waiting up to 60 s for signatures"]
    signature_of(model).unlink()
    assert await_models([model], 1, wait, told.append, signature_of) is None  # loading it will say what is wrong
