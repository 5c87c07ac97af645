import cv2
import numpy as np
import pytest

from edgecls.plots.sweep import Run, epochs_chart, setting_chart, swept_settings


def _runs(sizes: tuple[str, ...] = ("32x32", "128x128"), batches: tuple[int, ...] = (16, 32)) -> list[Run]:
    rng = np.random.default_rng(0)
    return [
        Run(
            {"arch": "simple_cnn", "image_size": size, "batch_size": batch},
            accuracies=rng.random(4).tolist(),
            losses=rng.random(4).tolist(),
            best=2,
        )
        for size in sizes
        for batch in batches
    ]


def _colors(png: bytes) -> set[tuple[int, ...]]:
    pixels = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)
    assert pixels.shape[1] == 1500
    shades, counts = np.unique(pixels.reshape(-1, 3), axis=0, return_counts=True)
    return {
        tuple(shade.tolist()) for shade, count in zip(shades, counts, strict=True) if count > 200 and np.ptp(shade) > 50
    }


def test_settings_that_do_not_differ_get_no_chart() -> None:
    assert swept_settings(_runs()) == ["image_size", "batch_size"]
    assert swept_settings(_runs(batches=(16,))) == ["image_size"]
    assert swept_settings([]) == []


def test_each_combination_of_the_other_settings_has_a_line() -> None:
    assert len(_colors(setting_chart(_runs(), "image_size"))) == 2
    assert len(_colors(setting_chart(_runs(batches=(8, 16, 32)), "image_size"))) == 3


def test_each_run_has_a_line_over_its_epochs() -> None:
    assert len(_colors(epochs_chart(_runs()))) == 4


@pytest.mark.parametrize(
    "chart", [epochs_chart, lambda runs: setting_chart(runs, "batch_size")], ids=["epochs", "setting"]
)
def test_many_runs_stay_grey(chart: object) -> None:
    runs = _runs(sizes=("16x16", "32x32", "48x48", "64x64", "96x96", "112x112", "128x128", "160x160", "224x224"))

    assert _colors(chart(runs)) == set()  # type: ignore[operator]


def test_names_are_not_joined_by_lines_and_sizes_are() -> None:
    runs = [
        Run({"arch": arch, "image_size": size}, accuracies=[accuracy], losses=[accuracy], best=0)
        for arch, size, accuracy in (("b", "32x32", 0.1), ("a", "32x32", 0.9), ("b", "64x64", 0.2), ("a", "64x64", 0.8))
    ]

    def coloured(png: bytes) -> int:
        pixels = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR).astype(int)
        return int((np.ptp(pixels, axis=2) > 60).sum())

    by_name, by_size = coloured(setting_chart(runs, "arch")), coloured(setting_chart(runs, "image_size"))
    assert 0 < by_name < by_size / 2  # dots alone


def test_a_run_that_was_ended_early_is_dashed_and_ends_in_a_cross() -> None:
    def coloured(*, is_pruned: bool, chart: str) -> int:
        runs = [Run({"rate": rate}, [0.1, 0.9], [0.9, 0.1], best=1, is_pruned=is_pruned) for rate in (0.1, 0.2)]
        png = epochs_chart(runs) if chart == "epochs" else setting_chart(runs, "rate")
        pixels = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR).astype(int)
        return int((np.ptp(pixels, axis=2) > 60).sum())

    for chart in ("epochs", "setting"):
        assert 0 < coloured(is_pruned=True, chart=chart) < 0.9 * coloured(is_pruned=False, chart=chart)


def test_many_numbers_are_on_a_scale() -> None:
    def places(rates: list[float]) -> list[int]:
        """Return the columns in which dots are drawn over the learning rates, from left to right."""
        runs = [Run({"rate": rate, "n": index % 2}, [0.5], [0.5], best=0) for index, rate in enumerate(rates)]
        pixels = cv2.imdecode(np.frombuffer(setting_chart(runs, "rate"), np.uint8), cv2.IMREAD_COLOR).astype(int)
        left = pixels[: pixels.shape[0] * 3 // 4, : pixels.shape[1] // 2]
        columns = np.flatnonzero((np.ptp(left, axis=2) > 60).sum(axis=0) > 8)
        starts = columns[np.flatnonzero(np.diff(columns, prepend=-2) > 1)]
        return [int(column) for column in starts]

    close = [0.1 + index / 1000 for index in range(12)]
    assert len(places([*close, 0.9])) == 2  # twelve dots that are one, and the last far from them
    octaves = np.diff(places([float(2**index) for index in range(12)]))
    assert len(octaves) == 11
    assert np.ptp(octaves) <= 2  # on a logarithmic scale
