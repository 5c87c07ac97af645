"""Explanations: the heat is where the evidence is, however the image was brought to the model's size."""

import io
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny_model import tiny_card, tiny_onnx

import edgecls
from edgecls import image, modelfile
from edgecls.errors import ClosedError, ImageDecodeError, ModelFileError
from edgecls.export.proof import with_class_activation
from edgecls.image_spec import Fit, ImageSpec
from edgecls.model_card import Golden, GoldenSample
from edgecls.runtime.evidence import Method

SIDE = 24
ORIENTATION = 0x0112  # of Exif
GRAY = (90, 90, 90)

Load = Callable[..., edgecls.Classifier]


@pytest.fixture
def load_model(tmp_path: Path) -> Load:
    """Opens a model that finds red, green and blue: by the mean of all pixels, so evidence is where the colour is."""

    def load(method: Method = Method.CLASS_ACTIVATION, fit: Fit = Fit.STRETCH, **changes: object) -> edgecls.Classifier:
        spec = ImageSpec(SIDE, SIDE, fit=fit)
        black = GoldenSample("black", image.encode_png(np.zeros(spec.shape_hwc, np.uint8)), (1 / 3, 1 / 3, 1 / 3))
        network = tiny_onnx(spec=spec)
        if method is Method.CLASS_ACTIVATION:
            network = with_class_activation(network)
        path = tmp_path / "模型.onnx"
        modelfile.write_model(path, network, tiny_card(image=spec, golden=Golden(1e-3, (black,)), **changes))
        return edgecls.load(path, "cpu")

    return load


def _spotted(height: int, width: int, y: int, x: int, color: tuple[int, int, int] = (255, 0, 0)) -> image.Pixels:
    """Return a grey image with a coloured spot around a point."""
    pixels = np.full((height, width, 3), GRAY, np.uint8)
    reach = min(height, width) // 6
    pixels[max(0, y - reach) : y + reach, max(0, x - reach) : x + reach] = color
    return pixels


def _peak(heat: np.ndarray) -> tuple[float, float]:
    """Return the middle of the hottest places."""
    rows, columns = np.nonzero(heat >= 0.95 * heat.max())
    return float(rows.mean()), float(columns.mean())


@pytest.mark.parametrize("fit", Fit)
@pytest.mark.parametrize("method", Method)
@pytest.mark.parametrize(
    ("size", "spot"),
    [
        ((120, 200), (30, 60)),
        ((120, 200), (80, 140)),
        ((210, 90), (70, 20)),
        ((210, 90), (140, 70)),
        ((24, 24), (6, 18)),
    ],
)
def test_the_peak_is_where_the_evidence_is(
    load_model: Load, method: Method, fit: Fit, size: tuple[int, int], spot: tuple[int, int]
) -> None:
    explanation = load_model(method, fit).explain(image.encode_png(_spotted(*size, *spot)))

    assert (explanation.label, explanation.method) == ("red", method)
    heat = explanation.heat
    assert (heat.shape, heat.dtype) == (size, np.float32)
    assert heat.min() >= 0
    assert heat.max() == pytest.approx(1)
    # A cell of the coarser grid is a tenth of the image.
    np.testing.assert_allclose(_peak(heat), spot, atol=0.06 * max(size))
    assert heat[size[0] - 1 - spot[0], size[1] - 1 - spot[1]] < 0.2  # opposite


@pytest.mark.parametrize("method", Method)
@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_image_that_a_camera_turned_is_explained_upright(load_model: Load, method: Method, orientation: int) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    stream = io.BytesIO()
    Image.fromarray(_spotted(120, 200, 25, 50)).save(stream, "JPEG", quality=95, exif=exif)

    explanation = load_model(method, Fit.CROP).explain(stream.getvalue())

    red = (explanation.pixels[..., 0] > 200) & (explanation.pixels[..., 1] < 60)
    middle = [float(places.mean()) for places in np.nonzero(red)]
    assert explanation.pixels.shape[:2] == ((120, 200) if orientation <= 4 else (200, 120))
    np.testing.assert_allclose(_peak(explanation.heat), middle, atol=14)


@pytest.mark.parametrize("method", Method)
def test_what_a_crop_leaves_out_gets_no_heat(load_model: Load, method: Method) -> None:
    pixels = np.full((60, 100, 3), (255, 0, 0), np.uint8)
    pixels[:, 40:60] = GRAY

    heat = load_model(method, Fit.CROP).explain(image.encode_png(pixels)).heat

    assert not heat[:, :20].any()
    assert not heat[:, 80:].any()
    assert heat[:, 22].min() > 0.5


@pytest.mark.parametrize("method", Method)
def test_another_label_may_be_explained(load_model: Load, method: Method) -> None:
    pixels = _spotted(80, 80, 20, 20)
    pixels[55:65, 55:65] = (0, 0, 255)
    classifier = load_model(method)

    blue = classifier.explain(image.encode_png(pixels), label="blue", name="两色")

    assert (blue.prediction.label, blue.label, blue.prediction.image) == ("red", "blue", "两色")
    assert blue.probability == blue.prediction.probabilities[2] < blue.prediction.probability
    np.testing.assert_allclose(_peak(blue.heat), (60, 60), atol=6)


@pytest.mark.parametrize("method", Method)
def test_where_nothing_speaks_for_the_label_there_is_no_heat(load_model: Load, method: Method) -> None:
    even = np.full((30, 40, 3), (0, 200, 0), np.uint8)

    explanation = load_model(method).explain(image.encode_png(even), label="red")

    assert not explanation.heat.any()
    assert explanation.overlay().shape == (360, 480, 3)


def test_it_gives_the_answer_that_a_prediction_gives(load_model: Load, tmp_path: Path) -> None:
    classifier = load_model(unknown_threshold=0.9)
    (tmp_path / "a.png").write_bytes(image.encode_png(_spotted(50, 70, 20, 30)))

    explained, predicted = classifier.explain(tmp_path / "a.png").prediction, classifier.predict(tmp_path / "a.png")

    assert explained.probabilities == predicted.probabilities
    assert explained.image == predicted.image == str(tmp_path / "a.png")
    assert (explained.label, explained.best_label) == ("unknown", "red")


def test_faults_are_those_of_a_prediction(load_model: Load) -> None:
    classifier = load_model()

    with pytest.raises(ImageDecodeError, match="notes"):
        classifier.explain(b"these are notes", name="notes")
    with pytest.raises(ValueError, match="has no label 'pink'; it has red, green, blue"):
        classifier.explain(b"", label="pink")


def test_a_closed_classifier_explains_nothing(load_model: Load) -> None:
    encoded = image.encode_png(_spotted(30, 30, 10, 10))
    with load_model() as classifier:
        classifier.explain(encoded)

    with pytest.raises(ClosedError):
        classifier.explain(encoded)


def test_a_model_file_that_was_replaced_meanwhile_is_not_taken_for_the_old_one(load_model: Load) -> None:
    encoded = image.encode_png(_spotted(30, 30, 10, 10))
    classifier = load_model()
    load_model(name="another")

    with pytest.raises(ModelFileError, match="another model has taken its place since it was opened"):
        classifier.explain(encoded)

    assert classifier.predict_bytes(encoded).label == "red"


def test_many_threads_may_explain_at_once(load_model: Load) -> None:
    images = [image.encode_png(_spotted(40, 60, 4 + 4 * index, 10 + 5 * index)) for index in range(8)]
    alone = [load_model().explain(data).heat for data in images]
    classifier = load_model()

    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda data: classifier.explain(data).heat, images))

    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("size", "shown"), [((300, 600), (300, 600)), ((900, 1800), (640, 1280)), ((10, 40), (120, 480))]
)
def test_overlays_have_a_size_to_look_at(load_model: Load, size: tuple[int, int], shown: tuple[int, int]) -> None:
    explanation = load_model().explain(image.encode_png(_spotted(*size, size[0] // 2, size[1] // 2)))

    assert explanation.overlay().shape == (*shown, 3)
    assert image.decode(explanation.overlay_png(max_side=100)).shape[1] == 100


def test_the_overlay_is_lightest_at_the_peak_and_dark_where_the_model_does_not_look(load_model: Load) -> None:
    explanation = load_model(fit=Fit.CROP).explain(image.encode_png(_spotted(500, 900, 150, 400)))

    overlay = explanation.overlay()

    light = overlay.astype(float).mean(axis=2)
    assert light[140:160, 390:410].mean() > 130
    assert light[400:, 300:600].mean() == pytest.approx(GRAY[0], abs=8)  # no heat: the image as it is
    assert light[:, :190].mean() == pytest.approx(0.4 * GRAY[0], abs=3)
