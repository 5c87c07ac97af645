"""Heads: what they compute, what they refuse."""

import keras
import numpy as np
import pytest

from edgecls.errors import ModelConfigError
from edgecls.image_spec import ImageSpec
from edgecls.models import HEAD_PREFIX, Head, build_model, get_architecture, head_names
from edgecls.models.heads import attach_head


def _pooled(head: str) -> np.ndarray:
    """Return what a head makes of one map, 2x2 places with 2 channels, before the classification."""
    pixels = keras.Input((2, 2, 2), dtype="uint8", name="image")
    feature_map = keras.layers.Rescaling(1.0, name="scale")(pixels)
    model = attach_head(keras.Model(pixels, feature_map), Head(head, dropout=0), num_classes=2, name="net")
    before = keras.Model(model.input, model.get_layer(HEAD_PREFIX + "logits").input)
    return keras.ops.convert_to_numpy(before(np.array([[[[1, 10], [2, 20]], [[3, 30], [6, 60]]]], np.uint8)))[0]


AVERAGE, MAX, FLAT = [3, 30], [6, 60], [1, 10, 2, 20, 3, 30, 6, 60]


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        ("average", AVERAGE),
        ("max", MAX),
        ("average_max", AVERAGE + MAX),
        ("flatten", FLAT),
        ("max_average_flatten", MAX + AVERAGE + FLAT),
    ],
)
def test_the_map_becomes_a_vector(head: str, expected: list[float]) -> None:
    np.testing.assert_allclose(_pooled(head), expected)


@pytest.mark.parametrize("head", head_names())
@pytest.mark.parametrize("hidden_units", [0, 6])
def test_layers_of_the_head_are_known_by_their_names(head: str, hidden_units: int) -> None:
    spec = ImageSpec(16, 24)
    plain = build_model("gray_cnn", num_classes=2, spec=spec, head=head, hidden_units=hidden_units, dropout=0)
    dropping = build_model("gray_cnn", num_classes=2, spec=spec, head=head, hidden_units=hidden_units, dropout=0.3)

    names = [layer.name for layer in dropping.layers]
    assert names[: names.index("pool") + 1] == ["image", "scale", "conv1", "conv2", "pool"]
    assert names[-1] == "probabilities"
    assert all(name.startswith(HEAD_PREFIX) for name in names[names.index("pool") + 1 : -1])
    drops = [layer.rate for layer in dropping.layers if isinstance(layer, keras.layers.Dropout)]
    assert drops == [0.3] * (2 if hidden_units else 1)
    assert not any(isinstance(layer, keras.layers.Dropout) for layer in plain.layers)
    dense = [layer.units for layer in dropping.layers if isinstance(layer, keras.layers.Dense)]
    assert dense == ([hidden_units, 2] if hidden_units else [2])


def test_nasnet_has_the_head_of_three_poolings_and_half_of_it_drops_out() -> None:
    assert get_architecture("nasnet_mobile").head == Head("max_average_flatten", dropout=0.5)


def test_what_is_not_asked_for_stays() -> None:
    head = Head("flatten", dropout=0.4, hidden_units=7)

    assert head.changed() == head
    assert head.changed(name="max") == Head("max", 0.4, 7)
    assert head.changed(dropout=0.0, hidden_units=0) == Head("flatten", 0.0, 0)
    assert str(head) == "flatten, dense 7, dropout 0.4"
    assert str(Head()) == "average, dropout 0.2"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"head": "mean"}, "no head 'mean'; choose one of average, max, average_max, flatten, max_average_flatten"),
        ({"dropout": 1.0}, "dropout must be at least 0 and below 1, got 1.0"),
        ({"dropout": -0.1}, "dropout must be at least 0 and below 1, got -0.1"),
        ({"dropout": float("nan")}, "dropout must be at least 0 and below 1, got nan"),
        ({"hidden_units": -1}, "hidden units must be at least 0, got -1"),
        ({"num_classes": 1}, "at least 2 labels, got 1"),
    ],
)
def test_what_cannot_be_is_refused(settings: dict[str, object], message: str) -> None:
    usual: dict[str, object] = {"num_classes": 2, "spec": ImageSpec(32, 32)}
    with pytest.raises(ModelConfigError, match=message):
        build_model("simple_cnn", **{**usual, **settings})  # type: ignore[arg-type]


def test_a_layer_too_large_for_an_onnx_file_is_refused_before_memory_is_taken() -> None:
    with pytest.raises(ModelConfigError, match="from 16,257,024 features to 128 has more than 400,000,000 weights"):
        build_model("gray_cnn", num_classes=2, spec=ImageSpec(1012, 1012))
