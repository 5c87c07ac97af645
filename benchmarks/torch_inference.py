"""How fast does PyTorch run the same network, loaded by Keras on its torch backend?

Three ways: Keras calling PyTorch layer by layer (eager), the same calls of PyTorch replayed without Keras between them
(traced), and those compiled with constants folded (compiled); compiling takes about 20 s for every batch size.
Pixels are on the device already, and answers stay there, as in the bound loop of benchmarks/bound_loop.py. The clock is
read after the device has finished. Prints JSON for benchmarks/gpu_inference.py, which runs this in its own process.

    [KERAS_TORCH_DEVICE=cpu] python benchmarks/torch_inference.py flowers.keras float32|TF32|float16 [--batches 1,8]
        [--ways eager,traced,compiled]
"""

import argparse
import json
import os
import statistics
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

os.environ["KERAS_BACKEND"] = "torch"
os.environ.setdefault("KERAS_TORCH_DEVICE", "cuda")

import keras
import numpy as np
import torch
from torch.fx.experimental.proxy_tensor import make_fx

from edgecls.export.from_keras.file import load_keras
from edgecls.measuring.turns import time_rounds

DEVICE = os.environ["KERAS_TORCH_DEVICE"]


WAYS = ("eager", "traced", "compiled")


def _runs(network: keras.Model, pixels: Any, ways: Sequence[str]) -> dict[str, Callable[[Any], Any]]:
    """Return the ways to run the network on batches like one that is on the device."""

    def eager(batch: Any) -> Any:
        return network(batch, training=False)

    traced = make_fx(eager)(pixels)
    torch.compiler.reset()  # it counts how often something is compiled, and gives up
    runs = {"eager": eager, "traced": traced, "compiled": torch.compile(traced)}
    return {way: runs[way] for way in ways}


def _rates(
    network: keras.Model, pixels: Any, rounds: int, least_s: float, ways: Sequence[str]
) -> dict[str, list[float]]:
    """Return images a second in each round, for each way to run the network."""
    runs = _runs(network, pixels, ways)
    counts: dict[str, int] = {}

    def repeated(name: str) -> Callable[[], None]:
        def repeat() -> None:
            for _ in range(counts.get(name, 1)):
                runs[name](pixels)
            if DEVICE == "cuda":
                torch.cuda.synchronize()

        return repeat

    subjects = {name: repeated(name) for name in runs}
    once = time_rounds(subjects, rounds=3, warm_up=3)
    counts = {name: max(1, round(least_s / statistics.median(taken))) for name, taken in once.items()}
    times = time_rounds(subjects, rounds=rounds)
    return {name: [round(len(pixels) * counts[name] / taken, 1) for taken in values] for name, values in times.items()}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("network", type=Path)
    parser.add_argument("precision", choices=["float32", "TF32", "float16"])
    parser.add_argument("--batches", default="1,8")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--least-s", type=float, default=0.2, help="of a round, so that it holds many runs")
    parser.add_argument("--ways", default=",".join(WAYS))
    arguments = parser.parse_args()
    ways = arguments.ways.split(",")
    if not set(ways) <= set(WAYS):
        parser.error(f"--ways: {arguments.ways!r} must be some of {', '.join(WAYS)}")
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = arguments.precision == "TF32"
    torch._inductor.config.freezing = True  # weights are constants: normalisation and float16 are folded into them
    in_float16 = torch.autocast(DEVICE, torch.float16, enabled=arguments.precision == "float16")
    network = load_keras(arguments.network)  # within torch.no_grad() Keras cannot
    rows = []
    with torch.no_grad(), in_float16:
        for batch in map(int, arguments.batches.split(",")):
            drawn = np.random.default_rng(0).integers(0, 256, (batch, *network.input_shape[1:]), dtype=np.uint8)
            pixels = torch.from_numpy(drawn).to(DEVICE)
            rows.append({"batch": batch, "per_s": _rates(network, pixels, arguments.rounds, arguments.least_s, ways)})
    print(json.dumps({"torch": torch.__version__, "rates": rows}))


if __name__ == "__main__":
    main()
