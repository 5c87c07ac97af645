"""How fast do networks train here, and how soon are they good?

`edgecls train` from nothing or from weights, on a given dataset: pictures a second of whole epochs, without the first
(which compiles), and the seconds of training until the validation accuracy first reaches a level. The
share of synthetic data's speed is in benchmarks/training.py, which takes the same networks with --arch.

    KERAS_BACKEND=jax python benchmarks/gpu_training.py --data FOLDER [--arch mobilenet_v2 --arch resnet50v2]
        [--epochs 15] [--level 0.9] [--runs 5] [--device gpu] [--mixed-precision auto]
"""

import argparse
import os
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
from measure import byte_compile, machine_facts, write_results

from edgecls.image_spec import ImageSpec
from edgecls.rounds import median_of
from edgecls.runtime.gpu import this_machine
from edgecls.training.config import TrainConfig
from edgecls.training.history import EpochReport
from edgecls.training.job import Listener, run_training


def _run(data: Path, config: TrainConfig, level: float) -> dict[str, Any]:
    """Train once; return pictures a second, and the seconds to the level or None if it was not reached."""
    epochs: list[EpochReport] = []
    counts: list[int] = []
    listener = Listener(on_epoch=epochs.append, on_prepared=lambda prepared: counts.append(len(prepared.train_indices)))
    with tempfile.TemporaryDirectory() as scratch:
        run_training(data, Path(scratch) / "net.onnx", config, listener=listener)
    elapsed, reached = 0.0, None
    for epoch in epochs:
        elapsed += epoch.duration_s
        if reached is None and epoch.validation_accuracy >= level:
            reached = elapsed
    last = [epoch.duration_s for epoch in epochs[1:]] or [epochs[0].duration_s]
    return {
        "pictures_per_s": counts[0] * len(last) / sum(last),
        "seconds_to_level": reached,
        "best_accuracy": max(epoch.validation_accuracy for epoch in epochs),
        "seconds": elapsed,
    }


def main() -> None:
    """Measure, print and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="a dataset in any form")
    parser.add_argument("--arch", action="append")
    parser.add_argument("--weights", default="none", help="none, imagenet or a file; only with one --arch")
    parser.add_argument("--side", type=int, default=224)
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--level", type=float, default=0.9, help="validation accuracy to reach")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--device", default="gpu")
    parser.add_argument("--mixed-precision", default="auto")
    options = parser.parse_args()
    byte_compile()
    backend, gpus = keras.backend.backend(), [gpu.name for gpu in this_machine().gpus]
    print(f"{machine_facts()['processor']}, {', '.join(gpus) or 'no GPU'}, Keras on {backend}")
    archs = options.arch or ["mobilenet_v2", "resnet50v2"]
    runs: dict[str, list[dict[str, Any]]] = {arch: [] for arch in archs}
    for seed in range(options.runs):
        for arch in archs:
            config = TrainConfig(
                ImageSpec(options.side, options.side),
                arch=arch,
                weights=options.weights,
                epochs=options.epochs,
                batch_size=options.batch_size,
                device=options.device,
                mixed_precision=options.mixed_precision,
                seed=seed,
            )
            runs[arch].append(_run(options.data, config, options.level))
            print(f"{arch:14} {runs[arch][-1]}", flush=True)
    rows = []
    for arch, taken in runs.items():
        speed = median_of([run["pictures_per_s"] for run in taken])
        times = [run["seconds_to_level"] for run in taken]
        to_level = None if None in times else asdict(median_of(times))
        rows.append({"arch": arch, "pictures_per_s": asdict(speed), "seconds_to_level": to_level, "runs": taken})
    results = {"rounds": options.runs, "backend": backend, "gpus": gpus, "level": options.level, "rows": rows}
    print(f"wrote {write_results('gpu_training', results)}")


if __name__ == "__main__":
    main()
