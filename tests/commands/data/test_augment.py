"""edgecls data augment."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from image_folders import COLORS, write_class_folders

from edgecls.cli import main
from edgecls.dataset.augmentation.lineage import read_manifest


def _augment(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["data", "augment", *map(str, arguments)])


def test_it_writes_copies_and_says_how_many(tmp_path: Path) -> None:
    data = write_class_folders(tmp_path / "data", per_label=1)

    done = _augment(data, "-o", tmp_path / "out", "--copies", "2", "--rotation", "0", "--no-flip")
    again = _augment(data, "-o", tmp_path / "out", "--copies", "2", "--rotation", "0", "--no-flip")

    assert done.exit_code == again.exit_code == 0
    assert done.stdout == f"wrote 9 images to {tmp_path / 'out'}\n"
    assert again.stdout == f"wrote 0 images to {tmp_path / 'out'} (9 were there already)\n"
    manifest = read_manifest(tmp_path / "out")
    assert manifest is not None
    transforms = [image.transform for image in manifest.images if image.transform]
    assert {transform["rotation_deg"] for transform in transforms} == {0}
    assert {transform["flip"] for transform in transforms} == {False}
    assert {transform["zoom"] for transform in transforms}.isdisjoint({1})


def test_an_unreadable_image_is_named_and_the_exit_code_is_1(tmp_path: Path) -> None:
    data = write_class_folders(tmp_path / "data", per_label=2)
    (data / sorted(COLORS)[0] / "照片 00.png").write_text("no image")

    done = _augment(data, "-o", tmp_path / "out", "--copies", "1")

    assert done.exit_code == 1
    assert done.stdout == f"wrote 10 images to {tmp_path / 'out'}\n"
    assert done.stderr.startswith("left out: cannot read")


@pytest.mark.parametrize(
    ("options", "exit_code"),
    [(["--copies", "0"], 2), (["--rotation", "181"], 2), (["--shift", "1"], 2), (["--zoom", "-0.1"], 2), ([], 2)],
    ids=str,
)
def test_a_wrong_command_line_ends_with_2(tmp_path: Path, options: list[str], exit_code: int) -> None:
    data = write_class_folders(tmp_path / "data", per_label=1)
    output = ["-o", str(tmp_path / "out")] if options else []

    assert _augment(data, *output, *options).exit_code == exit_code
    assert not (tmp_path / "out").exists()
