"""The sdist and the wheel as users get them: built, checked, installed in clean environments, and used.

    python tests/wheel_journeys.py [--extras cpu,train,...] [-- ARGUMENTS OF PYTEST]

1. The sdist and, from it, the wheel are built into dist/ and checked by twine; the same wheel comes from the checkout.
2. The wheel alone, without a runtime: what needs one says in one line what to install, and the rest works.
3. The wheel with extras: the journeys of the tests, without the checkout on Python's path.

The environment that runs it needs nothing; everything is installed into a folder. The network is needed.
"""

import argparse
import os
import shutil
import subprocess
import sys
import time
import zipfile
from pathlib import Path

from script_steps import BIN, REPOSITORY, call, environment_without_requirements, say

TOOLS = ["build>=1.3", "twine>=6.1", "uv>=0.9"]
EXTRAS = "cpu,train,quick,classical,data,grpc,parquet,desktop,signing,dev"

ADVICE = 'install it with: pip install "edgecls[{}]"'
WITHOUT_RUNTIME = {
    ("run", "{image}"): ADVICE.format("cpu"),
    ("run", "{folder}", "--format", "json"): ADVICE.format("cpu"),
    ("verify", "{model}"): ADVICE.format("cpu"),
    ("serve", "--port", "0"): ADVICE.format("cpu"),
    ("evaluate", "{model}", "{data}"): ADVICE.format("cpu"),
    ("compare", "{model}", "{model}", "{data}"): ADVICE.format("cpu"),
    ("bench",): ADVICE.format("cpu"),
    ("tune",): ADVICE.format("cpu"),
    ("train", "{data}", "-o", "new.onnx", "--quick"): ADVICE.format("cpu,quick"),
    ("train", "{data}", "-o", "new.onnx"): ADVICE.format("cpu,train"),
    ("quantize", "{model}", "-o", "int8.onnx", "--calibrate", "{data}"): ADVICE.format("cpu,classical"),
    ("data", "pick", "{folder}", "--model", "{model}", "--count", "1", "-o", "picked"): ADVICE.format("cpu"),
    ("data", "review", "{data}"): ADVICE.format("cpu,quick"),
    ("gui",): ADVICE.format("cpu,desktop"),
    ("doctor",): 'pip install "edgecls[cpu]"',
}
"""Commands that need a runtime, and the end of what they say where there is none."""

WORKS_WITHOUT = [("info", "{model}"), ("data", "stats", "{data}"), ("--version",), ("--help",)]


def build(tools: Path, folder: Path) -> Path:
    """Build both files into dist/, check them, and return the wheel.

    Raises:
        SystemExit: The wheel from the sdist has other files than the one from the checkout.
    """
    python = tools / BIN / "python"
    dist = REPOSITORY / "dist"
    shutil.rmtree(dist, ignore_errors=True)
    call(python, "-m", "build", "-q", REPOSITORY)  # the wheel is made from the sdist, where there is no git
    call(python, "-m", "twine", "check", "--strict", *dist.iterdir())
    [wheel] = dist.glob("*.whl")
    shutil.rmtree(folder / "checkout", ignore_errors=True)
    call(python, "-m", "build", "-q", "--wheel", "--outdir", folder / "checkout", REPOSITORY)
    [other] = (folder / "checkout").glob("*.whl")
    first, second = (
        {entry.filename: entry.CRC for entry in zipfile.ZipFile(file).infolist()} for file in (wheel, other)
    )
    if first != second:
        differing = sorted(name for name in first.keys() | second.keys() if first.get(name) != second.get(name))
        raise SystemExit(f"the wheel from the sdist differs from that of the checkout in {', '.join(differing)}")
    packed = {name for name in first if not name.startswith("edgecls-")}
    tracked = subprocess.run(
        ["git", "ls-files", "edgecls"], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    missing = set(tracked.stdout.split()) - packed
    if missing:  # where there is git
        raise SystemExit(f"the wheel lacks {', '.join(sorted(missing))}: name them in setup.cfg, package_data")
    say(f"{wheel.name}: {len(packed)} files, {wheel.stat().st_size / 1e6:.1f} MB")
    return wheel


def without_runtime(python: Path, folder: Path) -> None:
    """Check what commands and the package say where no onnxruntime is installed.

    Raises:
        SystemExit: One does not say in one line what to install, or fails otherwise.
    """
    places = _example(folder)
    for command, advice in WITHOUT_RUNTIME.items():
        done = _edgecls(python, folder, *(word.format(**places) for word in command))
        lines = [line for line in done.stderr.splitlines() if line.startswith("Error: ")]
        told = done.stdout if command == ("doctor",) else "\n".join(lines)
        if done.returncode != 1 or advice not in told or "Traceback" in done.stderr or len(lines) > 1:
            raise SystemExit(f"edgecls {' '.join(command)} ends with {done.returncode}: {done.stdout}{done.stderr}")
    for command in WORKS_WITHOUT:
        done = _edgecls(python, folder, *(word.format(**places) for word in command))
        if done.returncode:
            raise SystemExit(f"edgecls {' '.join(command)} ends with {done.returncode}: {done.stderr}")
    code = "import edgecls\ntry:\n    edgecls.load()\nexcept edgecls.EdgeclsError as error:\n    print(error)"
    done = subprocess.run([python, "-P", "-c", code], cwd=folder, capture_output=True, text=True, check=True)
    if not done.stdout.strip().endswith(ADVICE.format("cpu")) or done.stdout.count("\n") != 1:
        raise SystemExit(f"edgecls.load() says: {done.stdout}")
    say(f"without onnxruntime: {len(WITHOUT_RUNTIME)} commands and edgecls.load() say what to install")


def _example(folder: Path) -> dict[str, str]:
    """Make a dataset of the example image, and return the names that commands above use."""
    example = REPOSITORY / "examples/dandelion.jpg"
    for label in ("dandelion", "other"):
        (folder / "data" / label).mkdir(parents=True, exist_ok=True)
        for number in range(2):
            shutil.copy(example, folder / "data" / label / f"{number}.jpg")
    model = REPOSITORY / "edgecls/assets/flowers.onnx"
    return {"image": str(example), "folder": str(example.parent), "model": str(model), "data": str(folder / "data")}


def _edgecls(python: Path, folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "PYTHONUTF8": "1", "PYTHONSAFEPATH": "1"}
    return subprocess.run(
        [python, "-m", "edgecls", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


def run_journeys(python: Path, arguments: list[str]) -> None:
    """Run the journeys with the package that is installed.

    Raises:
        SystemExit: What is imported is the checkout.
    """
    # Neither the folder of the tests nor that of the command is on the path of the programs that they start.
    environment = environment_without_requirements() | {"PYTHONSAFEPATH": "1"}
    environment.pop("PYTHONPATH", None)
    where = "import edgecls; print(edgecls.__file__)"
    tests = REPOSITORY / "tests"
    found = subprocess.run(
        [python, "-c", where], cwd=tests, env=environment, capture_output=True, text=True, check=True
    )
    if not Path(found.stdout.strip()).is_relative_to(python.parents[1]):
        raise SystemExit(f"the tests would use {found.stdout.strip()}, not the wheel")
    command = [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "journeys", *arguments]
    subprocess.run(command, cwd=tests, env=environment, check=True)


def main() -> None:
    """Build, check, install and use."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--folder", type=Path, default=REPOSITORY / ".venv-wheel", help="for environments; left if something fails"
    )
    parser.add_argument("--extras", default=EXTRAS, help="what the journeys run with; default: %(default)s")
    parser.add_argument("--build-only", action="store_true", help="no journeys")
    options, arguments = parser.parse_known_args()
    start_s = time.perf_counter()
    folder = options.folder.absolute()
    shutil.rmtree(folder, ignore_errors=True)
    tools = folder / "tools"
    call(sys.executable, "-m", "venv", tools)
    call(tools / BIN / "python", "-m", "pip", "install", "-q", *TOOLS)
    wheel = build(tools, folder)
    uv = tools / BIN / ("uv.exe" if os.name == "nt" else "uv")
    wanted = {"base": "", **({} if options.build_only else {"extras": f"[{options.extras}]"})}
    for name, extras in wanted.items():
        for_tests = ["pytest-xdist>=3.6"] if extras else []  # for -n 2, as .ci/run gives it
        call(uv, "venv", "-q", "--no-project", "--python", sys.executable, folder / name)
        call(
            uv,
            "pip",
            "install",
            "-q",
            "--python",
            folder / name / BIN / "python",
            f"edgecls{extras} @ {wheel.as_uri()}",
            *for_tests,
        )
        call(uv, "pip", "check", "-q", "--python", folder / name / BIN / "python")
    without_runtime(folder / "base" / BIN / "python", folder)
    if not options.build_only:
        run_journeys(folder / "extras" / BIN / "python", [word for word in arguments if word != "--"])
    shutil.rmtree(folder)
    say(f"passed in {time.perf_counter() - start_s:.0f} s")


if __name__ == "__main__":
    main()
