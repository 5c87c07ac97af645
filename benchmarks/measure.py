"""One way to report, for all benchmarks: what was measured in rounds (edgecls/rounds.py), where, and with what."""

import compileall
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgecls.runtime.machine.facts import machine_facts as facts_of_this_machine

__all__ = ["byte_compile", "machine_facts", "write_results"]

REPOSITORY = Path(__file__).parent.parent
RESULTS = Path(__file__).parent / "results"


def byte_compile() -> None:
    """Compile edgecls and the packages it imports, as pip does, so that imports are timed and not compiling."""
    for folder in (REPOSITORY / "edgecls", *(Path(entry) for entry in sys.path if entry.endswith("site-packages"))):
        compileall.compile_dir(folder, quiet=2)


def machine_facts() -> dict[str, Any]:
    """Return what a reader has to know about where figures were taken."""
    return facts_of_this_machine(REPOSITORY)


def write_results(name: str, results: Mapping[str, Any]) -> Path:
    """Write the results of a benchmark, with the facts of the machine, to benchmarks/results/NAME.json."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps({"machine": machine_facts(), **results}, indent=2) + "\n", encoding="utf-8")
    return path
