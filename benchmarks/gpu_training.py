"""How fast does a GPU train, and how soon is a network as accurate as wanted?

For each architecture: images a second of `fit` as `edgecls train` feeds it, against one constant batch (the input
pipeline ratio, as in benchmarks/training.py); then whole trainings with different seeds, each until its accuracy on the
images held out reaches the one that is asked for, or its epochs are over. The time counts from the first step to the
end of that epoch, compiling and validating included, decoding left out. It runs on the backend that
Keras is told to use.

    KERAS_BACKEND=jax python benchmarks/gpu_training.py --data flowers|--made-up COUNT [--accuracy 0.85]
        [--arch mobilenet_v2]... [--side 224] [--batch-size 64] [--epochs 30] [--weights none] [--seeds 3] [--rounds 5]
        [--images 2048]
"""

import argparse
import dataclasses
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
from fit_rounds import measure_fit
from folder import write_class_folders
from measure import byte_compile, machine_facts, write_results

from edgecls.dataset.cache_kind import Cache
from edgecls.dataset.formats.labelled_images import Dataset
from edgecls.dataset.formats.read import read_dataset
from edgecls.evaluation.history import EpochReport
from edgecls.image_spec import ImageSpec
from edgecls.runtime.execution.gpu import this_machine
from edgecls.training.config import Device, MixedPrecision, TrainConfig
from edgecls.training.devices import choose_devices, dtype_policy
from edgecls.training.epoch_keeper import Watch
from edgecls.training.images import PreparedImages, prepare_images
from edgecls.training.trainer import build_network, train

LEAST_ROUNDS = 5


def _train_until(accuracy: float, config: TrainConfig, images: PreparedImages) -> dict[str, Any]:
    """Train until an accuracy is reached on the images held out, and return when that was."""
    policy = dtype_policy(config.mixed_precision, choose_devices(Device.AUTO))
    network = build_network(config, num_classes=len(images.cached.labels), policy=policy)
    reached_s: float | None = None
    epochs: list[EpochReport] = []
    start_s = time.perf_counter()

    def note(report: EpochReport) -> None:
        nonlocal reached_s
        epochs.append(report)
        if reached_s is None and report.validation_accuracy >= accuracy:
            reached_s = time.perf_counter() - start_s

    trained = train(
        config,
        network,
        images.cached,
        train_indices=images.train_indices,
        validation_indices=images.validation_indices,
        watch=Watch(on_epoch=note, should_stop=lambda: reached_s is not None),
    )
    return {
        "seed": config.seed,
        "reached_s": reached_s,
        "epochs": len(epochs),
        "best_accuracy": trained.best.validation_accuracy,
        "epoch_s": [round(report.duration_s, 3) for report in epochs],
        "validation_accuracy": [round(report.validation_accuracy, 4) for report in epochs],
    }


def _measure(config: TrainConfig, dataset: Dataset, options: argparse.Namespace) -> dict[str, Any]:
    print(f"{config.arch} {config.image}, batches of {config.batch_size}, weights {Path(config.weights).name}")
    fit = measure_fit(config, dataset.train, count=options.images, caches=[Cache.MEMORY], rounds=options.rounds)
    fit.print_rows()
    with tempfile.TemporaryDirectory() as scratch:
        images = prepare_images(
            dataset,
            config.image,
            validation_fraction=config.validation_fraction,
            seed=config.seed,
            cache=Cache.MEMORY,
            cache_folder=Path(scratch),
        )
        runs = []
        for seed in range(options.seeds):
            keras.backend.clear_session()
            runs.append(_train_until(options.accuracy, dataclasses.replace(config, seed=seed), images))
            _print(runs[-1], options.accuracy)
    times = [run["reached_s"] for run in runs if run["reached_s"] is not None]
    return {
        "image": str(config.image),
        "policy": fit.policy,
        "fit": fit.rows(),
        "train_images": len(images.train_indices),
        "validation_images": len(images.validation_indices),
        "reached": len(times),
        "median_s": statistics.median(times) if times else None,
        "runs": runs,
    }


def _print(run: dict[str, Any], accuracy: float) -> None:
    taken = "not reached" if run["reached_s"] is None else f"after {run['reached_s']:.1f} s"
    print(
        f"seed {run['seed']}: accuracy {accuracy:g} {taken}, {run['epochs']} epochs, best {run['best_accuracy']:.4f}",
        flush=True,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    data = parser.add_mutually_exclusive_group(required=True)
    data.add_argument("--data", type=Path, help="a dataset in any form")
    data.add_argument("--made-up", type=int, metavar="COUNT", help="photos that hold nothing to learn: for speed alone")
    parser.add_argument("--accuracy", type=float, default=0.85, help="to reach on the images held out, 0 to 1")
    parser.add_argument("--arch", action="append", help="instead of mobilenet_v2 and resnet50v2")
    parser.add_argument("--side", type=int, default=224)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--epochs", type=int, default=30, help="at most")
    parser.add_argument("--weights", default="none", help="as for edgecls train")
    parser.add_argument("--mixed-precision", choices=list(MixedPrecision), default="auto")
    parser.add_argument("--seeds", type=int, default=3, help="how many trainings")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--images", type=int, default=2048, help="of a round of the input pipeline, at most")
    return parser


def main() -> None:
    """Measure, print and write the results."""
    parser = _parser()
    options = parser.parse_args()
    if options.rounds < LEAST_ROUNDS or options.seeds < 1 or not 0 < options.accuracy <= 1:
        parser.error(f"--rounds must be at least {LEAST_ROUNDS}, --seeds at least 1, --accuracy above 0 and at most 1")
    byte_compile()
    gpus, backend = [gpu.name for gpu in this_machine().gpus], keras.backend.backend()
    print(f"{machine_facts()['processor']}, {', '.join(gpus) or 'no GPU'}, Keras {keras.__version__} on {backend}")
    with tempfile.TemporaryDirectory() as scratch:
        data = options.data or write_class_folders(Path(scratch) / "made up", options.made_up)
        _measure_all(options, read_dataset(data), data.name, gpus)


def _measure_all(options: argparse.Namespace, dataset: Dataset, data: str, gpus: list[str]) -> None:
    backend, rows = keras.backend.backend(), {}
    for arch in options.arch or ["mobilenet_v2", "resnet50v2"]:
        config = TrainConfig(
            ImageSpec(options.side, options.side),
            arch=arch,
            weights=options.weights,
            epochs=options.epochs,
            batch_size=options.batch_size,
            mixed_precision=options.mixed_precision,
        )
        rows[arch] = _measure(config, dataset, options)
    results = {
        "gpus": gpus,
        "backend": backend,
        "keras": keras.__version__,
        "devices": choose_devices(Device.AUTO).names,
        "data": data,
        "accuracy": options.accuracy,
        "weights": Path(options.weights).name,
        "batch_size": options.batch_size,
        "rounds": options.rounds,
        "rows": rows,
    }
    print(f"wrote {write_results(f'gpu_training_{backend}', results)}")


if __name__ == "__main__":
    main()
