"""Would another runtime be faster?

Raw onnxruntime and raw OpenVINO, edgecls on each of them, and OpenVINO as a provider of onnxruntime (the wheel
onnxruntime-openvino), on the CPU. Each runs in a process of its own, in a virtual environment made for it
(benchmarks/.peers, when missing, from the package index), and gets the same network and the same pixels. One image
after the other in one thread, then two streams of one thread each. All compute in float32 what is float32: where a
processor has bfloat16, OpenVINO would take that unasked. Processor time is given in addition to wall-clock
time, as other programs disturb it less.

    python benchmarks/runtimes.py [--rounds 9] [--seconds 0.4]
"""

import argparse
import contextlib
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent / "peers"))

import numpy as np
from environments import ROOT, environment, environment_with
from export import write_samples
from measure import byte_compile, machine_facts, write_results
from small_model import write_small_model

from edgecls.commands.options import BUNDLED_MODEL
from edgecls.measuring.turns import Estimate, ratio_of, take_turns
from edgecls.modelfile import ACTIVATION_NAME, FEATURES_NAME, read_model
from edgecls.runtime.optional_outputs import without_outputs

CALLER = Path(__file__).with_name("runtime_caller.py")
BASELINE = "onnxruntime"
RUNTIMES: dict[str, Callable[[], Path]] = {
    BASELINE: lambda: environment("edgecls"),  # the very onnxruntime that edgecls runs on
    "edgecls": lambda: environment("edgecls"),
    "openvino": lambda: environment_with("openvino", f"{ROOT}[cpu,openvino]"),
    "edgecls on openvino": lambda: environment_with("openvino", f"{ROOT}[cpu,openvino]"),
    "onnxruntime-openvino": lambda: environment_with("onnxruntime-openvino", "onnxruntime-openvino"),
}
"""The folder of programs of each runtime."""

MAKE_MOBILENET = """
import sys, keras, numpy
keras.utils.set_random_seed(0)
model = keras.applications.MobileNetV2(weights=None)
for layer in model.layers:
    if isinstance(layer, keras.layers.BatchNormalization):
        layer.momentum = 0.0
model(numpy.random.default_rng(0).uniform(-1, 1, (8, 224, 224, 3)), training=True)
model.save(sys.argv[1])
"""
"""Batch normalisation learns its statistics from noise, or else nothing of an image would reach the last layers."""

STREAMS = (1, 2)
WORTH_OFFERING = 1.2  # times as fast as onnxruntime


@dataclass(frozen=True)
class Network:
    """What is run.

    Attributes:
        path: The model file, for edgecls.
        lean_path: Its network as edgecls opens it, without class activation, for the others.
        shape_hwc: Height, width and channels of an image.
    """

    path: Path
    lean_path: Path
    shape_hwc: tuple[int, int, int]

    def path_for(self, runtime: str) -> Path:
        """Return the file that a runtime opens."""
        return self.path if runtime.startswith("edgecls") else self.lean_path


class Caller:
    """A process that runs networks in one runtime."""

    def __init__(self, process: "subprocess.Popen[str]", networks: Mapping[str, Network]) -> None:
        self._process = process
        self._networks = networks

    def ask(self, model: str, *, streams: int, count: int) -> dict[str, Any]:
        """Have every stream run `count` images and return the times; or the probabilities, for a count of 0.

        Raises:
            RuntimeError: The process has ended.
        """
        request = {"model": model, "streams": streams, "count": count, "shape_hwc": self._networks[model].shape_hwc}
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            print(json.dumps(request), file=self._process.stdin, flush=True)
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError(f"ended with exit code {self._process.wait()}; its last words are above")
        found: dict[str, Any] = json.loads(answer)
        return found


def main() -> None:
    """Measure, print and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=0.4, help="that each runs in each round")
    arguments = parser.parse_args()
    byte_compile()
    machine = machine_facts()
    print(f"{machine['processor']}, {machine['usable_cores']} cores, {arguments.rounds} rounds, byte-compiled")
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        networks = _write_networks(Path(folder))
        callers: dict[str, Caller] = {}
        versions, left_out, answers = {}, {}, {}
        for name, programs in RUNTIMES.items():
            try:
                caller = stack.enter_context(_calling(name, programs(), networks))
                taken = {model: caller.ask(model, streams=1, count=0) for model in networks}
            except RuntimeError as error:
                if name == BASELINE:
                    raise SystemExit(f"{name}, which all are compared with, {error}") from error
                left_out[name] = str(error)
                print(f"{name:21} left out: {error}")
                continue
            callers[name] = caller
            versions[name] = taken[next(iter(networks))]["version"]
            answers[name] = {model: np.array(answer["probabilities"]) for model, answer in taken.items()}
        results = {}
        for model, streams in itertools.product(networks, STREAMS):
            found = _measure(callers, model, streams=streams, rounds=arguments.rounds, seconds=arguments.seconds)
            for name, figures in found.items():
                difference = np.abs(answers[name][model] - answers[BASELINE][model]).max()
                figures["largest_difference"] = float(f"{difference:.2g}")
            results[f"{model}, {streams} x 1 thread"] = found
            _report(model, streams, found)
    path = write_results(
        "runtimes",
        {"rounds": arguments.rounds, "versions": versions, "left_out": left_out, "measured": results},
    )
    print(f"wrote {path}")


@contextlib.contextmanager
def _calling(runtime: str, programs: Path, networks: Mapping[str, Network]) -> Iterator[Caller]:
    """Start a caller, and end it afterwards."""
    files = [f"{name}={network.path_for(runtime)}" for name, network in networks.items()]
    variables = {**os.environ, "PYTHONPATH": ""}
    process = subprocess.Popen(
        [programs / "python", CALLER, runtime, *files],
        env=variables, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        yield Caller(process, networks)
    finally:
        process.kill()
        process.communicate()


def _write_networks(folder: Path) -> dict[str, Network]:
    """Write the model files: the bundled one in int8, a MobileNetV2 in float32, and a small one."""
    files = {
        "bundled model, int8": BUNDLED_MODEL,
        "MobileNetV2 float32": _export_mobilenet(folder),
        "small float32": write_small_model(folder / "small.onnx"),
    }
    networks = {}
    for index, (name, path) in enumerate(files.items()):
        model = read_model(path)
        lean_path = folder / f"lean{index}.onnx"
        lean_path.write_bytes(without_outputs(model.onnx, ACTIVATION_NAME, FEATURES_NAME))
        networks[name] = Network(path, lean_path, model.card.image.shape_hwc)
    return networks


def _export_mobilenet(folder: Path) -> Path:
    """Export a MobileNetV2 of 224 pixels with seeded random weights; it takes as long to run as a trained one."""
    source, target = folder / "mobilenet.keras", folder / "mobilenet.onnx"
    subprocess.run([sys.executable, "-c", MAKE_MOBILENET, source], check=True, capture_output=True)
    samples, labels = write_samples(folder)
    export = [Path(sys.executable).with_name("edgecls"), "export", source, "-o", target, "--labels", labels]
    subprocess.run([*export, "--samples", samples, "--pixel-range", "-1", "1"], check=True, capture_output=True)
    return target


def _measure(
    callers: Mapping[str, Caller], model: str, *, streams: int, rounds: int, seconds: float
) -> dict[str, dict[str, Any]]:
    """Have all runtimes run a network in turns, and return what each took."""
    trial = callers[BASELINE].ask(model, streams=streams, count=5)
    count = max(5, round(5 * seconds / trial["seconds"]))
    asked: dict[str, list[dict[str, float]]] = {name: [] for name in callers}

    def runner(name: str) -> Callable[[], float]:
        def run() -> float:
            asked[name].append(callers[name].ask(model, streams=streams, count=count))
            return 0.0  # what counts is in the answer

        return run

    take_turns({name: runner(name) for name in callers}, rounds=rounds)
    clock = {name: [one["seconds"] for one in taken[-rounds:]] for name, taken in asked.items()}
    busy = {name: [one["processor_seconds"] for one in taken[-rounds:]] for name, taken in asked.items()}
    return {
        name: {
            "ms_an_image": [round(1000 * taken / count, 4) for taken in clock[name]],
            "processor_ms_an_image": [round(1000 * taken / count / streams, 4) for taken in busy[name]],
            "images_per_s": round(streams * count / statistics.median(clock[name]), 1),
            "times_as_fast": asdict(ratio_of(clock[BASELINE], clock[name])),
            "times_as_frugal": asdict(ratio_of(busy[BASELINE], busy[name])),
        }
        for name in callers
    }


def _report(model: str, streams: int, found: Mapping[str, dict[str, Any]]) -> None:
    print(f"\n{model}, {streams} x 1 thread")
    for name, figures in found.items():
        fast, frugal = Estimate(**figures["times_as_fast"]), Estimate(**figures["times_as_frugal"])
        verdict = "  worth offering" if min(fast.value, frugal.value) > WORTH_OFFERING else ""
        print(
            f"  {name:21} {statistics.median(figures['ms_an_image']):7.3f} ms  {figures['images_per_s']:7.1f}/s  "
            f"{fast} times as fast, {frugal} by processor time, "
            f"differs by {figures['largest_difference']}{verdict}"
        )


if __name__ == "__main__":
    main()
