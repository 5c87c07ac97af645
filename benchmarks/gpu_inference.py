"""What does a GPU make of a model: in float32, TF32 and float16, in batches, through edgecls and without it?

Each precision runs in a process of its own, as TF32 is switched for a whole process. In every round the same batch of
pixels goes through `Classifier.probabilities` and through a plain onnxruntime loop on the same provider. The golden
samples are checked at every batch size.

    edgecls quantize flowers.onnx -o flowers-fp16.onnx --calibrate pictures --fp16
    python benchmarks/gpu_inference.py flowers.onnx flowers-fp16.onnx [--provider cuda] [--batches 1,8,64,256]
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from measure import byte_compile, machine_facts, write_results

from edgecls.modelfile import INPUT_NAME, OUTPUT_NAME, read_model
from edgecls.rounds import ratio_of, time_rounds
from edgecls.runtime.class_activation import without_class_activation
from edgecls.runtime.classifier import Classifier, load
from edgecls.runtime.golden import check_golden
from edgecls.runtime.gpu import this_machine
from edgecls.runtime.providers import Provider, load_onnxruntime

__all__ = ["measure_here"]

LEAST_S = 0.2  # of a round, so that it holds many runs
NO_TF32 = {"NVIDIA_TF32_OVERRIDE": "0"}  # what NVIDIA's libraries look for


def _plain_session(model: Path, provider: Provider) -> Any:
    onnxruntime = load_onnxruntime()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    network = without_class_activation(read_model(model).onnx)
    return onnxruntime.InferenceSession(network, options, providers=[provider.onnxruntime_name])


def _rates(classifier: Classifier, plain: Any, batch: int, rounds: int) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (batch, *classifier.card.image.shape_hwc), dtype=np.uint8)
    once = time_rounds({"run": lambda: classifier.probabilities(pixels)}, rounds=3, warm_up=3)["run"]
    repeats = max(1, round(LEAST_S / statistics.median(once)))

    def ours() -> None:
        for _ in range(repeats):
            classifier.probabilities(pixels)

    def bare() -> None:
        for _ in range(repeats):
            plain.run([OUTPUT_NAME], {INPUT_NAME: pixels})

    times = time_rounds({"edgecls": ours, "plain": bare}, rounds=rounds)
    beside = ratio_of(times["plain"], times["edgecls"])
    pictures = batch * repeats
    return {
        "batch": batch,
        "edgecls_per_s": [round(pictures / seconds, 1) for seconds in times["edgecls"]],
        "plain_per_s": [round(pictures / seconds, 1) for seconds in times["plain"]],
        "of_plain": asdict(beside),
    }


def measure_here(model: Path, provider: Provider, batches: list[int], rounds: int) -> dict[str, Any]:
    """Measure a model in this process and return its figures."""
    classifier = load(model, provider, batch_sizes=batches)
    golden = check_golden(classifier.card, classifier.probabilities, batch_sizes=batches)
    plain = _plain_session(model, provider)
    return {
        "provider": classifier.provider.value,
        "nodes": classifier.nodes,
        "golden_largest_difference": max(result.difference for result in golden),
        "golden_failed": [str(result) for result in golden if not result.passed],
        "rates": [_rates(classifier, plain, batch, rounds) for batch in batches],
    }


def _in_a_process(model: Path, provider: str, batches: str, rounds: int, environment: dict[str, str]) -> dict[str, Any]:
    command = [sys.executable, __file__, str(model), "--here", "--provider", provider]
    command += ["--batches", batches, "--rounds", str(rounds)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **environment})
    if done.returncode:
        return {"failed": done.stderr.strip()[-400:]}
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures


def _print(name: str, figures: dict[str, Any]) -> None:
    if "failed" in figures:
        print(f"{name:8} {figures['failed']}")
        return
    wrong = f", WRONG: {figures['golden_failed'][0]}" if figures["golden_failed"] else ""
    nodes = ", ".join(f"{count} on {provider}" for provider, count in figures["nodes"].items()) or "all on the CPU"
    print(f"{name:8} nodes: {nodes}; golden samples within {figures['golden_largest_difference']:.2g}{wrong}")
    for rate in figures["rates"]:
        of_plain = rate["of_plain"]
        print(
            f"{name:8} batch {rate['batch']:<4} edgecls {statistics.median(rate['edgecls_per_s']):9.1f}/s  "
            f"plain {statistics.median(rate['plain_per_s']):9.1f}/s  "
            f"{of_plain['value']:.2f} ({of_plain['low']:.2f} to {of_plain['high']:.2f}) of plain"
        )


def main() -> None:
    """Measure, print and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="in float32")
    parser.add_argument("float16", type=Path, nargs="?", help="the same in float16")
    parser.add_argument("--provider", default="cuda")
    parser.add_argument("--batches", default="1,2,4,8,16,32,64,128,256")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.here:
        sizes = [int(size) for size in arguments.batches.split(",")]
        print(json.dumps(measure_here(arguments.model, Provider(arguments.provider), sizes, arguments.rounds)))
        return
    byte_compile()
    gpus = [gpu.name for gpu in this_machine().gpus]
    print(f"{machine_facts()['processor']}, {', '.join(gpus) or 'no GPU'}")
    plans = {"float32": (arguments.model, NO_TF32), "TF32": (arguments.model, {})}
    if arguments.float16:
        plans["float16"] = (arguments.float16, NO_TF32)
    rows = {}
    for name, (model, environment) in plans.items():
        rows[name] = _in_a_process(model, arguments.provider, arguments.batches, arguments.rounds, environment)
        _print(name, rows[name])
    print(f"wrote {write_results('gpu_inference', {'gpus': gpus, 'provider': arguments.provider, 'rows': rows})}")


if __name__ == "__main__":
    main()
