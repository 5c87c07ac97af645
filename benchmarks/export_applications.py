"""Does every classification network of keras.applications export, and how close does onnxruntime come to Keras?

Each network gets random weights and a head that is sure of its answers (else differences would hide among
ten answers of 0.1), is saved as a .keras file, and goes through `edgecls export` as any user's would: a process
each, one after the other, so that memory stays bounded. Results are written after every network; those already
there are not done again.

    python benchmarks/export_applications.py [--only MobileNet,ConvNeXtTiny] [--side 96] [--again]
"""

import argparse
import json
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
from measure import RESULTS, write_results

from edgecls import image

CLASSES = 10
SAMPLES = 4
SECONDS = 1200  # that one network may take
NAME = "export_applications"

NETWORKS = (
    *("MobileNetV3Small", "MobileNetV2", "MobileNet", "NASNetMobile", "MobileNetV3Large", "EfficientNetB0"),
    *("EfficientNetV2B0", "EfficientNetB1", "EfficientNetV2B1", "EfficientNetB2", "EfficientNetV2B2", "DenseNet121"),
    *("EfficientNetB3", "DenseNet169", "EfficientNetV2B3", "EfficientNetB4", "DenseNet201", "EfficientNetV2S"),
    *("Xception", "InceptionV3", "ResNet50", "ResNet50V2", "ConvNeXtTiny", "EfficientNetB5", "EfficientNetB6"),
    *("ResNet101", "ResNet101V2", "ConvNeXtSmall", "EfficientNetV2M", "InceptionResNetV2", "ResNet152"),
    *("ResNet152V2", "EfficientNetB7", "NASNetLarge", "ConvNeXtBase", "EfficientNetV2L", "VGG16", "VGG19"),
    *("ConvNeXtLarge", "ConvNeXtXLarge"),
)
"""By their number of weights; what keras.applications has beyond them comes last."""

SCALE_THEMSELVES = ("EfficientNet", "ConvNeXt", "MobileNetV3")  # they take 0 to 255

MAKE = """
import sys, keras, numpy as np
name, side, classes, low, high, path = sys.argv[1], *map(int, sys.argv[2:6]), sys.argv[6]
keras.utils.set_random_seed(0)
network = getattr(keras.applications, name)(weights=None, input_shape=(side, side, 3), classes=classes)
head = next(layer for layer in reversed(network.layers) if layer.weights)
images = np.random.default_rng(0).uniform(low, high, (4, side, side, 3)).astype("float32")
before = keras.Model(network.input, head.input)(images)
kernel = head.weights[0]
kernel.assign(kernel * (3 / max(float(np.std(head(before) - head.weights[1])), 1e-9)))
network.save(path)
print(network.count_params())
"""

LIST = """
import keras
print(*(name for name in dir(keras.applications) if name[0].isupper()))
"""


def main() -> None:
    """Export them, print a table and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", type=lambda text: tuple(text.split(",")), help="Names, separated by commas.")
    parser.add_argument("--side", type=int, default=96, help="Height and width of the images; at least 75.")
    parser.add_argument("--again", action="store_true", help="Do those too that have results.")
    arguments = parser.parse_args()
    there = _lines(subprocess.run([sys.executable, "-c", LIST], check=True, capture_output=True, text=True).stdout)[-1]
    names = [*(name for name in NETWORKS if name in there.split()), *sorted({*there.split()} - {*NETWORKS})]
    if unknown := {*(arguments.only or ())} - {*names}:
        parser.error(f"keras.applications has no {', '.join(sorted(unknown))}")
    results = _earlier()
    print(f"{'network':20} {'weights':>8}  {'difference':>10}  {'seconds':>7}  {'peak GB':>7}  {'MB':>6}")
    for name in arguments.only or names:
        if name not in results or arguments.again or results[name]["side"] != arguments.side:
            results[name] = {"side": arguments.side, **_exported(name, arguments.side)}
            write_results(NAME, {"networks": {known: results[known] for known in names if known in results}})
        print(_row(name, results[name]), flush=True)
    refused = [name for name in names if "refused" in results.get(name, {})]
    left = [name for name in names if name not in results]
    print(f"{len(results) - len(refused)} of {len(names)} exported, {len(refused)} refused, {len(left)} not tried")


def _earlier() -> dict[str, dict[str, Any]]:
    path = RESULTS / f"{NAME}.json"
    found: dict[str, dict[str, Any]] = json.loads(path.read_text("utf-8"))["networks"] if path.exists() else {}
    return found


def _exported(name: str, side: int) -> dict[str, Any]:
    """Make a network, export it, and return what it took, or why it was refused."""
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        source, target = folder / f"{name}.keras", folder / "out.onnx"
        scale = ("0", "255") if name.startswith(SCALE_THEMSELVES) else ("-1", "1")
        making = [sys.executable, "-c", MAKE, name, str(side), str(CLASSES), *scale, str(source)]
        made = subprocess.run(making, capture_output=True, text=True)
        if made.returncode:
            return {"refused": f"Keras cannot build it: {_lines(made.stderr)[-1]}"}
        weights = int(_lines(made.stdout)[-1])
        samples, labels = _write_samples(folder, side)
        command = [str(Path(sys.executable).with_name("edgecls")), "export", str(source), "-o", str(target)]
        command += ["--labels", labels, "--samples", samples, "--pixel-range", *scale]
        start = time.perf_counter()
        with (folder / "log").open("w+") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log)
            peak = _waited(process)
            log.seek(0)
            said = log.read()
        taken = {"weights": weights, "seconds": round(time.perf_counter() - start, 1), "peak_gb": peak}
        if process.returncode == -signal.SIGKILL:
            return {**taken, "refused": f"killed: more memory than there is, or more than {SECONDS} s"}
        if process.returncode:
            return {**taken, "refused": (_lines(said) or ["it said nothing"])[-1].replace(text, "")}
        found = re.search(r"largest difference (\S+)", said)
        difference = float(found[1]) if found else None
        return {**taken, "difference": difference, "megabytes": round(target.stat().st_size / 1e6, 1)}


def _waited(process: "subprocess.Popen[bytes]") -> float:
    """Wait for a process, at most SECONDS, and return its peak memory in gigabytes."""
    deadline = time.monotonic() + SECONDS
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
        pixels = coarse.repeat(side // 12, 0).repeat(side // 12, 1)
        (folder / "samples" / f"{index}.png").write_bytes(image.encode_png(pixels))
    (folder / "labels.txt").write_text("\n".join(f"label {index}" for index in range(CLASSES)))
    return str(folder / "samples"), str(folder / "labels.txt")


def _row(name: str, result: dict[str, Any]) -> str:
    if "refused" in result:
        return f"{name:20} refused: {result['refused']}"
    return (
        f"{name:20} {result['weights'] / 1e6:6.1f} M  {result['difference']:10.1e}  {result['seconds']:7.1f}  "
        f"{result['peak_gb']:7.2f}  {result['megabytes']:6.1f}"
    )


def _lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.strip()]


if __name__ == "__main__":
    main()
