"""Comparing models: the same images for all, in turns."""

from pathlib import Path

import pytest
from color_folders import write_color_folders
from scipy.stats import binomtest
from tiny_model import TINY_SPEC, tiny_card, tiny_onnx

from edgecls import modelfile
from edgecls.dataset.formats.labelled_images import LabelledImages
from edgecls.dataset.formats.read import read_dataset
from edgecls.errors import ModelConfigError
from edgecls.evaluation.compare import Contender, compare, mcnemar_p_value, measure_latencies
from edgecls.evaluation.evaluate import evaluate
from edgecls.runtime.classifier import Classifier
from edgecls.runtime.opening import load


@pytest.fixture
def images(tmp_path: Path) -> LabelledImages:
    return read_dataset(write_color_folders(tmp_path / "data")).train


@pytest.fixture
def blind_to_blue(tmp_path: Path) -> Classifier:
    """A model with its labels in another order, which takes blue for green."""
    swapped = [[0, 1, 0], [1, 0, 0], [1, 0, 0]]  # rows are the colours, columns green, red, blue
    path = tmp_path / "blind.onnx"
    card = tiny_card(labels=("green", "red", "blue"), image=TINY_SPEC)
    path.write_bytes(modelfile.describe(tiny_onnx(matrix=swapped), card))
    return load(path, "cpu")


def test_models_are_measured_on_the_same_images(
    tiny_classifier: Classifier, blind_to_blue: Classifier, images: LabelledImages
) -> None:
    seen: list[tuple[str, int, int]] = []
    contenders = [Contender("good", tiny_classifier, 1000), Contender("blind", blind_to_blue, 900)]

    found = compare(contenders, images, workers=2, on_progress=lambda *progress: seen.append(progress))

    assert [evaluation.accuracy for evaluation in found.evaluations] == pytest.approx([8 / 9, 6 / 9])
    (parting,) = found.disagreements
    assert (parting.first, parting.only_first, parting.second, parting.only_second) == ("good", 2, "blind", 0)
    assert parting.p_value == 0.5
    assert all(0 < latency.median_ms <= latency.p95_ms for latency in found.latencies)
    assert (seen[0], seen[-1]) == (("good", 1, 9), ("blind", 9, 9))


@pytest.mark.parametrize(("first", "second"), [(0, 0), (2, 0), (10, 10), (5, 17), (400, 300), (3000, 2800)])
def test_the_p_value_is_that_of_the_exact_test(first: int, second: int) -> None:
    expected = binomtest(first, first + second).pvalue if first + second else 1.0

    assert mcnemar_p_value(first, second) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("names", [["a"], ["a", "b", "a"]], ids=["one", "alike"])
def test_too_few_models_or_names_alike_are_refused(
    tiny_classifier: Classifier, images: LabelledImages, names: list[str]
) -> None:
    with pytest.raises(ModelConfigError, match="at least two models with different names, got a"):
        compare([Contender(name, tiny_classifier, 1) for name in names], images, workers=1)


def test_an_image_that_vanished_is_not_timed(tiny_classifier: Classifier, images: LabelledImages) -> None:
    evaluation = evaluate(tiny_classifier, images, workers=1)
    evaluation.paths[4].unlink()

    (latency,) = measure_latencies([tiny_classifier], evaluation)

    assert latency.median_ms > 0
