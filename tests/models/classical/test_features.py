"""Features in the graph, against the same features written down a second time in numpy."""

import numpy as np
import pytest

from edgecls.errors import ModelConfigError
from edgecls.image_spec import Color, ImageSpec
from edgecls.models.classical.features import Features, default_features, feature_count, open_features

SPECS = [ImageSpec(32, 48, Color.GRAY), ImageSpec(32, 48, Color.RGB), ImageSpec(29, 19, Color.RGB)]


def _images(spec: ImageSpec) -> np.ndarray:
    """Noise, two flat images, and ramps in every direction, which have weak and strong edges."""
    rng = np.random.default_rng(5)
    rows, columns = np.mgrid[: spec.height, : spec.width]
    flat = [np.zeros(spec.shape_hwc), np.full(spec.shape_hwc, 255)]
    ramps = [
        np.repeat((rows * a + columns * b + 90)[..., None], spec.channels, axis=2) for a, b in ((3, 0), (0, 2), (1, -2))
    ]
    noise = list(rng.integers(0, 256, (3, *spec.shape_hwc)))
    return np.stack([*noise, *flat, *ramps]).astype(np.uint8)


def _computed(features: Features, images: np.ndarray, spec: ImageSpec) -> np.ndarray:
    return open_features(features, spec, intra_op_threads=1)(images)


def _hog_by_hand(image: np.ndarray) -> np.ndarray:
    """HOG of one image, vote by vote, in double precision."""
    padded = np.pad(image.astype(float), ((1, 1), (1, 1), (0, 0)), mode="edge")
    across, down = padded[1:-1, 2:] - padded[1:-1, :-2], padded[2:, 1:-1] - padded[:-2, 1:-1]
    rows, columns = image.shape[0] // 8, image.shape[1] // 8
    cells = np.zeros((rows + 2, columns + 2, 9))  # with a frame, for votes that fall outside
    for y in range(image.shape[0]):
        for x in range(image.shape[1]):
            strongest = int(np.argmax(across[y, x] ** 2 + down[y, x] ** 2))
            dx, dy = across[y, x, strongest], down[y, x, strongest]
            angle = np.arctan2(dy, dx) % np.pi  # light on dark like dark on light
            orientation = (angle / np.pi * 9 + 4) % 9  # the bin in the middle is level, as in the graph
            low, part = int(orientation), orientation % 1
            row, column = (y + 0.5) / 8 + 0.5, (x + 0.5) / 8 + 0.5
            for at_row, row_part in ((int(row), 1 - row % 1), (int(row) + 1, row % 1)):
                for at_column, column_part in ((int(column), 1 - column % 1), (int(column) + 1, column % 1)):
                    if at_row < rows + 2 and at_column < columns + 2:
                        vote = np.hypot(dx, dy) * row_part * column_part / 64
                        cells[at_row, at_column, low % 9] += vote * (1 - part)
                        cells[at_row, at_column, (low + 1) % 9] += vote * part
    cells = cells[1:-1, 1:-1]
    blocks = np.concatenate([cells[:-1, :-1], cells[:-1, 1:], cells[1:, :-1], cells[1:, 1:]], axis=2)
    blocks /= np.sqrt((blocks**2).sum(axis=2, keepdims=True) + 1)
    blocks = np.minimum(blocks, 0.2)
    blocks /= np.sqrt((blocks**2).sum(axis=2, keepdims=True) + 1e-6)
    return blocks.transpose(2, 0, 1).ravel()


def _colors_by_hand(image: np.ndarray) -> np.ndarray:
    votes = np.zeros((5, 5, 5))  # one more than there are shades, for votes of weight nothing
    for pixel in image.reshape(-1, 3) / 255 * 3:
        low, part = pixel.astype(int), pixel % 1
        for corner in np.ndindex(2, 2, 2):
            votes[tuple(low + corner)] += np.prod(np.where(corner, part, 1 - part))
    return 4 * np.sqrt(votes[:4, :4, :4] / votes.sum()).ravel()


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_pixels_are_the_values_from_0_to_1(spec: ImageSpec) -> None:
    images = _images(spec)

    found = _computed(Features.PIXELS, images, spec)

    np.testing.assert_array_equal(found, images.reshape(len(images), -1).astype(np.float32) / np.float32(255))


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_hog_is_what_the_paper_says(spec: ImageSpec) -> None:
    images = _images(spec)

    found = _computed(Features.HOG, images, spec)

    assert found.shape == (len(images), feature_count(Features.HOG, spec))
    np.testing.assert_allclose(found, [_hog_by_hand(image) for image in images], rtol=0, atol=1e-5)
    assert found[0].max() > 0.1
    assert not found[3:5].any()  # flat images have no edges


@pytest.mark.parametrize("spec", SPECS[1:], ids=str)
def test_hog_color_adds_a_histogram_of_colors(spec: ImageSpec) -> None:
    images = _images(spec)

    found = _computed(Features.HOG_COLOR, images, spec)

    assert found.shape == (len(images), feature_count(Features.HOG_COLOR, spec))
    np.testing.assert_array_equal(found[:, :-64], _computed(Features.HOG, images, spec))
    np.testing.assert_allclose(found[:, -64:], [_colors_by_hand(image) for image in images], rtol=0, atol=1e-4)


@pytest.mark.parametrize("features", [each for each in Features if each is not Features.BACKBONE])
def test_an_image_has_the_same_features_alone_and_among_others(features: Features) -> None:
    """A tree asks on which side of a threshold a feature is: not even the last bit may change."""
    spec = ImageSpec(32, 32)
    images = _images(spec)

    together = _computed(features, images, spec)

    for index, image in enumerate(images):
        np.testing.assert_array_equal(_computed(features, image[np.newaxis], spec)[0], together[index])


@pytest.mark.parametrize(
    ("features", "spec", "message"),
    [
        (Features.HOG, ImageSpec(64, 15), r"at least 16x16 pixels, got 15x64"),
        (Features.HOG_COLOR, ImageSpec(64, 64, Color.GRAY), r"hog_color takes colour images"),
        (Features.PIXELS, ImageSpec(256, 256), r"196608 features \(pixels\), at most 65536"),
        (Features.HOG, ImageSpec(512, 512), r"features \(hog\), at most 65536"),
    ],
)
def test_images_without_such_features_are_refused(features: Features, spec: ImageSpec, message: str) -> None:
    with pytest.raises(ModelConfigError, match=message):
        open_features(features, spec, intra_op_threads=1)


def test_colors_are_looked_at_where_there_are_any() -> None:
    assert default_features(Color.RGB) is Features.HOG_COLOR
    assert default_features(Color.GRAY) is Features.HOG
