"""What `edgecls run` loads for one image, beside what any script loads that runs a network on an image.

Counted and not timed, so that it does not depend on the machine. benchmarks/cold_start.py has the time.
"""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from edgecls.bundled_model import BUNDLED_MODEL

EXAMPLE = Path(__file__).parent.parent / "examples" / "dandelion.jpg"

RUN = "from edgecls.cli import main; main(['run', sys.argv[1]], standalone_mode=False)"
BARE = (
    "import cv2, numpy, onnxruntime\n"
    f"session = onnxruntime.InferenceSession({str(BUNDLED_MODEL)!r}, providers=['CPUExecutionProvider'])\n"
    "session.run(None, {'image': numpy.zeros((1, 224, 224, 3), numpy.uint8)})"
)
REPORT = """
import atexit, json, os, sys
def report():
    is_counted = os.path.exists("/proc/self/io")
    bytes_read = int(open("/proc/self/io").readline().removeprefix("rchar:")) if is_counted else None
    print(json.dumps({"modules": sorted(sys.modules), "bytes_read": bytes_read}))
atexit.register(report)
"""


@dataclass(frozen=True)
class Loaded:
    modules: frozenset[str]
    bytes_read: int | None


def _loaded(script: str) -> Loaded:
    # The second run has the model file verified, as from then on every run.
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", REPORT + script, str(EXAMPLE)], capture_output=True, text=True, check=True
        )
    report = json.loads(done.stdout.splitlines()[-1])
    return Loaded(frozenset(report["modules"]), report["bytes_read"])


@pytest.fixture(scope="module")
def run() -> Loaded:
    return _loaded(RUN)


@pytest.fixture(scope="module")
def bare() -> Loaded:
    return _loaded(BARE)


def test_one_image_loads_few_modules_of_edgecls_and_few_others(run: Loaded, bare: Loaded) -> None:
    own = {name for name in run.modules if name.partition(".")[0] == "edgecls"}
    others = run.modules - bare.modules - own

    assert len(own) <= 70, sorted(own)
    assert len(others) <= 60, sorted(others)


def test_one_image_loads_nothing_that_it_does_not_need(run: Loaded, bare: Loaded) -> None:
    slow_to_import = {"asyncio", "concurrent.futures", "email", "http", "importlib.metadata", "logging", "socket"}
    of_other_work = {"edgecls.server", "edgecls.dataset", "edgecls.results", "edgecls.runtime.video", "bottle", "PIL"}

    assert (run.modules - bare.modules) & (slow_to_import | of_other_work) == set()


@pytest.mark.skipif(not os.path.exists("/proc/self/io"), reason="only Linux counts what a process reads")
def test_one_image_reads_its_model_and_its_image_once(run: Loaded, bare: Loaded) -> None:
    assert run.bytes_read is not None
    assert bare.bytes_read is not None
    model, image = BUNDLED_MODEL.stat().st_size, EXAMPLE.stat().st_size

    # The bare script has onnxruntime read the model, which counts as well. The rest is source code.
    assert run.bytes_read - bare.bytes_read < image + 2_500_000 < model
