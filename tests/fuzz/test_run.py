"""The program behind `make fuzz`: what it finds, keeps and says."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fuzz import run

PROGRAM = Path(run.__file__)

# A target that is as wrong as can be, for each way of being wrong: found by a word that the seed has.
FAULTY = """
import os, time
from fuzz.target import Target, check

def read(data, folder):
    if b"<raise>" in data:
        raise KeyError("raised")
    if b"<write>" in data:
        (folder / ".." / ".." / ".." / "outside").write_bytes(b"")
    if b"<start>" in data:
        os.system("true")
    if b"<loop>" in data:
        while True:
            pass
    if b"<fill>" in data:
        bytearray(8 << 30)
    if b"<exit>" in data:
        os._exit(3)
    if b"<break>" in data:
        check(False, "it does not hold")
    raise ValueError("refused")

TARGETS = (Target("faulty", read, lambda: [%r], (ValueError,), limit_s=0.05),)
"""


def _run(folder: Path, seed: bytes, *options: str) -> subprocess.CompletedProcess[str]:
    targets = folder / "fuzz" / "targets"
    targets.mkdir(parents=True)
    for name in ("__init__", "run", "target", "damage"):
        (folder / "fuzz" / f"{name}.py").write_bytes(PROGRAM.with_name(f"{name}.py").read_bytes())
    (targets / "wrong.py").write_text(FAULTY % seed)
    (targets / "__init__.py").write_text(
        "from fuzz.targets import wrong\nTARGETS = {'faulty': wrong.TARGETS[0]}\nis_installed = bool\n"
    )
    command = [sys.executable, folder / "fuzz" / "run.py", "--work", folder / "work", "--seed", "1", *options]
    # Without Atheris, which may be installed or not.
    return subprocess.run(command, capture_output=True, text=True, env={**os.environ, "EDGECLS_FUZZ_PLAIN": "1"})


@pytest.mark.parametrize(
    ("seed", "said"),
    [
        (b"xxxx<raise>xxxx", "KeyError in no code of edgecls"),
        (b"xxxx<break>xxxx", "a broken promise of read, line"),
        (b"xxxx<write>xxxx", "it wrote outside its"),
        (b"xxxx<start>xxxx", "it did os.system"),
        (b"xxxx<loop>xxxx", "it took more than 0."),
        (b"xxxx<exit>xxxx", "its process ended with exit code 3"),
        pytest.param(
            b"xxxx<fill>xxxx",
            "MemoryError",
            marks=pytest.mark.skipif(sys.platform == "win32", reason="no limit of memory"),
        ),
    ],
)
def test_each_way_of_being_wrong_is_found_made_small_and_kept(tmp_path: Path, seed: bytes, said: str) -> None:
    done = _run(tmp_path, seed, "--seconds", "0.5")

    assert done.returncode == 1, done.stdout + done.stderr
    assert said in done.stdout
    (found,) = {path for path in (tmp_path / "work" / "faults" / "faulty").iterdir() if not path.suffix}
    if "exit code" not in said:
        assert found.read_bytes() == seed.strip(b"x")
    assert said in found.with_suffix(".txt").read_text(encoding="utf-8")
    assert not (tmp_path.parent / "outside").exists()


def test_what_is_refused_is_no_fault(tmp_path: Path) -> None:
    done = _run(tmp_path, b"xxxx", "--seconds", "0.3")

    assert done.returncode == 0, done.stdout + done.stderr
    assert "faults" not in done.stdout


def test_a_target_that_is_not_there_is_told(tmp_path: Path) -> None:
    done = _run(tmp_path, b"x", "nothing")

    assert done.returncode == 2
    assert "there is no target nothing; there are: faulty" in done.stderr


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_inputs_are_shrunk_to_what_matters(size: int) -> None:
    data = b"x" * size + b"ab" + b"x" * size + b"c"

    assert run.shrunk(data, lambda other: b"ab" in other and b"c" in other) == b"abc"
