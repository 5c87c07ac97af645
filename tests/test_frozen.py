"""Edgecls as a frozen program: one file that is its own `sys.executable`, as PyInstaller makes them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

EDGECLS = "from edgecls.cli import main\nmain(prog_name='edgecls')\n"
ANOTHER = """
import os
with open(sys.argv[1], 'a') as log:
    log.write('started\\n')
from edgecls.runtime.doctor.provider_check import check_provider
from edgecls.runtime.execution.providers import Provider
from edgecls.bench.stages import start_once
from pathlib import Path
for provider in (Provider.CPU, Provider.CUDA):
    check = check_provider(sys.argv[2], provider, timeout_s=60)
    print(check.works, check.reason)
print(start_once(sys.argv[2], Provider.CPU, Path('red.png')))
from edgecls.server.several import serve_with_workers
from edgecls.errors import ServerError
try:
    serve_with_workers(None, print)
except ServerError as error:
    print(error)
"""


def _frozen(folder: Path, source: str) -> Path:
    """Make a program that has no Python to start but itself."""
    program = folder / "program"
    head = f"#!{sys.executable}\nimport sys\nsys.frozen = True\nsys.executable = __file__\n"
    program.write_text(head + source)
    program.chmod(0o755)
    return program


@pytest.mark.skipif(sys.platform == "win32", reason="a script is no program there")
def test_the_doctor_tries_providers_in_processes_of_the_program(tiny_model_path: Path, tmp_path: Path) -> None:
    command = [_frozen(tmp_path, EDGECLS), "doctor", "--model", tiny_model_path, "--format", "json"]

    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)

    assert (done.returncode, done.stderr) == (0, "")
    works = {check["provider"]: check["works"] for check in json.loads(done.stdout)["providers"]}
    assert works["cpu"]


@pytest.mark.skipif(sys.platform == "win32", reason="a script is no program there")
def test_starts_are_measured_with_the_program(tiny_model_path: Path, images: Path, tmp_path: Path) -> None:
    source = (
        "from edgecls.frozen import answer_as_child\n"
        "answer_as_child()\n"
        "if sys.argv[1] == 'run':\n"
        "    from edgecls.cli import main\n"
        "    main(prog_name='edgecls')\n"
        "from edgecls.bench.stages import start_once\n"
        "from edgecls.runtime.execution.providers import Provider\n"
        "from pathlib import Path\n"
        "print(start_once(sys.argv[1], Provider.CPU, Path(sys.argv[2])))\n"
    )
    command = [_frozen(tmp_path, source), tiny_model_path, images / "red.png"]

    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)

    assert done.stdout.startswith("Start(elapsed_s=")


@pytest.mark.skipif(sys.platform == "win32", reason="a script is no program there")
def test_another_frozen_program_is_not_started_again(tiny_model_path: Path, images: Path, tmp_path: Path) -> None:
    command = [_frozen(tmp_path, ANOTHER), tmp_path / "log", tiny_model_path]

    done = subprocess.run(command, cwd=images, capture_output=True, text=True, check=True, timeout=120)

    cpu, cuda, start, workers = done.stdout.splitlines()
    assert cpu == "True None"
    assert cuda.startswith("False not tried: that takes a process of its own, which this frozen program cannot start")
    assert "this frozen program is another one" in start
    assert workers == "this frozen program cannot start several processes; leave --workers at 1"
    assert (tmp_path / "log").read_text() == "started\n"


def test_a_python_that_is_not_frozen_has_no_hidden_option() -> None:
    command = [sys.executable, "-m", "edgecls", "--edgecls-child", "launch", "true"]

    done = subprocess.run(command, env={**os.environ}, capture_output=True, text=True, check=False)

    assert done.returncode == 2
    assert "No such option" in done.stderr
