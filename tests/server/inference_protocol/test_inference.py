"""From request to answer, over a network whose answers are known."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from familiar_model import DARK_RED, GREY, familiarity_of
from tiny_model import TINY_SPEC, tiny_answer

import edgecls
from edgecls import Classifier, image
from edgecls.errors import ImageTooLargeError
from edgecls.image_limits import ImageLimits
from edgecls.server.http.messages import Refusal
from edgecls.server.inference_protocol.inference import Inference, infer
from edgecls.server.inference_protocol.metadata import model_config, model_metadata
from edgecls.server.models.served_model import ServedModel

PIXELS = np.random.default_rng(5).integers(0, 256, (3, *TINY_SPEC.shape_hwc), dtype=np.uint8)


def _infer(classifier: Classifier, document: dict[str, Any], binary: bytes = b"") -> Inference:
    head = json.dumps(document).encode()
    model = ServedModel("colors", Path("colors.onnx"), "", classifier)
    return infer(model, head + binary, str(len(head)) if binary else None, queue_ns=5, began_ns=0)


def _outputs(done: Inference) -> dict[str, Any]:
    return {output["name"]: output for output in json.loads(done.body.data)["outputs"]}


def _pixels(data: Any, shape: tuple[int, ...] = PIXELS.shape, **more: Any) -> dict[str, Any]:
    return {"inputs": [{"name": "image", "datatype": "UINT8", "shape": list(shape), "data": data}], **more}


def _elements(*images: bytes) -> tuple[dict[str, Any], bytes]:
    binary = b"".join(len(data).to_bytes(4, "little") + data for data in images)
    parameters = {"binary_data_size": len(binary)}
    shape = [len(images)]
    return {"inputs": [{"name": "image", "datatype": "BYTES", "shape": shape, "parameters": parameters}]}, binary


def test_probabilities_and_labels_come_without_being_asked_for(tiny_classifier: Classifier) -> None:
    done = _infer(tiny_classifier, _pixels(PIXELS.tolist(), id="seven"))

    document = json.loads(done.body.data)
    assert (document["model_name"], document["model_version"], document["id"]) == ("colors", "1", "seven")
    probabilities, label = document["outputs"]
    assert (probabilities["name"], probabilities["datatype"], probabilities["shape"]) == (
        "probabilities",
        "FP32",
        [3, 3],
    )
    np.testing.assert_allclose(np.reshape(probabilities["data"], (3, 3)), tiny_answer(PIXELS), atol=1e-5)
    assert (label["name"], label["datatype"], label["shape"]) == ("label", "BYTES", [3, 1])
    assert label["data"] == [["red", "green", "blue"][row.argmax()] for row in tiny_answer(PIXELS)]
    assert done.body.json_length is None
    assert [prediction.image for prediction in done.predictions] == ["image"] * 3
    assert done.times.queue_ns == 5
    assert min(done.times.input_ns, done.times.infer_ns, done.times.output_ns) > 0


def test_encoded_images_of_any_size_get_the_answers_of_the_classifier(tiny_classifier: Classifier) -> None:
    rng = np.random.default_rng(6)
    images = [image.encode_png(rng.integers(0, 256, size, dtype=np.uint8)) for size in [(9, 20, 3), (30, 8, 1)]]

    done = _infer(tiny_classifier, *_elements(*images))

    expected = [tiny_classifier.predict_bytes(data).probabilities for data in images]
    np.testing.assert_allclose(np.reshape(_outputs(done)["probabilities"]["data"], (2, 3)), expected, atol=1e-6)


def test_binary_outputs_follow_the_json_in_their_order(tiny_classifier: Classifier) -> None:
    wanted = [{"name": "label"}, {"name": "probabilities"}]

    body = _infer(
        tiny_classifier, _pixels(PIXELS.tolist(), outputs=wanted, parameters={"binary_data_output": True})
    ).body

    assert body.json_length is not None
    label, probabilities = json.loads(body.data[: body.json_length])["outputs"]
    binary = body.data[body.json_length :]
    size = label["parameters"]["binary_data_size"]
    assert probabilities["parameters"]["binary_data_size"] == 36
    assert len(binary) == size + 36
    np.testing.assert_allclose(np.frombuffer(binary[size:], "<f4").reshape(3, 3), tiny_answer(PIXELS), atol=1e-5)


def test_classification_gives_the_best_classes_with_probability_index_and_label(tiny_classifier: Classifier) -> None:
    green = np.full((1, 8, 8, 3), (0, 200, 20), np.uint8)
    wanted = [{"name": "probabilities", "parameters": {"classification": 2}}]

    output = _outputs(_infer(tiny_classifier, _pixels(green.tolist(), green.shape, outputs=wanted)))["probabilities"]

    assert (output["datatype"], output["shape"]) == ("BYTES", [1, 2])
    row = tiny_answer(green)[0]
    assert output["data"] == [f"{row[1]:f}:1:green", f"{row[2]:f}:2:blue"]


def test_more_classes_than_there_are_labels_are_all_labels(tiny_classifier: Classifier) -> None:
    wanted = [{"name": "probabilities", "parameters": {"classification": 10**9}}]

    assert _outputs(_infer(tiny_classifier, _pixels(PIXELS.tolist(), outputs=wanted)))["probabilities"]["shape"] == [
        3,
        3,
    ]


def test_unsure_answers_have_the_label_unknown(tiny_model_path: Path) -> None:
    strict = edgecls.load(tiny_model_path, "cpu", unknown_threshold=0.9)
    red_and_grey = np.full((2, 8, 8, 3), 100, np.uint8)
    red_and_grey[0] = (250, 0, 0)

    done = _infer(strict, _pixels(red_and_grey.ravel().tolist(), red_and_grey.shape))

    assert _outputs(done)["label"]["data"] == ["red", "unknown"]


def test_familiarity_and_features_come_only_if_they_are_asked_for(familiar_model_path: Path) -> None:
    classifier = edgecls.load(familiar_model_path, "cpu")
    colors = np.array([DARK_RED, GREY], np.uint8)
    batch = np.repeat(colors, 64, axis=0).reshape(2, 8, 8, 3)

    plain = _outputs(_infer(classifier, _pixels(batch.tolist(), batch.shape)))
    names = ("features", "label", "familiarity")
    wanted = [{"name": name} for name in names]
    asked = _outputs(_infer(classifier, _pixels(batch.tolist(), batch.shape, outputs=wanted)))

    assert list(plain) == ["probabilities", "label"]
    assert plain["label"]["data"] == ["red", "unknown"]
    assert tuple(asked) == names
    assert [(output["datatype"], output["shape"]) for output in asked.values()] == [
        ("FP32", [2, 3]),
        ("BYTES", [2, 1]),
        ("FP32", [2, 1]),
    ]
    np.testing.assert_allclose(asked["features"]["data"], colors.ravel(), atol=1e-3)
    np.testing.assert_allclose(asked["familiarity"]["data"], familiarity_of(batch), atol=1e-5)


def test_the_metadata_lists_all_that_may_be_asked_for(tiny_classifier: Classifier, familiar_model_path: Path) -> None:
    def listed(classifier: Classifier) -> list[tuple[str, list[int]]]:
        outputs = model_metadata("colors", classifier)["outputs"]
        configured = model_config("colors", classifier)["output"]
        assert [output["name"] for output in configured] == [output["name"] for output in outputs]
        assert [output["dims"] for output in configured] == [output["shape"][1:] for output in outputs]
        return [(output["name"], output["shape"]) for output in outputs]

    always = [("probabilities", [-1, 3]), ("label", [-1, 1])]
    assert listed(tiny_classifier) == always
    assert listed(edgecls.load(familiar_model_path, "cpu")) == [
        *always,
        ("familiarity", [-1, 1]),
        ("features", [-1, 3]),
    ]


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"name": "pixels"}, "no input 'pixels'; its only input is 'image'"),
        ({"datatype": "FP32"}, r"takes UINT8 \(pixels\) or BYTES \(encoded images\), got 'FP32'"),
        ({"shape": [8, 8, 3]}, r"must have the shape \[N, 8, 8, 3\] with N from 1 to 64, got \[8, 8, 3\]"),
        ({"shape": [1, 3, 8, 8]}, r"must have the shape \[N, 8, 8, 3\]"),
        ({"shape": [65, 8, 8, 3]}, "with N from 1 to 64"),
        ({"datatype": "BYTES", "shape": [65]}, r"must have the shape \[N\] with N from 1 to 64"),
        ({"datatype": "BYTES", "shape": [1, 2]}, r"must have the shape \[N\]"),
    ],
)
def test_an_input_that_is_not_the_models_is_refused(
    tiny_classifier: Classifier, document: dict[str, Any], message: str
) -> None:
    sent = {"name": "image", "datatype": "UINT8", "shape": [1, 8, 8, 3], "data": [], **document}

    with pytest.raises(Refusal, match=message) as caught:
        _infer(tiny_classifier, {"inputs": [sent]})
    assert caught.value.status == 400


@pytest.mark.parametrize(
    ("outputs", "message"),
    [
        ([{"name": "logits"}], "no output 'logits'; its outputs are 'probabilities' and 'label'"),
        ([{"name": "familiarity"}], "no output 'familiarity'; its outputs are 'probabilities' and 'label'"),
        ([{"name": "features"}], "no output 'features'"),
        ([{"name": "label", "parameters": {"classification": 1}}], "classification is for 'probabilities'"),
    ],
)
def test_an_output_that_is_not_the_models_is_refused_before_any_work(
    tiny_classifier: Classifier, outputs: list[Any], message: str
) -> None:
    with pytest.raises(Refusal, match=message):
        _infer(tiny_classifier, _pixels("not looked at", outputs=outputs))


def test_an_element_that_is_no_image_is_named(tiny_classifier: Classifier) -> None:
    good = image.encode_png(np.zeros((8, 8, 3), np.uint8))

    with pytest.raises(Refusal, match=r"cannot read 'image\[1\]'") as caught:
        _infer(tiny_classifier, *_elements(good, b"text"))
    assert caught.value.status == 400


def test_the_models_limits_on_images_hold(tiny_model_path: Path) -> None:
    small = edgecls.load(tiny_model_path, "cpu", limits=ImageLimits(max_pixels=99))

    with pytest.raises(ImageTooLargeError, match=r"'image\[0\]'"):
        _infer(small, *_elements(image.encode_png(np.zeros((10, 10, 3), np.uint8))))
