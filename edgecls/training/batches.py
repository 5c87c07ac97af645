"""What a network sees in each epoch: batches in an order that depends on seed and epoch alone, augmented images."""

import threading
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any, Self

import keras
import numpy as np
import numpy.typing as npt

from edgecls.dataset.pixel_cache import CachedImages
from edgecls.errors import ImageError
from edgecls.training.config import Augmentation

__all__ = ["ImageBatches", "augmenting", "shuffled"]

Batch = tuple[npt.NDArray[np.uint8], npt.NDArray[np.int32]] | tuple[npt.NDArray[np.generic], ...]
"""Images, labels and, where labels have weights, the weight of each image."""

AHEAD_PER_WORKER = 2  # batches that wait, made, for the network


def shuffled(indices: npt.NDArray[np.int64], *, seed: int, epoch: int) -> npt.NDArray[np.int64]:
    """Return `indices` shuffled by seed and epoch."""
    return np.random.default_rng([seed, epoch]).permutation(indices)


class ImageBatches(keras.utils.PyDataset):  # type: ignore[misc]  # Keras has no types
    """Batches of images, prepared ahead of time by its own threads.

    Only a few batches are in memory at once, regardless of the number of images. Use it in a `with` block.

    Attributes:
        indices: The images.
        order: Those of the current epoch, in their order.
        fault: The image that could not be decoded and so ended the epoch, or None.
    """

    def __init__(
        self,
        images: CachedImages,
        indices: Sequence[int],
        *,
        batch_size: int,
        workers: int,
        label_weights: npt.NDArray[np.float32] | None = None,
        shares: int = 1,
    ) -> None:
        """
        Args:
            images: Pixels and labels.
            indices: Which of them, in the order of the first epoch.
            batch_size: Images in one batch; the last one of an epoch may have fewer.
            workers: Number of threads that make batches.
            label_weights: Weight of the images of each label, ``[K]``; None if all are equal.
            shares: Number of devices that share each batch. They need equal shares, so the last up to
                `shares` - 1 images of the order are left out of an epoch.
        """
        super().__init__()
        self.indices = np.asarray(indices, np.int64)
        self._shares = shares
        self.show(self.indices)
        self.fault: ImageError | None = None
        self._images = images
        self._batch_size = batch_size
        self._label_weights = label_weights
        self._ahead = workers * AHEAD_PER_WORKER
        self._pool = ThreadPoolExecutor(workers)
        self._lock = threading.Lock()  # Keras asks from one thread in one epoch, from another in the next
        self._waiting: deque[tuple[int, npt.NDArray[np.int64], Future[Batch]]] = deque()

    def show(self, order: npt.NDArray[np.int64]) -> None:
        """Change the order of the images; not in the middle of an epoch."""
        self.order = order[: len(order) - len(order) % self._shares]

    def __len__(self) -> int:
        return -(-len(self.order) // self._batch_size)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._pool.shutdown(cancel_futures=True)

    def __getitem__(self, index: int) -> Batch:
        """Return a batch of the current epoch.

        Raises:
            ImageError: An image can no longer be decoded; the error is also kept in `fault`.
        """
        with self._lock:
            if not self._waiting or self._waiting[0][0] != index or self._waiting[0][1] is not self.order:
                self._forget_waiting()
            while len(self._waiting) <= self._ahead and index + len(self._waiting) < len(self):
                following = index + len(self._waiting)
                self._waiting.append((following, self.order, self._pool.submit(self._batch, following, self.order)))
            _, _, batch = self._waiting.popleft()
            try:
                return batch.result()
            except ImageError as error:
                self.fault = error  # the exception that Keras raises instead does not name the image
                raise

    def for_fit(self) -> Any:
        """Return the same batches in the form that `fit` gets: on TensorFlow a tf.data.Dataset, else these.

        Keras would make such a dataset, too, but one that TensorFlow tunes while it is read. At the end of an epoch the
        thread that tunes is waited for until it wakes up, after 10 ms at first and then twice as long each time, so
        that many an epoch would take up to twice its time.
        """
        if keras.backend.backend() != "tensorflow":
            return self
        import tensorflow as tf

        none = self._batch(0, self.order[:0])
        options = tf.data.Options()
        options.autotune.enabled = False
        return (
            tf.data.Dataset.from_generator(
                lambda: (self[index] for index in range(len(self))),
                output_signature=tuple(tf.TensorSpec((None, *array.shape[1:]), array.dtype) for array in none),
            )
            .apply(tf.data.experimental.assert_cardinality(len(self)))
            .prefetch(1)
            .with_options(options)
        )

    def _forget_waiting(self) -> None:
        for _, _, batch in self._waiting:
            batch.cancel()
        self._waiting.clear()

    def _batch(self, index: int, order: npt.NDArray[np.int64]) -> Batch:
        chosen = order[index * self._batch_size : (index + 1) * self._batch_size]
        label_ids = self._images.label_ids[chosen]
        pixels = self._images.pixels[chosen]
        if self._label_weights is None:
            return pixels, label_ids
        return pixels, label_ids, self._label_weights[label_ids]


def augmenting(network: keras.Model, amounts: Augmentation | None, *, seed: int) -> keras.Model:
    """Return a network for training that augments its images before `network` sees them.

    The two share their weights. Augmentation runs in the training step only, and gives uint8
    images again, so that `network` sees the same kind of input as in use.

    Args:
        network: Takes uint8 images, ``[N, H, W, C]``.
        amounts: By how much; None for no augmentation.
        seed: Of the random amounts.
    """
    images = keras.Input(shape=network.input_shape[1:], dtype="uint8", name="image")
    x = images if amounts is None else _augmented(images, amounts, seed)
    return keras.Model(images, network(x))


def _augmented(images: keras.KerasTensor, amounts: Augmentation, seed: int) -> keras.KerasTensor:
    layers = keras.layers
    steps = [layers.Rescaling(1.0, name="as_float", dtype="float32")]
    if amounts.flip:
        steps.append(layers.RandomFlip("horizontal", seed=seed, dtype="float32"))
    geometry = {"fill_mode": "nearest", "dtype": "float32"}
    if amounts.rotation:
        steps.append(layers.RandomRotation(amounts.rotation / 360, seed=seed + 1, **geometry))
    if amounts.shift:
        steps.append(layers.RandomTranslation(amounts.shift, amounts.shift, seed=seed + 2, **geometry))
    if amounts.zoom:
        steps.append(layers.RandomZoom(amounts.zoom, seed=seed + 3, **geometry))
    values = {"value_range": (0, 255), "dtype": "float32"}
    if amounts.brightness:
        steps.append(layers.RandomBrightness(amounts.brightness, seed=seed + 4, **values))
    if amounts.contrast:
        steps.append(layers.RandomContrast(amounts.contrast, seed=seed + 5, **values))
    x = images
    for step in steps:
        x = step(x)
    return x
