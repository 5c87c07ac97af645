"""One way to time and to report, for all benchmarks.

Machines drift: some slow down by half for minutes. So everything is taken in rounds, the
baseline beside the subject in each, and what is reported first is the ratio within the rounds.
"""

import compileall
import json
import os
import platform
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

__all__ = ["Comparison", "byte_compile", "compare", "machine_facts", "time_rounds", "write_results"]

REPOSITORY = Path(__file__).parent.parent
RESULTS = Path(__file__).parent / "results"
RESAMPLES = 2000  # of the bootstrap


def time_rounds(
    subjects: Mapping[str, Callable[[], object]], *, rounds: int, warm_up: int = 1
) -> dict[str, list[float]]:
    """Time every subject once in each round, in an order that changes from round to round.

    Returns:
        For each subject its time in seconds in each round, warm-up rounds left out.
    """
    order = random.Random(0)
    times: dict[str, list[float]] = {name: [] for name in subjects}
    for index in range(warm_up + rounds):
        names = list(subjects)
        order.shuffle(names)
        for name in names:
            start = time.perf_counter()
            subjects[name]()
            elapsed = time.perf_counter() - start
            if index >= warm_up:
                times[name].append(elapsed)
    return times


@dataclass(frozen=True)
class Comparison:
    """A subject beside its baseline.

    Attributes:
        ratio: Median over the rounds of subject / baseline.
        low: Lower end of its 95 % confidence interval, by bootstrap over the rounds.
        high: Upper end.
    """

    ratio: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.ratio:.2f} ({self.low:.2f} to {self.high:.2f})"


def compare(subject: Sequence[float], baseline: Sequence[float]) -> Comparison:
    """Compare two subjects that were timed in the same rounds."""
    ratios = [one / other for one, other in zip(subject, baseline, strict=True)]
    draw = random.Random(0)
    medians = sorted(statistics.median(draw.choices(ratios, k=len(ratios))) for _ in range(RESAMPLES))
    return Comparison(statistics.median(ratios), medians[RESAMPLES // 40], medians[-RESAMPLES // 40])


def byte_compile() -> None:
    """Compile edgecls and the packages it imports, as pip does, so that imports are timed and not compiling."""
    for folder in (REPOSITORY / "edgecls", *(Path(entry) for entry in sys.path if entry.endswith("site-packages"))):
        compileall.compile_dir(folder, quiet=2)


def machine_facts() -> dict[str, Any]:
    """Return what a reader has to know about where figures were taken."""
    packages = {}
    for package in ("edgecls", "numpy", "opencv-python-headless", "onnxruntime", "click"):
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
    """Write the results of a benchmark, with the facts of the machine, to benchmarks/results/NAME.json."""
    RESULTS.mkdir(exist_ok=True)
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
