"""Batches: their order, their content wherever images are kept, their number in memory."""

import threading
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from image_folders import write_class_folders

from edgecls.dataset.cache_kind import Cache
from edgecls.dataset.formats.folders import read_class_folders
from edgecls.dataset.pixel_cache import CachedImages, cache_images
from edgecls.errors import ImageReadError
from edgecls.image_spec import ImageSpec
from edgecls.training.batches import AHEAD_PER_WORKER, ImageBatches, shuffled

SPEC = ImageSpec(8, 8)


def _images(root: Path, cache: Cache = Cache.MEMORY) -> CachedImages:
    return cache_images(read_class_folders(root), SPEC, workers=2, cache=cache, folder=root)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_class_folders(tmp_path_factory.mktemp("batches"), per_label=9)


def test_the_order_depends_on_seed_and_epoch_alone() -> None:
    indices = np.arange(100)
    orders = [shuffled(indices, seed=seed, epoch=epoch).tolist() for seed, epoch in ((1, 2), (1, 2), (1, 3), (2, 2))]

    assert orders[0] == orders[1]
    assert orders[0] != orders[2]
    assert orders[0] != orders[3]
    assert sorted(orders[0]) == indices.tolist()


@pytest.mark.parametrize("cache", [Cache.MEMORY, Cache.DISK, Cache.STREAM])
def test_batches_are_the_same_wherever_images_are_kept(root: Path, cache: Cache) -> None:
    expected = _images(root)
    indices = [*range(0, 27, 2)]  # 14 images: batches of 4, 4, 4 and 2

    with ImageBatches(_images(root, cache), indices, batch_size=4, workers=2) as batches:
        for epoch in range(2):
            batches.show(shuffled(batches.indices, seed=5, epoch=epoch))
            got = [batches[index] for index in range(len(batches))]

            assert [len(pixels) for pixels, _ in got] == [4, 4, 4, 2]
            np.testing.assert_array_equal(np.concatenate([batch[0] for batch in got]), expected.pixels[batches.order])
            np.testing.assert_array_equal(
                np.concatenate([batch[1] for batch in got]), expected.label_ids[batches.order]
            )


def test_tensorflow_gets_the_batches_of_each_epoch_as_a_dataset_that_it_does_not_tune(root: Path) -> None:
    """While it tunes, the end of an epoch waits for the thread that does."""
    images = _images(root)
    weights = np.array([1, 2, 3], np.float32)
    with ImageBatches(images, range(14), batch_size=4, workers=1, label_weights=weights) as batches:
        dataset = batches.for_fit()
        assert int(dataset.cardinality()) == 4
        assert dataset.options().autotune.enabled is False
        for epoch in range(2):
            batches.show(shuffled(batches.indices, seed=5, epoch=epoch))
            got = [[array.numpy() for array in batch] for batch in dataset]

            assert [len(pixels) for pixels, _, _ in got] == [4, 4, 4, 2]
            pixels, label_ids, of_images = (np.concatenate(arrays) for arrays in zip(*got, strict=True))
            np.testing.assert_array_equal(pixels, images.pixels[batches.order])
            np.testing.assert_array_equal(label_ids, images.label_ids[batches.order])
            np.testing.assert_array_equal(of_images, weights[label_ids])


def test_a_new_order_forgets_what_was_made_ahead_for_the_old_one(root: Path) -> None:
    images = _images(root)
    with ImageBatches(images, range(27), batch_size=5, workers=1) as batches:
        _ = batches[0], batches[1]
        batches.show(batches.order[::-1])

        np.testing.assert_array_equal(batches[2][0], images.pixels[batches.order[10:15]])
        np.testing.assert_array_equal(batches[0][0], images.pixels[batches.order[:5]])


def test_images_of_labels_with_weights_carry_them(root: Path) -> None:
    weights = np.array([0.5, 1, 2], np.float32)
    with ImageBatches(_images(root), [0, 26, 10], batch_size=3, workers=1, label_weights=weights) as batches:
        assert [values.tolist() for values in batches[0][1:]] == [[0, 2, 1], [0.5, 2, 1]]


class _Counted:
    """Pixels that count how many batches were asked for."""

    def __init__(self) -> None:
        self.batches = 0
        self.enough = threading.Event()

    def __getitem__(self, indices: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
        self.batches += 1
        if self.batches == 2 * AHEAD_PER_WORKER + 1:
            self.enough.set()
        return np.zeros((len(indices), 8, 8, 3), np.uint8)


def test_batches_are_made_ahead_but_only_a_few() -> None:
    pixels = _Counted()
    images = CachedImages(
        ("a", "b"),
        pixels,
        np.zeros(1000, np.int32),
        ("",) * 1000,
        np.arange(1000),
        (),
        "",  # type: ignore[arg-type]
    )
    with ImageBatches(images, range(1000), batch_size=10, workers=2) as batches:
        _ = batches[0]

        assert pixels.enough.wait(120)
        assert pixels.batches == 2 * AHEAD_PER_WORKER + 1


def test_the_image_that_is_lost_is_remembered(tmp_path: Path) -> None:
    root = write_class_folders(tmp_path, per_label=2)
    images = _images(root, Cache.STREAM)
    Path(images.names[3]).unlink()
    with ImageBatches(images, range(6), batch_size=2, workers=1) as batches:
        _ = batches[0]
        with pytest.raises(ImageReadError) as caught:
            _ = batches[1]

        assert batches.fault is caught.value


def test_devices_get_equal_shares_of_every_batch(root: Path) -> None:
    with ImageBatches(_images(root), range(15), batch_size=4, workers=1, shares=2) as batches:
        assert [len(batches[index][0]) for index in range(len(batches))] == [4, 4, 4, 2]
        batches.show(batches.indices[::-1])
        assert batches.order.tolist() == [*range(14, 0, -1)]
