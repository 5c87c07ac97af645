"""With what a model is run."""

import pytest

from edgecls.runtime.execution.providers import Provider
from edgecls.runtime.setting import Setting


@pytest.mark.parametrize(
    ("batch_size", "sizes"),
    [(1, (1,)), (2, (2, 1)), (3, (3, 2, 1)), (4, (4, 2, 1)), (24, (24, 16, 8, 4, 2, 1))],
)
def test_batches_come_in_few_sizes(batch_size: int, sizes: tuple[int, ...]) -> None:
    assert Setting(Provider.CUDA, 8, 1, batch_size).batch_sizes == sizes


@pytest.mark.parametrize(
    ("setting", "text"),
    [
        (Setting(Provider.CPU, 1, 1, 1), "cpu, 1 image at a time"),
        (Setting(Provider.CPU, 2, 4, 1), "cpu, 2 images at once, 4 threads a run"),
        (Setting(Provider.CUDA, 64, 1, 32), "cuda, 64 images at once, batches of up to 32"),
    ],
    ids=["alone", "threads", "batches"],
)
def test_a_setting_is_told_in_words(setting: Setting, text: str) -> None:
    assert str(setting) == text
