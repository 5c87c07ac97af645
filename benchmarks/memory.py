"""How much memory does `edgecls run` take, compared with a bare script on onnxruntime?

The bare script imports numpy, OpenCV and onnxruntime, opens the same model from its path with one thread a run,
and classifies the same images one after the other with cv2.imdecode and cv2.resize. The peak
resident set of each process is measured, in a new process each time.

    python benchmarks/memory.py [--photos 40] [--rounds 5] [--model my.onnx]...
"""

import argparse
import functools
import os
import statistics
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from folder import write_photos
from measure import byte_compile, machine_facts, write_results
from small_model import write_small_model

from edgecls.commands.options import BUNDLED_MODEL
from edgecls.measuring.turns import ratio_of, take_turns
from edgecls.modelfile import read_model

BARE = """
import sys
import cv2, numpy, onnxruntime
model, height, width, *names = sys.argv[1:]
cv2.setNumThreads(1)
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
for name in names:
    pixels = cv2.imdecode(numpy.fromfile(name, numpy.uint8), cv2.IMREAD_COLOR_RGB)
    pixels = cv2.resize(pixels, (int(width), int(height)))
    print(name, session.run(None, {"image": pixels[numpy.newaxis]})[0].argmax())
"""


def _peak_mib(command: list[str]) -> float:
    """Run a command and return the most memory that it had resident, in MiB."""
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as program:
        _, status, usage = os.wait4(program.pid, 0)
        program.returncode = os.waitstatus_to_exitcode(status)
    if program.returncode:
        raise subprocess.CalledProcessError(program.returncode, command)
    return usage.ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def _measure(model: Path, names: list[str], rounds: int) -> dict[str, object]:
    spec = read_model(model).card.image
    commands = {
        "bare": [sys.executable, "-c", BARE, str(model), str(spec.height), str(spec.width), *names],
        "edgecls run": [sys.executable, "-m", "edgecls", "run", *names, "--model", str(model), "--provider", "cpu"],
    }
    subjects = {name: functools.partial(_peak_mib, command) for name, command in commands.items()}
    peaks = take_turns(subjects, rounds=rounds, warm_up=0)
    comparison = ratio_of(peaks["edgecls run"], peaks["bare"])
    medians = {name: statistics.median(values) for name, values in peaks.items()}
    print(
        f"{model.name} ({model.stat().st_size / 2**20:.1f} MiB): "
        + ", ".join(f"{name} {value:.0f} MiB" for name, value in medians.items())
        + f", edgecls run / bare: {comparison}"
    )
    return {
        "model": model.name,
        "model_bytes": model.stat().st_size,
        "peak_mib": {name: [round(value, 1) for value in values] for name, values in peaks.items()},
        "edgecls_over_bare": asdict(comparison),
    }


def main() -> None:
    """Measure, print and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--model", type=Path, action="append", help="instead of the bundled and the small one")
    arguments = parser.parse_args()
    byte_compile()
    machine = machine_facts()
    print(f"{machine['processor']}, {machine['usable_cores']} cores, {arguments.photos} photos")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "photos"
        folder.mkdir()
        write_photos(folder, arguments.photos)
        names = sorted(map(str, folder.iterdir()))
        models = arguments.model or [BUNDLED_MODEL, write_small_model(Path(scratch) / "small.onnx")]
        rows = [_measure(model, names, arguments.rounds) for model in models]
    print(f"wrote {write_results('memory', {'rounds': arguments.rounds, 'photos': arguments.photos, 'rows': rows})}")


if __name__ == "__main__":
    main()
