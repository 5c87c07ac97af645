"""How all benchmarks report their results (taken with edgecls/measuring): figures, machine and versions."""

import compileall
import contextlib
import json
import os
import shlex
import sys
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from machines import STORED, machine_key, memory_class_gb

from edgecls.runtime.machine.cores import usable_cores
from edgecls.runtime.machine.facts import machine_facts as facts_of_this_machine
from edgecls.runtime.machine.memory import total_memory_bytes
from edgecls.runtime.machine.processor import read_processor

__all__ = ["RESULTS", "byte_compile", "earlier_results", "machine_facts", "write_results"]

TRAINING_PACKAGES = ("keras", "tensorflow", "jax", "torch", "tf2onnx")
WRITTEN = ("benchmarks/results", "docs", "*.md")  # by the benchmarks themselves
REPOSITORY = Path(__file__).parent.parent


def _results_folder() -> Path:
    if elsewhere := os.environ.get("EDGECLS_BENCH_RESULTS"):
        return Path(elsewhere)
    here = {"processor": read_processor().name, "usable_cores": usable_cores()}
    return STORED / machine_key(here | {"memory_gb": memory_class_gb(total_memory_bytes())})


RESULTS = _results_folder()
"""Where results are written: in the folder of this machine; a run only to try a script writes elsewhere."""


def byte_compile() -> None:
    """Compile edgecls and the packages it imports, as pip does, so that imports are timed and not compiling.

    Not with EDGECLS_BENCH_COMPILE=0: looking through all packages of a large environment takes minutes.
    """
    if os.environ.get("EDGECLS_BENCH_COMPILE") == "0":
        return
    for folder in (REPOSITORY / "edgecls", *(Path(entry) for entry in sys.path if entry.endswith("site-packages"))):
        compileall.compile_dir(folder, quiet=2)


def machine_facts() -> dict[str, Any]:
    """Return what a reader has to know about where figures were taken."""
    facts = facts_of_this_machine(REPOSITORY, besides=WRITTEN)
    facts["memory_gb"] = memory_class_gb(total_memory_bytes())
    for package in TRAINING_PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            facts["packages"][package] = version(package)
    return facts


def earlier_results(name: str) -> dict[str, Any]:
    """Return what NAME.json in the folder of results holds, or nothing if there is no such file."""
    try:
        found: dict[str, Any] = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return found


def write_results(name: str, results: Mapping[str, Any]) -> Path:
    """Write the results of a benchmark, with the facts of the machine, to NAME.json in the folder of results."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    path = RESULTS / f"{name}.json"
    document = {"machine": machine_facts(), "command": _command(), **results}
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    return path


def _command() -> str:
    """Return how the script was called; of files and folders the names alone, as their places tell nothing here."""
    script, *arguments = sys.argv
    place = Path(script).resolve()
    shown = place.relative_to(REPOSITORY) if place.is_relative_to(REPOSITORY) else Path(place.name)
    names = [Path(argument).name if Path(argument).exists() else argument for argument in arguments]
    return shlex.join(["python", shown.as_posix(), *names])
