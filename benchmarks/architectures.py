"""Does every network train, export and give the same answers in onnxruntime as in Keras?

Two sources of networks, each tried in a process of its own, one after the other, so that memory stays bounded:

    table  the networks of `edgecls train --arch`: one training step, then the export
    keras  what keras.applications builds, as users save it, with a head that is sure of its answers (otherwise
           differences would hide among ten answers of 0.1)

Each is saved as a .keras file and goes through `edgecls export`, whose parity gate decides. Results are written after
every network, and a network that has results is not tried again, so an interrupted run continues where it stopped.

    python benchmarks/architectures.py [--source keras] [--only mobilenet_v2,vgg16] [--side 64] [--again]
"""

import argparse
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from measure import earlier_results, write_results

from edgecls import image

NAME = "architectures"
SOURCES = ("table", "keras")
CLASSES = 10
SAMPLES = 4
LIMIT_S = 1200  # for one network

SCALE_THEMSELVES = ("EfficientNet", "ConvNeXt", "MobileNetV3")  # networks of keras.applications that take 0 to 255

LIST = {
    "table": """
from edgecls.models import architecture_names, get_architecture
rows = map(get_architecture, architecture_names())
print(*(f"{row.name}:{row.min_side}" for row in sorted(rows, key=lambda row: row.parameters)))
""",
    "keras": """
import edgecls.models, keras
from edgecls.models.keras_applications import APPLICATIONS
rows = {row.constructor: row for row in APPLICATIONS}
names = sorted((name for name in dir(keras.applications) if name[0].isupper()), key=lambda name: rows[name].parameters)
print(*(f"{name}:{rows[name].min_side}" for name in names))
""",
}
"""Prints name and smallest side of every network, the smallest network first."""

MAKE = {
    "table": """
import sys, keras, numpy as np
from edgecls.image_spec import ImageSpec
from edgecls.models import HEAD_PREFIX, build_model, get_architecture
name, side, classes, path = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
keras.utils.set_random_seed(0)
network = build_model(name, num_classes=classes, spec=ImageSpec(side, side))
weights = sum(layer.count_params() for layer in network.layers if not layer.name.startswith(HEAD_PREFIX))
if weights != get_architecture(name).parameters:
    sys.exit(f"{name} has {weights} weights without its head, not {get_architecture(name).parameters}")
for layer in network.layers:
    if isinstance(layer, keras.layers.BatchNormalization):
        layer.momentum = 0.0  # with its initial statistics an untrained deep network answers all images alike
rng = np.random.default_rng(0)
flat = [np.full((side, side, 3), value, np.uint8) for value in (0, 128, 255)]
strong = rng.integers(0, 256, (8, side, side, 3), np.uint8)
soft = rng.integers(0, 128, (21, 1, 1, 1)) + rng.random((21, side, side, 3)) * rng.integers(32, 128, (21, 1, 1, 1))
images = np.concatenate([flat, strong, soft.astype(np.uint8)])  # with fewer, the statistics make rounding errors grow
kernels = [weight for weight in network.trainable_weights if "kernel" in weight.path]
before = [float(keras.ops.sum(weight)) for weight in kernels]
network.compile(keras.optimizers.SGD(1e-3), "sparse_categorical_crossentropy", run_eagerly=True, jit_compile=False)
loss = network.fit(images, np.arange(32) % classes, batch_size=32, verbose=0).history["loss"][0]
moved = sum(float(keras.ops.sum(weight)) != old for weight, old in zip(kernels, before))
if not np.isfinite(loss) or not moved:
    sys.exit(f"one step of training does nothing: loss {loss}, {moved} of {len(kernels)} kernels changed")
network.save(path)
print(network.count_params())
""",
    "keras": """
import sys, keras, numpy as np
name, side, classes, path = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
low, high = map(int, sys.argv[5:7])
keras.utils.set_random_seed(0)
network = getattr(keras.applications, name)(weights=None, input_shape=(side, side, 3), classes=classes)
head = next(layer for layer in reversed(network.layers) if layer.weights)
images = np.random.default_rng(0).uniform(low, high, (4, side, side, 3)).astype("float32")
before = keras.Model(network.input, head.input)(images)
kernel = head.weights[0]
kernel.assign(kernel * (3 / max(float(np.std(head(before) - head.weights[1])), 1e-9)))
network.save(path)
print(network.count_params())
""",
}
"""Builds a network, saves it and prints its number of weights."""


def main() -> None:
    """Try them, print a table and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", choices=SOURCES, default=SOURCES[0], help="Where the networks come from.")
    parser.add_argument("--only", type=lambda text: tuple(text.split(",")), help="Names, separated by commas.")
    parser.add_argument("--side", type=int, default=64, help="Side of the images, or the smallest a network takes.")
    parser.add_argument("--again", action="store_true", help="Also try those that have results.")
    arguments = parser.parse_args()
    source: str = arguments.source
    smallest = _smallest_sides(source)
    if unknown := {*(arguments.only or ())} - {*smallest}:
        parser.error(f"the source {source} has no {', '.join(sorted(unknown))}")
    known = earlier_results(NAME)
    results: dict[str, dict[str, Any]] = known.get(source, {})
    print(f"{'network':20} {'side':>4}  {'weights':>8}  {'difference':>10}  {'seconds':>7}  {'peak GB':>7}  {'MB':>6}")
    for name in arguments.only or smallest:
        side = max(arguments.side, smallest[name])
        if name not in results or arguments.again or results[name]["side"] != side:
            results[name] = {"side": side, **_exported(source, name, side)}
            ordered = {one: results[one] for one in smallest if one in results}
            tables = {one: known[one] for one in SOURCES if one in known and one != source}
            write_results(NAME, {**tables, source: ordered})
        print(_row(name, results[name]), flush=True)
    refused = [name for name in smallest if "refused" in results.get(name, {})]
    left = [name for name in smallest if name not in results]
    passed = len(results) - len(refused)
    print(f"{passed} of {len(smallest)} passed, {len(refused)} were refused, {len(left)} were not tried")


def _smallest_sides(source: str) -> dict[str, int]:
    listed = subprocess.run([sys.executable, "-c", LIST[source]], check=True, capture_output=True, text=True).stdout
    pairs = (entry.split(":") for entry in _lines(listed)[-1].split())
    return {name: int(side) for name, side in pairs}


def _exported(source: str, name: str, side: int) -> dict[str, Any]:
    """Make a network, export it, and return what it took, or why it was refused."""
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        network, target = folder / f"{name}.keras", folder / "out.onnx"
        scale = [] if source == "table" else ["0", "255"] if name.startswith(SCALE_THEMSELVES) else ["-1", "1"]
        making = [sys.executable, "-c", MAKE[source], name, str(side), str(CLASSES), str(network), *scale]
        made = subprocess.run(making, capture_output=True, text=True)
        if made.returncode:
            return {"refused": f"cannot be built or trained: {_lines(made.stderr)[-1]}"}
        weights = int(_lines(made.stdout)[-1])
        samples, labels = _write_samples(folder, side)
        command = [str(Path(sys.executable).with_name("edgecls")), "export", str(network), "-o", str(target)]
        command += ["--labels", labels, "--samples", samples, *(["--pixel-range", *scale] if scale else [])]
        start = time.perf_counter()
        with (folder / "log").open("w+") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log)
            peak = _waited(process)
            log.seek(0)
            output = log.read()
        taken = {"weights": weights, "seconds": round(time.perf_counter() - start, 1), "peak_gb": peak}
        if process.returncode == -signal.SIGKILL:
            return {**taken, "refused": f"killed: out of memory, or longer than {LIMIT_S} s"}
        if process.returncode:
            return {**taken, "refused": (_lines(output) or ["no message"])[-1].replace(text, "")}
        found = re.search(r"largest difference (\S+)", output)
        difference = float(found[1]) if found else None
        return {**taken, "difference": difference, "megabytes": round(target.stat().st_size / 1e6, 1)}


def _waited(process: "subprocess.Popen[bytes]") -> float:
    """Wait for a process, at most LIMIT_S, and return its peak memory in gigabytes."""
    deadline = time.monotonic() + LIMIT_S
    while True:
        done, status, usage = os.wait4(process.pid, os.WNOHANG)
        if done:
            process.returncode = os.waitstatus_to_exitcode(status)
            return float(round(usage.ru_maxrss * 1024 / 1e9, 2))
        if time.monotonic() > deadline:
            os.kill(process.pid, signal.SIGKILL)
        time.sleep(0.2)


def _write_samples(folder: Path, side: int) -> tuple[str, str]:
    """Write a few made-up images and the labels; return the folder of the first and the file of the second."""
    rng = np.random.default_rng(0)
    (folder / "samples").mkdir()
    for index in range(SAMPLES):
        coarse = rng.integers(0, 256, (12, 12, 3), np.uint8)
        pixels = coarse.repeat(-(-side // 12), 0).repeat(-(-side // 12), 1)
        (folder / "samples" / f"{index}.png").write_bytes(image.encode_png(pixels))
    (folder / "labels.txt").write_text("\n".join(f"label {index}" for index in range(CLASSES)))
    return str(folder / "samples"), str(folder / "labels.txt")


def _row(name: str, result: dict[str, Any]) -> str:
    if "refused" in result:
        return f"{name:20} {result['side']:4}  refused: {result['refused']}"
    return (
        f"{name:20} {result['side']:4}  {result['weights'] / 1e6:6.1f} M  {result['difference']:10.1e}  "
        f"{result['seconds']:7.1f}  {result['peak_gb']:7.2f}  {result['megabytes']:6.1f}"
    )


def _lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.strip()]


if __name__ == "__main__":
    main()
