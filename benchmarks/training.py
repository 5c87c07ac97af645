"""Does the input pipeline keep the device busy?

Pictures a second of `fit` as `edgecls train` feeds it, against the same model and the same steps fed
one constant batch that is in memory already: 1 means that pictures cost nothing. Pictures are kept
in memory, in a mapped file, or decoded anew in every epoch (stream), and augmented or not.

Without --data the pictures are made: the example photo with noise, under two labels.

    python benchmarks/training.py [--data FOLDER] [--arch simple_cnn] [--side 128] [--batch-size 32]
        [--pictures 640] [--rounds 7] [--cache memory --cache disk --cache stream] [--mixed-precision auto]
"""

import argparse
import os
import statistics
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from folder import write_photos
from measure import byte_compile, machine_facts, write_results

from edgecls.dataset.forms.labelled_pictures import LabelledPictures
from edgecls.dataset.forms.read import read_dataset
from edgecls.dataset.pixels.cache_kind import Cache
from edgecls.dataset.pixels.pixel_cache import cache_pictures
from edgecls.image_spec import ImageSpec
from edgecls.rounds import ratio_of, time_rounds
from edgecls.runtime.cores import usable_cores
from edgecls.training.augmentation import augmenting
from edgecls.training.batches import PictureBatches, shuffled
from edgecls.training.config import Device, MixedPrecision, TrainConfig
from edgecls.training.devices import choose_devices, dtype_policy
from edgecls.training.losses import cross_entropy
from edgecls.training.schedule import make_optimizer
from edgecls.training.stages import choose_trainable, plan_stages, rate_factors
from edgecls.training.trainer import build_network

__all__ = ["made_dataset"]


def _some(pictures: LabelledPictures, count: int) -> LabelledPictures:
    chosen = np.random.default_rng(0).permutation(len(pictures.paths))[:count]
    return LabelledPictures(
        pictures.labels,
        tuple(pictures.paths[index] for index in chosen),
        tuple(pictures.label_ids[index] for index in chosen),
    )


def made_dataset(folder: Path, count: int) -> Path:
    """Make a dataset of so many pictures under two labels."""
    for label in ("one", "two"):
        (folder / label).mkdir(parents=True)
        write_photos(folder / label, -(-count // 2))
    return folder


class _Constant(keras.utils.PyDataset):
    """The same batch for every step."""

    def __init__(self, batch: tuple[np.ndarray, ...], steps: int) -> None:
        super().__init__()
        self._batch = batch
        self._steps = steps

    def __len__(self) -> int:
        return self._steps

    def __getitem__(self, index: int) -> tuple[np.ndarray, ...]:
        return self._batch


def _constant(batch: tuple[np.ndarray, ...], steps: int) -> object:
    """Return what costs least on the backend: a batch that is a tensor already, where that can be had."""
    if keras.backend.backend() != "tensorflow":
        return _Constant(batch, steps)
    import tensorflow as tf

    return tf.data.Dataset.from_tensors(tuple(map(tf.convert_to_tensor, batch))).repeat(steps)


def _compiled(config: TrainConfig, num_classes: int, steps: int, policy: str) -> keras.Model:
    network = build_network(config, num_classes=num_classes, policy=policy)
    stage = plan_stages(config)[-1]
    choose_trainable(network, stage)
    fitted = augmenting(network, config.augmentation if config.augment else None, seed=0)
    fitted.compile(
        optimizer=make_optimizer(
            config,
            steps=100 * steps,
            factors=rate_factors(network, stage),
            compute_dtype=network.compute_dtype,
        ),
        loss=cross_entropy(num_classes=num_classes, label_smoothing=0),
        metrics=["accuracy", keras.metrics.SparseCategoricalCrossentropy(name="cross_entropy")],
    )
    return fitted


def _subject(fitted: keras.Model, batches: PictureBatches) -> Callable[[], object]:
    epoch = 0

    def fit() -> None:
        nonlocal epoch
        batches.show(shuffled(batches.indices, seed=0, epoch=epoch))
        epoch += 1
        fitted.fit(batches, shuffle=False, verbose=0)

    return fit


def main() -> None:
    """Measure, print and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="a dataset in any form; made if left out")
    parser.add_argument("--arch", default="simple_cnn")
    parser.add_argument("--side", type=int, default=128)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--pictures", type=int, default=640)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--cache", action="append", choices=["memory", "disk", "stream"])
    parser.add_argument("--mixed-precision", choices=list(MixedPrecision), default="auto")
    parser.add_argument("--no-augment", action="store_true")
    options = parser.parse_args()
    config = TrainConfig(
        ImageSpec(options.side, options.side),
        arch=options.arch,
        batch_size=options.batch_size,
        augment=not options.no_augment,
        mixed_precision=options.mixed_precision,
    )
    byte_compile()
    devices = choose_devices(Device.AUTO)
    policy = dtype_policy(config.mixed_precision, devices)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        data = options.data or made_dataset(folder / "data", options.pictures)
        found = _some(read_dataset(data).whole, options.pictures)
        steps = len(found.paths) // config.batch_size
        count = steps * config.batch_size  # whole batches, so that both sides take the same steps
        fitted = _compiled(config, len(found.labels), steps, policy)
        subjects: dict[str, Callable[[], object]] = {}
        for cache in map(Cache, options.cache or ["memory", "disk", "stream"]):
            pictures = cache_pictures(found, config.image, workers=usable_cores(), cache=cache, folder=folder)
            workers = usable_cores() if cache is Cache.STREAM else 1
            batches = PictureBatches(pictures, range(count), batch_size=config.batch_size, workers=workers)
            subjects[cache] = _subject(fitted, stack.enter_context(batches))
            constant = _constant(batches[0], steps)
        subjects["constant"] = lambda: fitted.fit(constant, shuffle=False, verbose=0)
        times = time_rounds(subjects, rounds=options.rounds, warm_up=2)
    machine = machine_facts()
    print(f"{machine['processor']}, {machine['usable_cores']} cores, {'+'.join(devices.names)}, {policy}")
    shown = "augmented" if config.augment else "not augmented"
    print(f"{config.arch} {config.image}, batches of {config.batch_size}, {shown}, {options.rounds} rounds")
    rows = {}
    for name, values in times.items():
        ratio = ratio_of(times["constant"], values)  # of speeds: the constant batch's time over this one's
        rows[name] = {**asdict(ratio), "seconds": values}
        print(f"{name:9} {count / statistics.median(values):7.1f} pictures/s   of the constant batch's speed: {ratio}")
    path = write_results(
        f"training_{config.arch}_{options.side}",
        {
            "arch": config.arch,
            "side": options.side,
            "augmented": config.augment,
            "rounds": options.rounds,
            "device": devices.names,
            "policy": policy,
            "batch_size": config.batch_size,
            "pictures": count,
            "fit": rows,
        },
    )
    print(f"wrote {path}")


if __name__ == "__main__":
    main()
