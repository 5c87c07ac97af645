"""edgecls data pick."""

from pathlib import Path

from click.testing import CliRunner
from image_folders import write_class_folders

from edgecls.bundled_model import BUNDLED_MODEL
from edgecls.cli import main


def test_images_are_picked_for_a_model_file(tmp_path: Path) -> None:
    pool = write_class_folders(tmp_path / "pool", per_label=2)
    arguments = ["data", "pick", str(pool), "--model", str(BUNDLED_MODEL), "--count", "4", "-o", str(tmp_path / "out")]

    found = CliRunner().invoke(main, arguments)
    again = CliRunner().invoke(main, arguments)

    assert found.exit_code == 0, found.output
    assert "picked 4 of 6 images" in found.stdout
    assert len(list((tmp_path / "out").glob("*.png"))) == 4
    assert again.exit_code == 1
    assert "not an empty folder" in again.stderr
