"""One way to report, for all benchmarks: what was measured in rounds (edgecls/rounds.py), where, and with what."""

import compileall
import contextlib
import json
import os
import sys
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from edgecls.runtime.machine.facts import machine_facts as facts_of_this_machine

__all__ = ["RESULTS", "byte_compile", "machine_facts", "write_results"]

TRAINING_PACKAGES = ("keras", "tensorflow", "jax", "torch", "tf2onnx")
REPOSITORY = Path(__file__).parent.parent
RESULTS = Path(os.environ.get("EDGECLS_BENCH_RESULTS") or Path(__file__).parent / "results")
"""Where results are written; a run only to try a script writes elsewhere."""


def byte_compile() -> None:
    """Compile edgecls and the packages it imports, as pip does, so that imports are timed and not compiling."""
    for folder in (REPOSITORY / "edgecls", *(Path(entry) for entry in sys.path if entry.endswith("site-packages"))):
        compileall.compile_dir(folder, quiet=2)


def machine_facts() -> dict[str, Any]:
    """Return what a reader has to know about where figures were taken."""
    facts = facts_of_this_machine(REPOSITORY)
    for package in TRAINING_PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            facts["packages"][package] = version(package)
    return facts


def write_results(name: str, results: Mapping[str, Any]) -> Path:
    """Write the results of a benchmark, with the facts of the machine, to NAME.json in the folder of results."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps({"machine": machine_facts(), **results}, indent=2) + "\n", encoding="utf-8")
    return path
