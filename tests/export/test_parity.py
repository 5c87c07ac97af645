"""The parity gate: what passes, what does not, and how it says where."""

import numpy as np
import pytest
from tiny_model import TINY_LABELS, tiny_answer

from edgecls.errors import ParityError
from edgecls.export.parity import BATCH_SIZES, MAX_DIFFERENCE, Recomputed, Remembering, check_parity

RNG = np.random.default_rng(0)
IMAGES = {f"image {index}": RNG.integers(0, 256, (8, 8, 3), dtype=np.uint8) for index in range(5)}


def _original(batch: np.ndarray) -> np.ndarray:
    return tiny_answer(batch).astype(np.float32)


def test_the_same_network_passes_at_every_batch_size() -> None:
    sizes = []

    def watched(batch: np.ndarray) -> np.ndarray:
        sizes.append(len(batch))
        return _original(batch)

    report = check_parity(_original, watched, IMAGES, TINY_LABELS)

    assert report.difference == 0
    assert (report.same_label, report.comparisons) == (10, 10)
    assert set(sizes) == set(BATCH_SIZES)


def test_a_difference_is_named_with_image_batch_size_and_label() -> None:
    target = IMAGES["image 3"]

    def wrong_in_batches(batch: np.ndarray) -> np.ndarray:
        answer = _original(batch)
        for row, pixels in zip(answer, batch, strict=True):
            if len(batch) > 1 and np.array_equal(pixels, target):
                row += [0.01, -0.02, 0.01]
        return answer

    with pytest.raises(ParityError, match=r"difference 0\.02 \(image 'image 3', batch of 3, label 'green'") as caught:
        check_parity(_original, wrong_in_batches, IMAGES, TINY_LABELS)
    assert "no file was written" in str(caught.value)


@pytest.mark.parametrize(("shift", "passes"), [(0.9e-4, True), (1.1e-4, False)])
def test_the_bound_is_the_largest_difference_that_passes(shift: float, passes: bool) -> None:
    def shifted(batch: np.ndarray) -> np.ndarray:
        return _original(batch) + np.float32([shift, 0, 0])

    if passes:
        assert check_parity(_original, shifted, IMAGES, TINY_LABELS).difference == pytest.approx(shift, rel=0.01)
    else:
        with pytest.raises(ParityError):
            check_parity(_original, shifted, IMAGES, TINY_LABELS)


def test_nan_does_not_pass() -> None:
    def broken(batch: np.ndarray) -> np.ndarray:
        answer = _original(batch)
        answer[:, 1] = np.nan
        return answer

    with pytest.raises(ParityError, match="difference nan"):
        check_parity(_original, broken, IMAGES, TINY_LABELS)


def test_another_shape_does_not_pass() -> None:
    with pytest.raises(ParityError, match="the export gives shape"):
        check_parity(_original, lambda batch: _original(batch)[:, :2], IMAGES, TINY_LABELS)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda batch: np.log(_original(batch)), "not probabilities.*softmax"),
        (lambda batch: _original(batch) * 2, "not probabilities.*softmax"),
        (lambda batch: _original(batch)[:, :2], "3 labels need"),
    ],
    ids=["logits", "sums-to-two", "fewer-outputs"],
)
def test_an_original_without_probabilities_is_refused(answer, message: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ParityError, match=message):
        check_parity(answer, answer, IMAGES, TINY_LABELS)


def test_a_network_that_changes_its_input_does_not_fool_the_gate() -> None:
    def destructive(batch: np.ndarray) -> np.ndarray:
        answer = _original(batch)
        batch[:] = 0
        return answer

    check_parity(destructive, _original, IMAGES, TINY_LABELS)
    assert IMAGES["image 0"].any()


def test_a_network_is_asked_for_each_image_once() -> None:
    asked: list[int] = []

    def network(batch: np.ndarray) -> np.ndarray:
        asked.append(len(batch))
        return _original(batch)

    remembering = Remembering(network)
    batch = np.stack(list(IMAGES.values()))
    np.testing.assert_array_equal(remembering(batch[:2]), _original(batch[:2]))
    np.testing.assert_array_equal(remembering(batch[3:0:-1]), _original(batch[3:0:-1]))
    assert asked == [2, 2]


def _rounded(answer: np.ndarray, error: float) -> np.ndarray:
    """Return answers as a network gives them that rounds by `error`, up for one image, down for the next."""
    signs = np.where(answer[:, :1] * 1e4 % 2 < 1, 1, -1)
    return (answer + signs * np.float32([error, -error, 0])).astype(np.float32)


def _again(error: float) -> Recomputed:
    return Recomputed(exact=_original, again=lambda batch: _rounded(_original(batch), error))


@pytest.mark.parametrize(
    ("own", "off", "passes"),
    [(2e-4, 5e-5, True), (2e-4, 3e-4, True), (2e-4, 3e-3, False), (1e-5, 2e-4, False), (2e-2, 2e-2, False)],
    ids=[
        "closer-than-the-original",
        "about-as-close",
        "further",
        "the-original-rounds-little",
        "too-large-for-rounding",
    ],
)
def test_a_difference_passes_if_the_original_rounds_as_much(own: float, off: float, passes: bool) -> None:
    def original(batch: np.ndarray) -> np.ndarray:
        return _rounded(_original(batch), own)

    def exported(batch: np.ndarray) -> np.ndarray:
        return _rounded(_original(batch), -off)

    if passes:
        report = check_parity(original, exported, IMAGES, TINY_LABELS, recomputed=_again(own))
        assert report.difference > MAX_DIFFERENCE
        assert f"this is rounding: from the answers in float64 the original is {own:.2g} off" in str(report)
    else:
        with pytest.raises(ParityError, match="allow it with --max-difference"):
            check_parity(original, exported, IMAGES, TINY_LABELS, recomputed=_again(own))


def test_another_label_is_never_rounding() -> None:
    def undecided(batch: np.ndarray) -> np.ndarray:
        return np.tile(np.float32([0.4001, 0.3999, 0.2]), (len(batch), 1))

    def exported(batch: np.ndarray) -> np.ndarray:
        return undecided(batch)[:, [1, 0, 2]]

    recomputed = Recomputed(exact=exported, again=undecided)
    with pytest.raises(ParityError, match="same label for 0 of 10"):
        check_parity(undecided, exported, IMAGES, TINY_LABELS, recomputed=recomputed)


@pytest.mark.parametrize(("spread", "passes"), [(2e-4, True), (1e-5, False)])
def test_without_float64_the_spread_between_batch_sizes_tells(spread: float, passes: bool) -> None:
    def no_float64(batch: np.ndarray) -> np.ndarray:
        raise NotImplementedError

    def exported(batch: np.ndarray) -> np.ndarray:
        return _rounded(_original(batch), 2e-4)

    recomputed = Recomputed(exact=no_float64, again=lambda batch: _rounded(_original(batch), spread))
    if passes:
        report = check_parity(_original, exported, IMAGES, TINY_LABELS, recomputed=recomputed)
        assert "the original itself differs by 0.0002 between batch sizes" in str(report)
    else:
        with pytest.raises(ParityError, match="the original itself differs by 1e-05 between batch sizes"):
            check_parity(_original, exported, IMAGES, TINY_LABELS, recomputed=recomputed)
