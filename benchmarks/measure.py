"""One way to report, for all benchmarks: what was measured in rounds (edgecls/rounds.py), where, and with what."""

import compileall
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

__all__ = ["RESULTS", "byte_compile", "machine_facts", "write_results"]

REPOSITORY = Path(__file__).parent.parent
RESULTS = Path(os.environ.get("EDGECLS_BENCH_RESULTS") or Path(__file__).parent / "results")
"""Where results are written; a run only to try a script writes elsewhere."""


def byte_compile() -> None:
    """Compile edgecls and the packages it imports, as pip does, so that imports are timed and not compiling."""
    for folder in (REPOSITORY / "edgecls", *(Path(entry) for entry in sys.path if entry.endswith("site-packages"))):
        compileall.compile_dir(folder, quiet=2)


def machine_facts() -> dict[str, Any]:
    """Return what a reader has to know about where figures were taken."""
    packages = {}
    for package in (
        "edgecls",
        "numpy",
        "opencv-python-headless",
        "onnxruntime",
        "click",
        "keras",
        "tensorflow",
        "tf2onnx",
    ):
        try:
            packages[package] = version(package)
        except PackageNotFoundError:
            continue
    return {
        "processor": _processor(),
        "usable_cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "packages": packages,
        "revision": _revision(),
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def write_results(name: str, results: Mapping[str, Any]) -> Path:
    """Write the results of a benchmark, with the facts of the machine, to NAME.json in the folder of results."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps({"machine": machine_facts(), **results}, indent=2) + "\n", encoding="utf-8")
    return path


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor()


def _revision() -> str:
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    return done.stdout.strip()
