"""Rounds of `fit`: fed by the input pipeline of edgecls, and fed one constant batch that is in memory already."""

import dataclasses
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import keras
import numpy as np

from edgecls.dataset.cache_kind import Cache
from edgecls.dataset.formats.labelled_images import LabelledImages
from edgecls.dataset.pixel_cache import cache_images
from edgecls.measuring.turns import median_of, ratio_of, time_rounds
from edgecls.runtime.machine.cores import usable_cores
from edgecls.training.batches import ImageBatches, augmenting, shuffled
from edgecls.training.config import Device, TrainConfig
from edgecls.training.devices import Devices, choose_devices, dtype_policy
from edgecls.training.stages import choose_trainable, make_optimizer, plan_stages, rate_factors
from edgecls.training.trainer import build_network, cross_entropy

__all__ = ["FitRounds", "measure_fit"]

CONSTANT = "constant"


@dataclasses.dataclass(frozen=True)
class FitRounds:
    """What rounds of training came to.

    Attributes:
        devices: What trained.
        policy: Name of Keras's dtype policy.
        images: In one round.
        seconds: Of each round, by where images come from: "memory", "disk", "stream", "constant".
    """

    devices: Devices
    policy: str
    images: int
    seconds: dict[str, list[float]]

    def rows(self) -> dict[str, dict[str, Any]]:
        """Return for each source its speed, as part of the constant batch's and in images a second; for results."""
        return {name: self._row(values) for name, values in self.seconds.items()}

    def _row(self, seconds: list[float]) -> dict[str, Any]:
        ratio = ratio_of(self.seconds[CONSTANT], seconds)  # of speeds: the constant batch's time over this one's
        return {
            **dataclasses.asdict(ratio),
            "images_per_s": dataclasses.asdict(median_of([self.images / taken for taken in seconds])),
            "seconds": seconds,
        }

    def print_rows(self) -> None:
        """Print a line for each source."""
        for name, seconds in self.seconds.items():
            per_s = median_of([self.images / taken for taken in seconds])
            ratio = ratio_of(self.seconds[CONSTANT], seconds)
            print(f"{name:9} {per_s.value:7.1f} images/s   of the constant batch's speed: {ratio}", flush=True)


def measure_fit(
    config: TrainConfig, images: LabelledImages, *, count: int, caches: Sequence[Cache], rounds: int
) -> FitRounds:
    """Let the sources of images take turns.

    Args:
        config: The settings; the network trains as in the last stage that they give.
        images: Some of them are trained on, always the same ones.
        count: How many at most; whole batches, so that all sources take the same steps.
        caches: Where decoded images are kept.
        rounds: That count, after two that warm up.

    Raises:
        SystemExit: There are fewer images than a batch takes.
    """
    found = _some(images, count)
    steps = len(found.paths) // config.batch_size
    if not steps:
        raise SystemExit(
            f"there are {len(found.paths)} images and a batch takes {config.batch_size}; lower --batch-size"
        )
    devices = choose_devices(Device.AUTO)
    policy = dtype_policy(config.mixed_precision, devices)
    fitted = _compiled(config, len(found.labels), steps, policy)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        subjects: dict[str, Callable[[], object]] = {}
        for cache in caches:
            cached = cache_images(found, config.image, workers=usable_cores(), cache=cache, folder=folder)
            workers = usable_cores() if cache is Cache.STREAM else 1
            batches = ImageBatches(
                cached, range(steps * config.batch_size), batch_size=config.batch_size, workers=workers
            )
            subjects[cache] = _epoch_of(fitted, stack.enter_context(batches))
            constant = _constant(batches[0], steps)
        subjects[CONSTANT] = lambda: fitted.fit(constant, shuffle=False, verbose=0)
        times = time_rounds(subjects, rounds=rounds, warm_up=2)
    return FitRounds(devices, policy, steps * config.batch_size, times)


def _some(images: LabelledImages, count: int) -> LabelledImages:
    chosen = np.random.default_rng(0).permutation(len(images.paths))[:count]
    return LabelledImages(
        images.labels,
        tuple(images.paths[index] for index in chosen),
        tuple(images.label_ids[index] for index in chosen),
    )


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

    options = tf.data.Options()
    options.autotune.enabled = False  # as for the others
    return tf.data.Dataset.from_tensors(tuple(map(tf.convert_to_tensor, batch))).repeat(steps).with_options(options)


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


def _epoch_of(fitted: keras.Model, batches: ImageBatches) -> Callable[[], object]:
    epoch = 0
    fed = batches.for_fit()

    def fit() -> None:
        nonlocal epoch
        batches.show(shuffled(batches.indices, seed=0, epoch=epoch))
        epoch += 1
        fitted.fit(fed, shuffle=False, verbose=0)

    return fit
