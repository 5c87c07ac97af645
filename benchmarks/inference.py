"""What does edgecls add to onnxruntime, on the same tensor?

`Classifier.probabilities` beside `session.run` of a bare onnxruntime session with the same network, threads and pixels:
microseconds a call for one picture, and a ratio for batches. Rounds hold many calls, so that timing costs nothing.

    python benchmarks/inference.py [--rounds 15] [--batches 1,8,32] [--model my.onnx]...
"""

import argparse
import statistics
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from measure import byte_compile, machine_facts, write_results
from small_model import write_small_model

from edgecls.commands.shared_options import BUNDLED_MODEL
from edgecls.modelfile import INPUT_NAME, OUTPUT_NAME, read_model
from edgecls.rounds import median_of, ratio_of, time_rounds
from edgecls.runtime.execution.providers import load_onnxruntime
from edgecls.runtime.explaining.class_activation import without_class_activation
from edgecls.runtime.opening import load

LEAST_S = 0.15  # of a round


def _bare(model: Path) -> Any:
    """Return a session with the network as edgecls runs it."""
    onnxruntime = load_onnxruntime()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    network = without_class_activation(read_model(model).onnx)
    return onnxruntime.InferenceSession(network, options, providers=["CPUExecutionProvider"])


def _repeated(call: Callable[[], object], count: int) -> Callable[[], None]:
    def run() -> None:
        for _ in range(count):
            call()

    return run


def _measure(model: Path, batch: int, rounds: int) -> dict[str, Any]:
    classifier, bare = load(model, "cpu"), _bare(model)
    shape = (batch, *classifier.card.image.shape_hwc)
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)

    def onnxruntime() -> object:
        return bare.run([OUTPUT_NAME], {INPUT_NAME: pixels})[0]

    def edgecls() -> object:
        return classifier.probabilities(pixels)

    np.testing.assert_array_equal(edgecls(), onnxruntime())
    once = min(time_rounds({"once": onnxruntime}, rounds=5)["once"])
    count = max(1, round(LEAST_S / once))
    times = time_rounds({"edgecls": _repeated(edgecls, count), "bare": _repeated(onnxruntime, count)}, rounds=rounds)
    added_us = [1e6 * (one - other) / count for one, other in zip(times["edgecls"], times["bare"], strict=True)]
    added, ratio = median_of(added_us), ratio_of(times["edgecls"], times["bare"])
    milliseconds = {name: 1000 * statistics.median(taken) / count for name, taken in times.items()}
    print(
        f"{model.stem:10} batch {batch:<3} onnxruntime {milliseconds['bare']:.3f} ms, "
        f"edgecls {milliseconds['edgecls']:.3f} ms: {ratio} times, "
        f"{added.value:+.1f} ({added.low:+.1f} to {added.high:+.1f}) microseconds a call"
    )
    return {
        "model": model.stem,
        "batch": batch,
        "milliseconds": {name: round(value, 4) for name, value in milliseconds.items()},
        "pictures_per_s": round(1000 * batch / milliseconds["edgecls"], 1),
        "added_us": asdict(added),
        "edgecls_over_onnxruntime": asdict(ratio),
    }


def main() -> None:
    """Measure, print and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--batches", default="1,8,32")
    parser.add_argument("--model", type=Path, action="append", help="instead of the bundled and the small one")
    arguments = parser.parse_args()
    byte_compile()
    machine = machine_facts()
    print(f"{machine['processor']}, one thread, {arguments.rounds} rounds")
    with tempfile.TemporaryDirectory() as scratch:
        models = arguments.model or [BUNDLED_MODEL, write_small_model(Path(scratch) / "small.onnx")]
        batches = [int(size) for size in arguments.batches.split(",")]
        rows = [_measure(model, batch, arguments.rounds) for model in models for batch in batches]
    print(f"wrote {write_results('inference', {'rounds': arguments.rounds, 'rows': rows})}")


if __name__ == "__main__":
    main()
