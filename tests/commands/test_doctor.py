"""edgecls doctor: the whole diagnosis, as a screen and as JSON."""

import importlib.metadata
import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from runtime_wheels import install
from tiny_model import tiny_model_bytes

import edgecls
from edgecls.cli import main
from edgecls.runtime.execution.providers import Provider
from edgecls.runtime.machine.cores import usable_cores
from edgecls.runtime.machine.wheels import find_conflicts

SOUND = not any(conflict.package == "onnxruntime" for conflict in find_conflicts())


def _doctor(*options: str, python_path: str = "", program: str = "from edgecls.cli import main; main()") -> tuple:
    path = os.pathsep.join([python_path, *filter(None, sys.path)]).strip(os.pathsep)
    done = subprocess.run(
        [sys.executable, "-c", program, "doctor", *options],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.skipif(not SOUND, reason="wheels are in conflict here")
def test_this_machine_as_json() -> None:
    exit_code, out, err = _doctor("--format", "json")
    facts = json.loads(out)

    assert (exit_code, err) == (0, "")
    assert (facts["verdict"], facts["faults"], facts["conflicts"]) == ("fine", [], [])
    assert facts["cores"]["usable"] == usable_cores()
    assert [check["provider"] for check in facts["providers"]] == [p.value for p in Provider if p != "auto"]
    cpu = facts["providers"][-1]
    assert cpu["works"]
    assert cpu["largest_difference"] <= cpu["tolerance"]
    assert all(check["works"] or (check["reason"] and check["remedy"]) for check in facts["providers"])
    assert all(facts["image_formats"].values())


@pytest.mark.skipif(not SOUND, reason="wheels are in conflict here")
def test_this_machine_on_one_screen() -> None:
    done = CliRunner().invoke(main, ["doctor"])

    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert len(lines) < 40
    assert lines[-1].startswith("verdict: fine; models run on ")
    assert any(line.startswith("cores ") and "affinity" in line for line in lines)


def test_wheels_that_overwrote_each_other_are_wrong_with_the_commands_that_help(tmp_path: Path) -> None:
    install(tmp_path, "onnxruntime", "1.31.1")
    install(tmp_path, "onnxruntime-gpu", "1.31.1")

    exit_code, out, _ = _doctor("--format", "json", python_path=str(tmp_path))
    facts = json.loads(out)

    assert (exit_code, facts["verdict"]) == (1, "wrong")
    (fault,) = facts["faults"]
    assert fault["what"].startswith("onnxruntime 1.31.1 and onnxruntime-gpu 1.31.1 ")
    assert "overwrote each other's files" in fault["what"]
    assert fault["remedy"][0].startswith("pip uninstall -y onnxruntime onnxruntime-gpu")


def test_without_onnxruntime_it_still_works_and_says_so() -> None:
    without = "import sys; sys.modules['onnxruntime'] = None; from edgecls.cli import main; main()"

    exit_code, out, _ = _doctor(program=without)

    assert exit_code == 1
    assert "onnxruntime is not installed, so no model can run\n    pip install" in out
    assert out.splitlines()[-1] == "verdict: 1 thing wrong"


def test_without_opencv_images_cannot_be_read() -> None:
    without = "import sys; sys.modules['cv2'] = None; from edgecls.cli import main; main()"

    exit_code, out, _ = _doctor("--format", "json", program=without)
    facts = json.loads(out)

    assert (exit_code, facts["image_formats"]) == (1, {})
    assert any("OpenCV cannot be loaded" in fault["what"] for fault in facts["faults"])


@pytest.mark.parametrize("noise", ["print('noise')", "import os; os.write(1, b'noise\\n')"], ids=["python", "native"])
def test_what_a_damaged_onnxruntime_prints_does_not_reach_the_json(tmp_path: Path, noise: str) -> None:
    (tmp_path / "onnxruntime").mkdir()
    (tmp_path / "onnxruntime" / "__init__.py").write_text(noise)

    exit_code, out, err = _doctor("--format", "json", python_path=str(tmp_path))

    assert exit_code == 1
    assert "cannot load onnxruntime: it is damaged or incomplete" in json.loads(out)["faults"][0]["what"]
    assert "noise" in err


def test_a_model_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["doctor", "--model", str(tmp_path / "gone.onnx")])

    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.startswith("Error: cannot open model")


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="needs a system with affinity masks")
def test_on_one_core_one_is_usable() -> None:
    one = min(os.sched_getaffinity(0))
    bound = f"import os; os.sched_setaffinity(0, [{one}]); from edgecls.cli import main; main()"

    _, out, _ = _doctor("--format", "json", program=bound)

    assert json.loads(out)["cores"]["usable"] == json.loads(out)["cores"]["affinity"] == 1


def test_a_bad_pair_is_a_remark_with_its_remedy_on_a_machine_without_a_gpu(tmp_path: Path) -> None:
    install(tmp_path, "onnxruntime-directml", "1.24.4")

    _, out, _ = _doctor("--format", "json", python_path=str(tmp_path))

    (remark,) = (one for one in json.loads(out)["remarks"] if "Windows ML" in one["what"])
    assert remark["what"].startswith("onnxruntime-directml 1.24.4: ")
    assert remark["remedy"][0] == "pip uninstall -y onnxruntime-directml"


def _report(folder: Path, *options: object, shown: str = "") -> "subprocess.CompletedProcess[str]":
    """Run `edgecls doctor --report` as a user with many secrets."""
    home = folder / "张三 home"
    home.mkdir(exist_ok=True)
    private = {"HOME": str(home), "USER": "张三", "HOSTNAME": "anna-laptop", "API_TOKEN": "tk-5ecret"}
    return subprocess.run(
        [sys.executable, "-m", "edgecls", "doctor", "--report", *map(str, options)],
        env={**os.environ, **private},
        cwd=home,
        input=shown,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


@pytest.mark.skipif(not SOUND, reason="wheels are in conflict here")
def test_a_bug_report_has_what_helps_and_nothing_private(tmp_path: Path) -> None:
    model = tmp_path / "张三 secret.onnx"
    model.write_bytes(tiny_model_bytes())
    shown = (
        "Traceback (most recent call last):\n"
        f'  File "{tmp_path}/张三 home/anna.py", line 3, in anna\n'
        '    classify("anna")\n'
        f'  File "{Path(edgecls.__file__).parent}/image.py", line 81, in read_file\n'
        "    raise ImageReadError\n"
        "edgecls.errors.ImageReadError: label green of 'anna': C:\\Users\\Anna\\x.jpg is gone, tk-5ecret, 192.168.0.7\n"
    )

    done = _report(tmp_path, "--model", model, "--traceback-from", "-", shown=shown)

    assert done.returncode == 0, done.stderr
    written = (tmp_path / "张三 home" / "edgecls-report.md").read_text(encoding="utf-8")
    assert done.stdout == written  # the user has seen it all
    assert done.stderr == (
        "wrote edgecls-report.md, which has no more in it than is shown above: read it, then paste it into the issue\n"
    )
    for private in ("张三", "anna", "secret", "tk-5", str(tmp_path), "192.168", "green", "C:\\", socket.gethostname()):
        assert private.lower() not in written.lower(), written
    assert f"| edgecls | {edgecls.__version__} |" in written
    assert "tried with a model of mine" in written
    assert re.search(r"^\| cpu \| works, golden samples within ", written, re.MULTILINE)
    assert re.search(r"^\| one image \| \d+\.\d ms on the CPU provider \|$", written, re.MULTILINE)
    assert f"onnxruntime {importlib.metadata.version('onnxruntime')}" in written
    assert 'File "edgecls/image.py", line 81, in read_file\n    raise ImageReadError\n' in written
    assert "edgecls.errors.ImageReadError: label [label] of " in written


def test_a_bug_report_says_what_is_wrong(tmp_path: Path) -> None:
    install(tmp_path, "onnxruntime", "1.31.1")
    install(tmp_path, "onnxruntime-gpu", "1.31.1")

    exit_code, out, err = _doctor("--report", "-", python_path=str(tmp_path))

    assert exit_code == 1
    assert "**Wrong**" in out
    assert "overwrote each other's files" in out
    assert "    pip uninstall -y onnxruntime onnxruntime-gpu" in out
    assert err == ""


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--traceback-from", "-"], "--traceback-from goes with --report"),
        (["--report", "--format", "json"], "leave out --format json"),
        (["--report", "gone/report.md"], "cannot write 'gone/report.md'"),
        (["--report", "--traceback-from", "gone.txt"], "'gone.txt' does not exist"),
    ],
    ids=" ".join,
)
def test_what_a_bug_report_cannot_be_is_said_before_anything_is_tried(options: list[str], message: str) -> None:
    done = CliRunner().invoke(main, ["doctor", *options])

    assert done.exit_code != 0
    assert done.stdout == ""
    assert message in done.stderr
