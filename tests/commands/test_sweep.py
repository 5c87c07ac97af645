"""What edgecls sweep refuses before anything is trained."""

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from color_folders import write_color_folders

from edgecls.cli import main


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_color_folders(tmp_path / "data")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--search", "dropout=0..0.5"], "--search needs the number of trials; give it with --trials"),
        (["--trials", "3", "--random", "2"], "--random and --trials cannot be used together"),
        (["--trials", "3"], "there is nothing to search over"),
        (["--trials", "3", "--search", "dropot=0..0.5"], "did you mean 'dropout'?"),
        (["--trials", "3", "--search", "dropout=0..1"], "dropout must be from 0 to below 1"),
        (["--trials", "3", "--search", "arch=svm"], "arch does not take 'svm'"),
        (
            ["--trials", "3", "--search", "batch_size=4,8", "--batch-size", "8"],
            "--batch-size or --search batch_size=...",
        ),
        (["--trials", "3", "--search", "dropout=0,0.1", "--search", "dropout=0.2"], "dropout=... is given twice"),
        (["--learning-rate", "1e-4..1e-2", "--learning-rate", "0.1"], "either one range of learning rates"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_search_that_is_wrong_is_a_usage_error(
    arguments: list[str], message: str, data: Path, tmp_path: Path
) -> None:
    pytest.importorskip("keras")

    done = CliRunner().invoke(main, ["sweep", str(data), "-o", str(tmp_path / "m.onnx"), *arguments])

    assert done.exit_code == 2, done.output
    assert message in " ".join(done.stderr.split())
    assert not (tmp_path / "m.sweep").exists()


def test_without_optuna_a_search_names_the_extra_and_a_grid_does_not_need_it(data: Path, tmp_path: Path) -> None:
    pytest.importorskip("keras")
    script = (
        "import sys; sys.modules['optuna'] = None\n"
        "from edgecls.cli import main\n"
        f"main(['sweep', {str(data)!r}, '-o', {str(tmp_path / 'm.onnx')!r}, *sys.argv[1:]])"
    )

    def swept(*arguments: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-c", script, "--arch", "simple_cnn", "--image-size", "8", *arguments]
        return subprocess.run(command, capture_output=True, encoding="utf-8", check=False)

    search, grid = swept("--trials", "2", "--search", "dropout=0..0.5"), swept()

    assert search.returncode == 1
    assert 'pip install "edgecls[search]"' in search.stderr
    assert "none of the 1 trials succeeded" in grid.stderr  # as the images are too small, not for want of Optuna
