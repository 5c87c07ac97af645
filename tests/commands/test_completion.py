"""What shells complete."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete

from edgecls.cli import main
from edgecls.commands.train_options import ARCHITECTURE_NAMES
from edgecls.models import architecture_names
from edgecls.models.classical import classical_names


def _completed(*words: str) -> list[tuple[str, str]]:
    """Return type and value of what the last word is completed to."""
    items = ShellComplete(main, {}, "edgecls", "_EDGECLS_COMPLETE").get_completions(list(words[:-1]), words[-1])
    return [(item.type, item.value) for item in items]


def test_all_architectures_are_completed() -> None:
    assert sorted(ARCHITECTURE_NAMES) == sorted([*architecture_names(), *classical_names()])
    assert _completed("train", "--arch", "mobilenet_v") == [
        *(("plain", "mobilenet_v2"), ("plain", "mobilenet_v3_large"), ("plain", "mobilenet_v3_small"))
    ]


@pytest.mark.parametrize(
    ("words", "values"),
    [
        (["ru"], ["run"]),
        (["data", "st"], ["stats"]),
        (["run", "--provider", "cu"], ["cuda"]),
        (["run", "--qu"], ["--quiet"]),
    ],
)
def test_commands_options_and_choices_are_completed(words: list[str], values: list[str]) -> None:
    assert _completed(*words) == [("plain", value) for value in values]


@pytest.mark.parametrize("before", [["run", "-m"], ["info"], ["verify"], ["evaluate"], ["quantize"], ["serve"]])
def test_model_files_are_completed(before: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a.onnx", "a.txt", "b.onnx", "models/c.onnx", "models/notes.txt", "empty/x.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()

    assert _completed(*before, "a") == [("plain", "a.onnx")]
    assert _completed(*before, "models/") == [("plain", "models/c.onnx")]
    assert _completed(*before, f"{tmp_path}/b") == [("plain", f"{tmp_path}/b.onnx")]
    assert _completed(*before, "") == [("file", "")]
    assert _completed(*before, "mod") == [("dir", "mod")]
    assert _completed(*before, "gone/x") == [("dir", "gone/x")]


@pytest.mark.parametrize("command", ["run", "tune", "bench"])
def test_files_are_completed_where_images_are_named(command: str) -> None:
    assert _completed(command, "im") == [("file", "im")]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_documented_lines_give_a_script_and_load_little(shell: str) -> None:
    environment = {**os.environ, "_EDGECLS_COMPLETE": f"{shell}_source"}
    script = (
        "import sys\n"
        "from edgecls.cli import main\n"
        "try:\n"
        "    main([], prog_name='edgecls')\n"
        "finally:\n"
        "    print(*{name.partition('.')[0] for name in sys.modules}, file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False)

    assert "_EDGECLS_COMPLETE" in done.stdout
    assert set(done.stderr.split()) & {"numpy", "cv2", "onnxruntime", "keras"} == set()
