"""The same network in PyTorch: how many pictures a second, as it is and compiled?

Loads a .keras file on Keras's PyTorch backend and runs it on the GPU, or on the CPU where there is none. Prints JSON;
benchmarks/gpu_inference.py asks for it.

    KERAS_BACKEND=torch python benchmarks/gpu_torch.py model.keras [--precision float32|TF32|float16] [--batches 1,8]
"""

import argparse
import json
import os
import statistics
from collections.abc import Callable
from pathlib import Path

os.environ["KERAS_BACKEND"] = "torch"

import keras
import numpy as np
import torch

from edgecls.rounds import time_rounds

LEAST_S = 0.2  # of a round


def _synchronize() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def _rates(
    model: Callable[..., object], shape: tuple[int, ...], batches: list[int], rounds: int
) -> dict[str, list[float]]:
    found = {}
    device = "cuda" if torch.cuda.is_available() else "cpu"
    for batch in batches:
        pixels = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (batch, *shape), dtype=np.uint8)).to(device)

        def run(count: int, pixels: torch.Tensor = pixels) -> None:
            with torch.inference_mode():
                for _ in range(count):
                    model(pixels)
            _synchronize()

        once = min(time_rounds({"once": lambda run=run: run(1)}, rounds=3, warm_up=3)["once"])
        count = max(1, round(LEAST_S / once))
        times = time_rounds({"run": lambda run=run, count=count: run(count)}, rounds=rounds)["run"]
        found[str(batch)] = [round(batch * count / seconds, 1) for seconds in times]
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--precision", choices=["float32", "TF32", "float16"], default="float32")
    parser.add_argument("--batches", default="1,8,32,128,256")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = arguments.precision == "TF32"
    loaded = keras.models.load_model(arguments.model, compile=False)
    shape = tuple(loaded.inputs[0].shape[1:])
    dtype = torch.float16 if arguments.precision == "float16" else torch.float32

    def eager(pixels: torch.Tensor) -> object:
        with torch.autocast(pixels.device.type, dtype, enabled=dtype is torch.float16):
            return loaded(pixels, training=False)

    batches = [int(size) for size in arguments.batches.split(",")]
    found = {"eager": _rates(eager, shape, batches, arguments.rounds)}
    found["compiled"] = _rates(torch.compile(eager), shape, batches, arguments.rounds)
    medians = {way: {batch: statistics.median(rates) for batch, rates in each.items()} for way, each in found.items()}
    print(json.dumps({"per_s": found, "median_per_s": medians}))


if __name__ == "__main__":
    main()
