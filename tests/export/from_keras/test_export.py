"""Exporting real Keras networks, edgecls's own and foreign ones."""

import re
from pathlib import Path

import keras
import numpy as np
import onnx
import pytest
from click.testing import CliRunner, Result
from image_folders import write_class_folders
from tiny_model import tiny_card, tiny_golden

import edgecls
from edgecls import modelfile
from edgecls.cli import main
from edgecls.errors import ExportError, ParityError
from edgecls.export.from_keras.export import export_float32, golden_from
from edgecls.export.from_keras.file import load_keras, read_embedded_card, save_keras
from edgecls.image_spec import Color, Fit, ImageSpec
from edgecls.model_card import ModelCard
from edgecls.models import build_model
from edgecls.runtime.execution.providers import Provider
from edgecls.runtime.session import open_session

LABELS = ("红 roses", "绿 grass", "蓝 sky")


def _card_for(model: keras.Model, spec: ImageSpec) -> ModelCard:
    images = np.random.default_rng(4).integers(0, 256, (2, *spec.shape_hwc), dtype=np.uint8)
    return tiny_card(
        labels=LABELS,
        image=spec,
        architecture=model.name,
        golden=golden_from(model, {"a": images[0], "b": images[1]}),
    )


@pytest.mark.parametrize("color", list(Color))
def test_a_network_answers_in_onnxruntime_as_in_keras(color: Color, tmp_path: Path) -> None:
    spec = ImageSpec(32, 48, color, Fit.PAD)
    keras.utils.set_random_seed(0)
    model = build_model("simple_cnn", num_classes=3, spec=spec)

    export = export_float32(model, _card_for(model, spec))
    (tmp_path / "m.onnx").write_bytes(export.onnx)

    classifier = edgecls.load(tmp_path / "m.onnx", "cpu")
    batch = np.random.default_rng(9).integers(0, 256, (5, *spec.shape_hwc), dtype=np.uint8)  # unlike at export
    # Sums run in another order in onnxruntime; seen: 2e-7 at most.
    np.testing.assert_allclose(classifier.probabilities(batch), model.predict(batch, verbose=0), rtol=0, atol=2e-5)
    assert all(result.passed for result in classifier.verify())
    assert export.parity.difference < 2e-5
    assert {"edgecls", "keras", "tensorflow", "tf2onnx", "onnxruntime"} <= set(classifier.card.versions)


def test_the_graph_has_the_promised_ends_and_a_free_batch(tmp_path: Path) -> None:
    spec = ImageSpec(32, 32)
    model = build_model("simple_cnn", num_classes=3, spec=spec)

    graph = onnx.load_from_string(export_float32(model, _card_for(model, spec)).onnx).graph

    (taken,), (given,) = graph.input, graph.output
    assert (taken.name, given.name) == ("image", "probabilities")
    assert taken.type.tensor_type.elem_type == onnx.TensorProto.UINT8
    assert [dim.dim_value or dim.dim_param for dim in taken.type.tensor_type.shape.dim] == ["N", 32, 32, 3]
    assert [dim.dim_value or dim.dim_param for dim in given.type.tensor_type.shape.dim] == ["N", 3]
    assert taken.type.denotation == "IMAGE"


def test_a_network_that_averages_says_how_much_each_place_speaks_for_each_label(tmp_path: Path) -> None:
    spec = ImageSpec(32, 48)
    keras.utils.set_random_seed(0)
    model = build_model("simple_cnn", num_classes=3, spec=spec, head="average", hidden_units=0)
    pixels = np.random.default_rng(9).integers(0, 256, spec.shape_hwc, dtype=np.uint8)
    head = model.get_layer("head_average")
    feature_map = keras.Model(model.input, head.input).predict(pixels[np.newaxis], verbose=0)
    expected = feature_map @ model.get_layer("head_logits").kernel.numpy()

    onnx_bytes = export_float32(model, _card_for(model, spec)).onnx

    graph = onnx.load_from_string(onnx_bytes).graph
    assert [value.name for value in graph.output] == ["probabilities", "class_activation"]
    shape = graph.output[1].type.tensor_type.shape.dim
    assert [dim.dim_value or dim.dim_param for dim in shape] == ["N", *expected.shape[1:3], 3]
    card = modelfile.model_from_bytes(onnx_bytes, name="m.onnx").card
    session = open_session(
        modelfile.ModelFile("m.onnx", card, onnx_bytes), Provider.CPU, intra_op_threads=1, class_activation=True
    )
    np.testing.assert_allclose(session.run_explained(pixels)[1], expected, atol=2e-5)


def test_a_network_that_differs_does_not_leave_the_house() -> None:
    spec = ImageSpec(32, 32)
    model = build_model("simple_cnn", num_classes=3, spec=spec)

    with pytest.raises(ParityError, match="does not answer like the original: largest difference"):
        export_float32(model, _card_for(model, spec), max_difference=0)


def test_another_input_than_the_cards_is_refused() -> None:
    model = build_model("simple_cnn", num_classes=3, spec=ImageSpec(32, 32))

    with pytest.raises(ExportError, match=r"must take one uint8 image of shape \(32, 48, 3\)"):
        export_float32(model, tiny_card(image=ImageSpec(32, 48), golden=tiny_golden()))


def test_a_keras_file_carries_its_card(tmp_path: Path) -> None:
    spec = ImageSpec(32, 32)
    model = build_model("simple_cnn", num_classes=3, spec=spec)
    card = _card_for(model, spec)

    save_keras(tmp_path / "m.keras", model, card)

    assert read_embedded_card(tmp_path / "m.keras") == card
    images = np.zeros((1, 32, 32, 3), np.uint8)
    np.testing.assert_array_equal(load_keras(tmp_path / "m.keras")(images), model(images))
    assert keras.models.load_model(tmp_path / "m.keras").count_params() == model.count_params()


@pytest.mark.parametrize("content", [b"", b"no zip archive", b"PK\x03\x04 half of one"])
def test_a_file_that_is_no_keras_file_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "m.keras").write_bytes(content)

    with pytest.raises(ExportError, match=r"cannot load .*m\.keras"):
        load_keras(tmp_path / "m.keras")


# The command, on files of others


def _export(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["export", *map(str, arguments)])


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_class_folders(tmp_path_factory.mktemp("samples"), per_label=4)


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    path = tmp_path / "elsewhere" / "labels.txt"
    path.parent.mkdir()
    path.write_text("\ufeff" + "\n".join(LABELS) + "\n\n", encoding="utf-8")
    return path


def _tutorial_model(
    path: Path, *, height: int | None = 24, activation: str | None = "softmax", outputs: int = 3
) -> Path:
    """The kind of network that tutorials train: floats in, scaling left to the caller."""
    model = keras.Sequential(
        [
            keras.Input((height, height, 3)),
            keras.layers.Conv2D(4, 3, activation="relu"),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(outputs, activation=activation),
        ],
        name="tutorial",
    )
    model.save(path)
    return path


@pytest.mark.parametrize(("low", "high"), [(0, 255), (0, 1), (-1, 1)])
def test_a_foreign_network_gets_its_scaling_into_the_file(
    tmp_path: Path, samples: Path, labels: Path, low: int, high: int
) -> None:
    source = _tutorial_model(tmp_path / "tutorial.keras")

    done = _export(
        source, "-o", tmp_path / "m.onnx", "--labels", labels, "--samples", samples, "--pixel-range", low, high
    )

    assert done.exit_code == 0, done.output
    classifier = edgecls.load(tmp_path / "m.onnx")
    assert classifier.card.labels == LABELS
    assert classifier.card.image == ImageSpec(24, 24, Color.RGB, Fit.STRETCH)
    assert len(classifier.card.golden.samples) == 8
    batch = np.random.default_rng(0).integers(0, 256, (3, 24, 24, 3), dtype=np.uint8)
    by_hand = keras.models.load_model(source).predict(low + batch.astype(np.float32) * (high - low) / 255, verbose=0)
    np.testing.assert_allclose(classifier.probabilities(batch), by_hand, atol=1e-5)


def test_a_network_of_any_size_gets_the_one_that_is_stated(tmp_path: Path, samples: Path, labels: Path) -> None:
    source = _tutorial_model(tmp_path / "tutorial.keras", height=None)
    usual = (source, "-o", tmp_path / "m.onnx", "--labels", labels, "--samples", samples, "--pixel-range", 0, 1)

    refused = _export(*usual)
    done = _export(*usual, "--image-size", "30x40", "--fit", "pad")

    assert (refused.exit_code, "--image-size" in refused.stderr) == (1, True)
    assert done.exit_code == 0, done.output
    assert modelfile.read_model(tmp_path / "m.onnx").card.image == ImageSpec(30, 40, Color.RGB, Fit.PAD)


@pytest.mark.parametrize(
    ("left_out", "message"),
    [
        ("--labels", r"does not say its labels; give them with --labels FILE"),
        ("--samples", r"no golden samples; give a folder .* with --samples DIR"),
        ("--pixel-range", r"does not say how pixels are scaled for it; .*--pixel-range"),
    ],
)
def test_what_a_foreign_file_does_not_say_is_asked_for(
    tmp_path: Path, samples: Path, labels: Path, left_out: str, message: str
) -> None:
    options: dict[str, tuple[object, ...]] = {
        "--labels": (labels,),
        "--samples": (samples,),
        "--pixel-range": (0, 1),
    }
    del options[left_out]
    flags = [str(part) for option, values in options.items() for part in (option, *values)]

    done = _export(_tutorial_model(tmp_path / "tutorial.keras"), "-o", tmp_path / "m.onnx", *flags)

    assert done.exit_code == 1
    assert re.search(message, done.stderr)
    assert not (tmp_path / "m.onnx").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"activation": None}, "end the network with a softmax"), ({"outputs": 4}, "4 outputs, but there are 3 labels")],
    ids=["logits", "more-outputs-than-labels"],
)
def test_a_network_that_is_no_classifier_of_these_labels_is_refused(
    tmp_path: Path, samples: Path, labels: Path, changes: dict[str, object], message: str
) -> None:
    source = _tutorial_model(tmp_path / "tutorial.keras", **changes)  # type: ignore[arg-type]

    done = _export(source, "-o", tmp_path / "m.onnx", "--labels", labels, "--samples", samples, "--pixel-range", 0, 1)

    assert done.exit_code == 1
    assert message in done.stderr
    assert not (tmp_path / "m.onnx").exists()


def test_the_gate_leaves_an_older_file_as_it_was(tmp_path: Path, samples: Path, labels: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(b"older")
    source = _tutorial_model(tmp_path / "tutorial.keras")

    done = _export(
        *(source, "-o", tmp_path / "m.onnx", "--labels", labels, "--samples", samples, "--pixel-range", 0, 1),
        *("--max-difference", 0),
    )

    assert done.exit_code == 1
    assert "largest difference" in done.stderr
    assert (tmp_path / "m.onnx").read_bytes() == b"older"


def test_labels_that_are_no_text_are_refused(tmp_path: Path, samples: Path) -> None:
    (tmp_path / "labels.txt").write_bytes("玫瑰\n草\n天\n".encode("gbk"))

    done = _export(
        *(_tutorial_model(tmp_path / "t.keras"), "-o", tmp_path / "m.onnx", "--samples", samples),
        *("--labels", tmp_path / "labels.txt"),
    )

    assert done.exit_code == 1
    assert "save them as UTF-8" in done.stderr
