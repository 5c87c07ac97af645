"""A diagnosis as a bug report: Markdown for an issue, without what is private."""

import platform
import re
import statistics
import struct
import sys
import textwrap
import time
from collections.abc import Iterable, Iterator

from edgecls.errors import EdgeclsError
from edgecls.modelfile import read_model
from edgecls.runtime.doctor.diagnosis import Diagnosis, Problem
from edgecls.runtime.doctor.provider_check import ProviderCheck
from edgecls.runtime.doctor.redaction import Redaction, public_packages
from edgecls.runtime.machine.wheel_floors import this_system

__all__ = ["LAST_LINES", "bug_report", "time_one_image"]

LAST_LINES = 60
"""How much of a traceback goes into a report."""

TIMED_RUNS = 15
WIDTH = 100
_GB = 1e9


def bug_report(
    diagnosis: Diagnosis,
    redaction: Redaction,
    *,
    is_bundled_model: bool,
    one_image_ms: float | None = None,
    traceback: str = "",
) -> str:
    """Return a report on this machine and what is wrong with it.

    Args:
        diagnosis: Of this machine.
        redaction: What is private here.
        is_bundled_model: Whether the providers were tried with the model that comes with edgecls.
        one_image_ms: What an image takes, in milliseconds; None where no model runs.
        traceback: What a terminal showed when the fault happened.
    """
    lines = [
        "### Bug report of `edgecls doctor --report`",
        "",
        "Paths, names, labels, addresses, serial numbers and values of environment variables were removed.",
        "",
        *_table(_facts(diagnosis, redaction, one_image_ms)),
        "",
        f"**Providers**, tried with {'the bundled model' if is_bundled_model else 'a model of mine'}",
        "",
        *_table((check.provider.value, redaction.applied(_outcome(check))) for check in diagnosis.providers),
    ]
    for title, problems in (("Wrong", diagnosis.faults), ("Could be better", diagnosis.remarks)):
        if problems:
            lines += ["", f"**{title}**", "", *_fenced(redaction.applied(_problem(one)) for one in problems)]
    kept = redaction.applied_to_traceback(traceback).splitlines()
    if kept:
        cut = ["[...]"] if len(kept) > LAST_LINES else []
        lines += ["", "**Traceback**", "", *_fenced([*cut, *kept[-LAST_LINES:]])]
    packages = ", ".join(f"{name} {version}" for name, version in public_packages(indirect=False).items())
    lines += ["", "**Packages**", "", *_fenced(textwrap.wrap(packages, WIDTH, break_on_hyphens=False)), ""]
    return "\n".join(lines)


def time_one_image(model_path: str) -> float | None:
    """Return the milliseconds that an image takes on the CPU, from PNG to answer, the median; None if none can be run.

    Args:
        model_path: A model file, whose first golden sample is the image.
    """
    from edgecls.runtime.opening import load

    try:
        image = read_model(model_path).card.golden.samples[0].png
        with load(model_path, "cpu") as classifier:
            times_ms = []
            for _ in range(TIMED_RUNS):
                start_s = time.perf_counter()
                classifier.predict(image)
                times_ms.append((time.perf_counter() - start_s) * 1000)
    except EdgeclsError:
        return None
    return statistics.median(times_ms)


def _facts(diagnosis: Diagnosis, redaction: Redaction, one_image_ms: float | None) -> Iterator[tuple[str, str]]:
    versions = diagnosis.versions
    venv = "in a virtual environment" if sys.prefix != sys.base_prefix else "no virtual environment"
    bits = 8 * struct.calcsize("P")
    yield "edgecls", str(versions.get("edgecls"))
    yield "Python", f"{versions.get('python')} ({platform.python_implementation()}, {bits} bit, {venv})"
    yield "system", redaction.applied(diagnosis.system)
    yield "C library", _c_library()
    yield "processor", redaction.applied(f"{diagnosis.processor} ({platform.machine()})")
    yield "cores", f"{diagnosis.cores.usable} usable of {diagnosis.cores.host}"
    free, total = diagnosis.free_memory_bytes, diagnosis.memory_bytes
    yield "memory", f"{_gigabytes(free)} free of {_gigabytes(total)}"
    gpus = [f"{gpu.name}, {gpu.memory_bytes / _GB:.0f} GB, {gpu.compute_capability}" for gpu in diagnosis.gpus.gpus]
    driver = f" (driver {diagnosis.gpus.driver}, up to CUDA {diagnosis.gpus.cuda})" if gpus else ""
    yield "GPU", redaction.applied("; ".join(gpus) + driver if gpus else str(diagnosis.gpus.problem))
    yield "runtime", ", ".join(map(str, diagnosis.wheels)) or "neither onnxruntime nor OpenCV is installed"
    if diagnosis.plugins:
        yield "plugins", redaction.applied(", ".join(map(str, diagnosis.plugins)))
    unreadable = [name for name, readable in diagnosis.image_formats.items() if not readable]
    yield "images", f"cannot read {', '.join(unreadable)}" if unreadable else "all formats can be read"
    cache = "cannot be written" if not diagnosis.cache.writable else f"{diagnosis.cache.size_bytes / 1e6:.1f} MB"
    yield "cache", f"{cache}, {_gigabytes(diagnosis.free_disk_bytes)} free on its disk"
    yield "one image", "no model runs" if one_image_ms is None else f"{one_image_ms:.1f} ms on the CPU provider"
    yield "best provider", str(diagnosis.best_provider or "none works")


def _c_library() -> str:
    system = this_system()
    return f"{system.libc} {'.'.join(map(str, system.libc_version))}".strip() or "that of the system"


def _gigabytes(count: int | None) -> str:
    return "unknown" if count is None else f"{count / _GB:.1f} GB"


def _outcome(check: ProviderCheck) -> str:
    if not check.works:
        return f"no: {check.reason}"
    return f"works, golden samples within {check.largest_difference:.1g}, ready in {check.opening_s:.1f} s"


def _problem(problem: Problem) -> str:
    return "\n".join([problem.what, *(f"    {step}" for step in problem.remedy)])


def _table(rows: Iterable[tuple[str, str]]) -> Iterator[str]:
    yield from ("| | |", "|---|---|")
    for name, text in rows:
        cell = re.sub(r"[\\|<>*`@]", lambda found: f"&#{ord(found[0])};", " ".join(text.split()))
        yield f"| {name} | {cell} |"


def _fenced(texts: Iterable[str]) -> Iterator[str]:
    """Yield texts as a block that Markdown leaves alone, whatever is in them."""
    joined = "\n".join(texts)
    fence = "```"
    while fence in joined:
        fence += "`"
    yield from (f"{fence}text", joined, fence)
