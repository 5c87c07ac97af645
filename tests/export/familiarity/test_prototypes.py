"""Prototypes: near the images they stand for, small in a file, the same every time."""

import numpy as np
import numpy.typing as npt
import pytest

from edgecls.errors import FamiliarityError
from edgecls.export.familiarity.prototypes import (
    BYTES_PER_LABEL,
    MAX_BYTES,
    SMOOTHNESS,
    Prototypes,
    fit_prototypes,
    normalized,
    prototypes_for_each,
)

WIDTH = 24


def _clusters(*, groups: int = 3, each: int = 5, images: int = 40, seed: int = 0) -> tuple[npt.NDArray, npt.NDArray]:
    """Return features around `each` directions in every group, of assorted lengths, and their groups."""
    rng = np.random.default_rng(seed)
    directions = np.abs(rng.normal(0, 1, (groups, each, WIDTH)))
    rows = np.repeat(directions.reshape(-1, WIDTH), images // each, axis=0)
    rows = (rows + rng.normal(0, 0.05, rows.shape)) * rng.uniform(0.2, 9, (len(rows), 1))
    return rows.astype(np.float32), np.repeat(np.arange(groups), images)


def test_images_of_the_kind_are_more_familiar_than_others() -> None:
    rows, groups = _clusters()
    other = np.abs(np.random.default_rng(9).normal(0, 1, (50, WIDTH))).astype(np.float32)

    prototypes = fit_prototypes(rows, groups, labels=3)

    assert prototypes.familiarity(rows).min() > prototypes.familiarity(other).max()


def test_it_is_a_smooth_maximum_of_the_cosines() -> None:
    prototypes = Prototypes(np.array([[127, 0], [0, 100]], np.int8), np.array([1 / 127, 0.01], np.float32))

    found = prototypes.familiarity(np.array([[3, 0], [0, -2], [1, 1]], np.float32))

    half = np.sqrt(0.5)
    expected = [np.logaddexp(a / SMOOTHNESS, b / SMOOTHNESS) for a, b in [(1, 0), (0, -1), (half, half)]]
    np.testing.assert_allclose(found, SMOOTHNESS * np.array(expected), atol=1e-5)


def test_the_length_of_features_does_not_matter() -> None:
    rows, groups = _clusters()
    prototypes = fit_prototypes(rows, groups, labels=3)

    np.testing.assert_allclose(prototypes.familiarity(rows * 100), prototypes.familiarity(rows), atol=1e-5)


def test_a_blank_image_has_a_familiarity() -> None:
    prototypes = fit_prototypes(*_clusters(), labels=3)

    assert np.isfinite(prototypes.familiarity(np.zeros((1, WIDTH), np.float32))).all()


def test_bytes_cost_little_accuracy() -> None:
    rows, groups = _clusters(images=5)  # as many images as prototypes: each image is one

    prototypes = fit_prototypes(rows, groups, labels=3)

    assert prototypes.values.dtype == np.int8
    directions = prototypes.values * prototypes.scales[:, np.newaxis]
    assert (np.sum(directions * normalized(rows), axis=1) > 0.9999).all()


def test_they_are_the_same_every_time() -> None:
    one, other = (fit_prototypes(*_clusters(images=100), labels=1) for _ in range(2))

    np.testing.assert_array_equal(one.values, other.values)
    np.testing.assert_array_equal(one.scales, other.scales)


def test_equal_images_are_no_trouble() -> None:
    rows = np.ones((90, WIDTH), np.float32)

    prototypes = fit_prototypes(rows, np.zeros(90, np.int64), labels=2)

    assert len(prototypes.scales) <= 64
    np.testing.assert_allclose(prototypes.familiarity(rows), prototypes.familiarity(rows)[0], atol=1e-5)


@pytest.mark.parametrize("width", [64, 1280, 4096, 50_000])
@pytest.mark.parametrize("labels", [2, 5, 40, 1000])
def test_they_never_take_more_than_their_share_of_a_file(labels: int, width: int) -> None:
    try:
        each = prototypes_for_each(10**6, groups=labels, labels=labels, width=width)
    except FamiliarityError:
        assert labels * (width + 4) > MAX_BYTES
    else:
        assert each >= 1
        assert each * labels * (width + 4) <= min(MAX_BYTES, BYTES_PER_LABEL * labels)


def test_five_labels_take_800_kb_at_most_and_a_thousand_still_have_some() -> None:
    assert 5 * BYTES_PER_LABEL == 800_000
    assert prototypes_for_each(10**6, groups=1000, labels=1000, width=1280) == 3


def test_one_folder_of_images_shares_what_all_labels_have() -> None:
    alone = prototypes_for_each(10**6, groups=1, labels=5, width=1280)

    assert alone == 5 * prototypes_for_each(10**6, groups=5, labels=5, width=1280)


def test_more_groups_than_prototypes_are_refused_with_what_to_do() -> None:
    with pytest.raises(FamiliarityError, match=r"each of 5000 groups of images.*room for 4\.0 MB.*one folder"):
        prototypes_for_each(10, groups=5000, labels=5000, width=1280)
