"""Model files: what is written is read back, what is damaged or untrue is refused with its reason."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from tiny_model import TINY_LABELS, tiny_card, tiny_golden, tiny_model_bytes, tiny_onnx

from edgecls import modelfile, onnx_container
from edgecls.commands.options import BUNDLED_MODEL
from edgecls.errors import ModelFileError, ModelFormatError, OutputError
from edgecls.image_spec import Color, Fit, ImageSpec
from edgecls.model_card import DatasetFacts, Familiarity, FamiliarityLevel, Golden, GoldenSample
from edgecls.reference import Histogram, LabelCounts, Reference

SCHEMA = json.loads((Path(__file__).parent.parent / "docs" / "reference" / "model-format.schema.json").read_text())


def _document(onnx: bytes) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(onnx_container.read_properties(onnx)["edgecls"])
    return document


def _with_document(document: dict[str, Any] | str) -> bytes:
    text = document if isinstance(document, str) else json.dumps(document)
    return onnx_container.with_properties(tiny_onnx(), {"edgecls": text})


def _full_card() -> Any:
    return tiny_card(
        name="交通标志",
        labels=("限速 30", "停车", "让行🐱"),
        metrics={"validation_accuracy": 0.9375, "best_epoch": 7},
        training={"epochs": 20, "augment": True, "weights": "none", "learning_rate": 1e-3},
        dataset=DatasetFacts("ab" * 32, 90, 10, {"限速 30": 50, "停车": 25, "让行🐱": 25}),
        versions={"keras": "3.15.1"},
        created="2026-11-21T08:00:00+00:00",
        temperature=1.25,
        unknown_threshold=0.6,
        reference=Reference(20, {"brightness": Histogram((98.5,), (12, 8))}, LabelCounts((0, 2), (9, 11, 0))),
        **_familiar(),
    )


def _familiar() -> dict[str, Any]:
    """Return the fields of a card that judges familiarity."""
    golden = tiny_golden()
    samples = tuple(replace(sample, familiarity=0.5 + index / 8) for index, sample in enumerate(golden.samples))
    levels = (FamiliarityLevel(0.9, 0.875), FamiliarityLevel(0.98, 0.75), FamiliarityLevel(0.99, 0.75))
    return {
        "familiarity": Familiarity(threshold=0.75, accepted=0.9875, held_out=80, levels=levels),
        "golden": replace(golden, samples=samples, familiarity_tolerance=0.01),
    }


def test_a_card_comes_back_as_it_was_written(tmp_path: Path) -> None:
    card = _full_card()
    path = tmp_path / "模型.onnx"

    modelfile.write_model(path, tiny_onnx(), card)

    assert modelfile.read_model(path).card == card


@pytest.mark.parametrize("onnx", [tiny_model_bytes(), BUNDLED_MODEL.read_bytes()], ids=["tiny", "bundled"])
def test_real_files_follow_the_published_schema(onnx: bytes) -> None:
    jsonschema.validate(_document(onnx), SCHEMA, format_checker=jsonschema.FormatChecker())


def test_the_schema_covers_every_field_of_a_full_card() -> None:
    document = _document(modelfile.describe(tiny_onnx(), _full_card()))

    jsonschema.validate(document, SCHEMA, format_checker=jsonschema.FormatChecker())
    assert set(document) == set(SCHEMA["properties"])


@pytest.mark.parametrize(("color", "pixel_format"), [(Color.RGB, "Rgb8"), (Color.GRAY, "Gray8")])
def test_the_keys_of_the_onnx_standard_are_set(color: Color, pixel_format: str) -> None:
    card = tiny_card(image=ImageSpec(8, 8, color, Fit.PAD))

    properties = onnx_container.read_properties(modelfile.describe(tiny_onnx(), card))

    del properties["edgecls"]
    assert properties == {
        "Image.BitmapPixelFormat": pixel_format,
        "Image.ColorSpaceGamma": "SRGB",
        "Image.NominalPixelRange": "NominalRange_0_255",
    }


def test_a_newer_format_is_refused_with_what_to_do() -> None:
    document = {**_document(tiny_model_bytes()), "format": 2}

    with pytest.raises(ModelFormatError, match=r"'new\.onnx'.*format 2.*up to format 1.*pip install --upgrade edgecls"):
        modelfile.model_from_bytes(_with_document(document), name="new.onnx")


def test_keys_that_later_versions_may_add_are_passed_over() -> None:
    document = {**_document(tiny_model_bytes()), "a later fact": [1, 2]}

    assert modelfile.model_from_bytes(_with_document(document), name="m.onnx").card == tiny_card()


def test_a_network_under_another_document_is_refused() -> None:
    foreign = tiny_onnx(matrix=[[0, 1, 0], [1, 0, 0], [0, 0, 1]])
    text = onnx_container.read_properties(tiny_model_bytes())["edgecls"]

    with pytest.raises(ModelFileError, match="its network is not the one its document describes"):
        modelfile.model_from_bytes(onnx_container.with_properties(foreign, {"edgecls": text}), name="m.onnx")


@pytest.mark.parametrize("part", [0.1, 0.5, 0.9])
def test_a_file_cut_short_is_refused(tmp_path: Path, part: float) -> None:
    whole = tiny_model_bytes()
    path = tmp_path / "half.onnx"
    path.write_bytes(whole[: int(part * len(whole))])

    with pytest.raises(ModelFileError, match=r"half\.onnx.*(cut short|does not describe itself|no network)"):
        modelfile.read_model(path)


@pytest.mark.parametrize(
    ("onnx", "message"),
    [
        (b"", "it holds no network"),
        (b"this is a text file, not a model", "it is not an ONNX file|cut short"),
        (tiny_onnx(), "it does not describe itself.*edgecls train"),
        (_with_document("{not json"), "its document is not JSON"),
        (_with_document("[1, 2]"), "its document is not a JSON object"),
        (_with_document({}), "its document has no format number"),
        (_with_document({"format": True}), "its document has no format number"),
        (_with_document({"format": 0}), "its document has no format number"),
    ],
    ids=["empty", "text", "plain-onnx", "no-json", "no-object", "no-format", "format-true", "format-0"],
)
def test_what_is_no_model_file_is_refused_with_its_reason(onnx: bytes, message: str) -> None:
    with pytest.raises(ModelFileError, match=message) as caught:
        modelfile.model_from_bytes(onnx, name="thing.onnx")
    assert "'thing.onnx'" in str(caught.value)


_NAN = float("nan")


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (("labels",), ["red", "green"], "3 probabilities for 2 labels"),
        (("labels",), ["red", "green", "green"], "labels must differ"),
        (("labels",), ["red", "green", ""], "a label must be a text on one line"),
        (("labels",), ["red", "green", "blue\nline"], "a label must be a text on one line"),
        (("labels",), ["red", "green", 3], "a label must be a text on one line"),
        (("labels",), ["one"], "2 to 100000 labels, got 1"),
        (("labels",), "red", "labels is of the wrong type"),
        (("name",), "", "name must be a text"),
        (("image", "height"), 0, "image height must be"),
        (("image", "height"), 10**9, "image height must be"),
        (("image", "height"), "8", "image.height is of the wrong type"),
        (("image", "width"), True, "image.width is of the wrong type"),
        (("image", "color"), "bgr", "image color must be one of rgb, gray"),
        (("image", "fit"), "squash", "image fit must be one of stretch, crop, pad"),
        (("temperature",), 0, "temperature must be a number above 0"),
        (("unknown_threshold",), 0, "unknown_threshold must be a number above 0 and below 1"),
        (("unknown_threshold",), 1, "unknown_threshold must be a number above 0 and below 1"),
        (("unknown_threshold",), "0.5", "unknown_threshold must be a number above 0 and below 1"),
        (("metrics",), {"accuracy": "high"}, "metrics must be numbers"),
        (("golden", "tolerance"), 0, "tolerance must be above 0"),
        (("golden", "tolerance"), _NAN, "tolerance must be above 0"),
        (("golden", "samples"), [], "at least one golden sample"),
        (("golden", "samples"), ["png"], "a golden sample must be an object"),
        (("golden", "samples", 0, "png"), "not base64!", "is not base64"),
        (("golden", "samples", 0, "probabilities"), [0.5, 0.5], "2 probabilities for 3 labels"),
        (("golden", "samples", 0, "probabilities"), [0.5, 0.5, 0.5], "sum to 1.5 instead of 1"),
        (("golden", "samples", 0, "probabilities"), [2, -1, 0], "not all probabilities"),
        (("golden", "samples", 0, "probabilities"), [_NAN, 0.5, 0.5], "not all probabilities"),
        (("dataset",), {"sha256": "xyz", "train_images": 1, "validation_images": 1, "images_per_label": {}}, "SHA-256"),
        (("dataset",), [], "dataset must be an object"),
    ],
)
def test_an_untrue_field_is_refused_by_name(place: tuple[str | int, ...], value: object, message: str) -> None:
    document = _document(tiny_model_bytes())
    inner: Any = document
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value

    with pytest.raises(ModelFileError, match=message):
        modelfile.model_from_bytes(_with_document(document), name="m.onnx")


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (("familiarity",), 0.75, "familiarity must be an object"),
        (("familiarity",), None, "familiarity takes golden samples with a familiarity"),
        (("familiarity",), {}, "familiarity.levels is missing"),
        (("familiarity", "threshold"), "high", "familiarity.threshold is of the wrong type"),
        (("familiarity", "threshold"), _NAN, "familiarity threshold must be a number"),
        (("familiarity", "accepted"), 98, "accepted proportion of familiarity must be from 0 to 1"),
        (("familiarity", "held_out"), 0, "held_out must be a number of images"),
        (("familiarity", "held_out"), 9.5, "familiarity.held_out is of the wrong type"),
        (("familiarity", "levels", 0), 0.9, "a familiarity level must be an object"),
        (("familiarity", "levels", 0, "accepted"), 1, "accepted proportion of a familiarity level must be above 0"),
        (("familiarity", "levels", 0, "accepted"), 0.985, "familiarity levels must be in the order"),
        (("familiarity", "levels", 0, "threshold"), 0.5, "familiarity levels must be in the order"),
        (("familiarity", "levels", 0, "threshold"), True, "a level.threshold is of the wrong type"),
        (("golden", "familiarity_tolerance"), 0, "golden familiarity_tolerance must be above 0"),
        (("golden", "familiarity_tolerance"), None, "either all golden samples and the golden familiarity_tolerance"),
        (("golden", "samples", 1, "familiarity"), None, "either all golden samples"),
        (("golden", "samples", 1, "familiarity"), "much", "familiarity must be a number"),
        (("labels",), ["red", "unknown", "blue"], "label 'unknown' cannot have"),
    ],
)
def test_untrue_facts_about_familiarity_are_refused_by_name(
    place: tuple[str | int, ...], value: object, message: str
) -> None:
    document = _document(tiny_model_bytes(**_familiar()))
    inner: Any = document
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value

    with pytest.raises(ModelFileError, match=message):
        modelfile.model_from_bytes(_with_document(document), name="m.onnx")


def test_familiarity_may_hold_keys_that_later_versions_add() -> None:
    document = _document(tiny_model_bytes(**_familiar()))
    document["familiarity"]["a later fact"] = 1
    document["familiarity"]["levels"][0]["another"] = 2

    assert modelfile.model_from_bytes(_with_document(document), name="m.onnx").card == tiny_card(**_familiar())


@pytest.mark.parametrize("key", sorted(set(SCHEMA["required"]) - {"format", "network_sha256"}))
def test_a_missing_field_is_refused_by_name(key: str) -> None:
    document = _document(tiny_model_bytes())
    del document[key]

    with pytest.raises(ModelFileError, match=re.escape(f"{key} is missing")):
        modelfile.model_from_bytes(_with_document(document), name="m.onnx")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match=r"nothing\.onnx.*no such file"):
        modelfile.read_model(tmp_path / "nothing.onnx")


def test_a_folder_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="cannot open model"):
        modelfile.read_model(tmp_path)


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"no folder"):
        modelfile.write_model(tmp_path / "no folder" / "m.onnx", tiny_onnx(), tiny_card())


def test_a_card_inside_another_file_is_read_without_a_network() -> None:
    text = json.dumps(modelfile.card_to_dict(_full_card()))

    assert modelfile.card_from_json(text) == _full_card()


def test_records_refuse_values_that_no_file_may_hold() -> None:
    sample = tiny_golden().samples[0]
    with pytest.raises(ModelFileError, match="tolerance"):
        Golden(2.0, (sample,))
    with pytest.raises(ModelFileError, match="not all probabilities"):
        GoldenSample("x", b"", (1.5, -0.5))
    with pytest.raises(ModelFileError, match="4 labels"):
        tiny_card(labels=(*TINY_LABELS, "yellow"))


def test_a_label_unknown_and_a_threshold_exclude_each_other() -> None:
    labels = ("red", "green", "unknown")

    assert tiny_card(labels=labels).unknown_threshold is None
    with pytest.raises(ModelFileError, match=r"label 'unknown' cannot have an unknown_threshold.*rename the label"):
        tiny_card(labels=labels, unknown_threshold=0.5)
