"""Teaching ended by SIGKILL before each single change of a file: no image is lost, and every folder opens again."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from taught_images import taught_image

from edgecls.teaching.teaching import Teaching

KILLED = """
import json, os, signal, sys
from pathlib import Path
from edgecls.teaching import teaching, steps
from taught_images import taught_image

root, action, after = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
there = teaching.Teaching(root)
count = 0

def note(event, arguments):
    global count
    if event not in ("os.rename", "os.link", "os.remove", "os.mkdir", "os.rmdir", "os.truncate") and not (
        event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)
    ):
        return
    if count == after:
        os.kill(os.getpid(), signal.SIGKILL)
    count += 1

append = there._steps._journal.append
def appended(*records):
    note("os.rename", ())
    append(*records)
there._steps._journal.append = appended
sys.addaudithook(note)
{
    "add": lambda: there.add_image(taught_image("blue", 1), "blue", name="b.png", batch="b"),
    "move": lambda: there.move_image(there.images("red")[0], "green"),
    "remove": lambda: there.remove_image(there.images("green")[0]),
    "forget": lambda: there.remove_label("red"),
    "rename": lambda: there.rename_label("red", "crimson/1"),
    "undo": there.undo,
    "version": lambda: (there._keep(root.parent / "trained", json.loads(sys.argv[4])), there.use(1)),
}[action]()
print("whole")
"""


def _killed(root: Path, action: str, after: int, *more: str) -> "subprocess.CompletedProcess[str]":
    """Do something in a process that is killed before the change of a file with this number."""
    return subprocess.run(
        [sys.executable, "-c", KILLED, str(root), action, str(after), *more],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )


def _images(root: Path) -> set[bytes]:
    return {path.read_bytes() for path in root.rglob("*.png")}


def _in_dataset(root: Path) -> dict[str, bytes]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob("*.png")
        if not path.relative_to(root).parts[0].startswith(".")
    }


@pytest.mark.parametrize("action", ["add", "move", "remove", "forget", "rename", "undo"])
@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
def test_a_kill_before_any_change_of_a_file_loses_no_image(action: str, tmp_path: Path) -> None:
    for after in range(60):
        root = tmp_path / str(after)
        teaching = Teaching(root)
        for number in range(2):
            teaching.add_image(taught_image("red", number), "red", name="r.png")
        teaching.add_image(taught_image("green", 0), "green", name="g.png")
        if action == "undo":
            teaching.remove_label("red")
        before, images = _in_dataset(root), _images(root)
        teaching.close()

        done = _killed(root, action, after)

        assert images <= _images(root)
        again = Teaching(root)
        labels = {entry["label"] for entry in again.state()["labels"]}
        now = _in_dataset(root)
        assert {again.image_file(path).read_bytes() for label in labels for path in again.images(label)} == set(
            now.values()
        )
        assert images <= _images(root)
        assert len(now) == len(set(now.values())), "an image is there twice"
        if done.returncode == 0:
            assert "whole" in done.stdout
            again.close()
            assert after >= 3
            return
        assert done.returncode == -9, done.stderr
        if now != before and action != "undo":  # then the step counts as done, and can be undone
            again.undo()
            assert _in_dataset(root) == before
        again.close()
    pytest.fail("the action never ended")


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
def test_a_kill_while_a_version_is_kept_and_used_leaves_a_whole_one_or_none(
    tiny_model_path: Path, tmp_path: Path
) -> None:
    answer = {"label": "red", "predicted": "red", "probability": 1.0, "label_probability": 1.0}
    for after in range(60):
        root, trained = tmp_path / str(after) / "taught", tmp_path / str(after) / "trained"
        teaching = Teaching(root)
        path = teaching.add_image(taught_image("red", 1), "red", name="r.png").image
        teaching.close()
        (trained / "run").mkdir(parents=True)
        (trained / "model.onnx").write_bytes(tiny_model_path.read_bytes())
        (trained / "run" / "report.html").write_text("report")
        result = {
            "labels": ["red", "green", "blue"],
            "images_per_label": {"red": 1},
            "accuracy": 1.0,
            "accuracy_interval": [0.5, 1.0],
            "accuracy_of": "validation",
            "evaluated": [{"image": str(root / path), **answer}],
            "duration_s": 1.0,
            "cpu_s": 1.0,
        }

        done = _killed(root, "version", after, json.dumps(result))

        again = Teaching(root)
        state = again.state()
        for version in state["versions"]:
            assert again.version(version["number"]).model.read_bytes() == tiny_model_path.read_bytes()
            assert version["evaluated"] == 1
        assert state["in_use"] in ([None, 1] if state["versions"] else [None])
        assert again.image_file(path).read_bytes() == taught_image("red", 1)
        while state["undo"]:
            again.undo()
            state = again.state()
        assert (state["in_use"], state["versions"], state["labels"]) == (None, [], [])
        again.close()
        if done.returncode == 0:
            assert after >= 5
            return
        assert done.returncode == -9, done.stderr
    pytest.fail("it never ended")
