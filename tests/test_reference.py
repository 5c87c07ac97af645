"""What held-out images look like, as histograms in the document."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from tiny_model import tiny_card

from edgecls.errors import ModelFileError
from edgecls.modelfile import card_from_json, card_to_dict, read_model
from edgecls.reference import VALUES, reference_from, reference_of, reference_to_dict

SCHEMA = Path(__file__).parent.parent / "docs" / "reference" / "model-format.schema.json"


def _values(count: int, seed: int = 0) -> dict[str, Any]:
    chance = np.random.default_rng(seed)
    return {
        "probability": chance.beta(9, 1, count).tolist(),
        "familiarity": None,
        "brightness": chance.normal(100, 30, count).tolist(),
        "contrast": [7.0] * count,
        "side_ratio": chance.choice([0.75, 4 / 3, 1.5], count, p=[0.2, 0.5, 0.3]).tolist(),
    }


def test_bins_have_about_as_many_images_and_equal_values_stay_together() -> None:
    reference = reference_of(_values(200), [0, 1] * 100, labels=3)

    assert reference is not None
    found = reference.histograms
    assert set(found) == {"probability", "brightness", "contrast", "side_ratio"}
    assert len(found["brightness"].counts) == 10
    assert set(found["brightness"].counts) == {20}
    assert found["contrast"].edges == ()
    assert found["contrast"].counts == (200,)
    assert len(found["side_ratio"].counts) == 3
    assert found["side_ratio"].place(0.75) < found["side_ratio"].place(1.3333) < found["side_ratio"].place(1.5)
    assert (reference.labels.labels, reference.labels.counts) == ((0, 1, 2), (100, 100, 0, 0))


def test_bins_are_not_narrower_than_what_another_machine_may_change() -> None:
    values = [0.9999 + number * 1e-7 for number in range(100)] + [0.5 + number / 300 for number in range(100)]
    reference = reference_of({"probability": values}, [0] * 200, labels=2)

    assert reference is not None
    edges = np.array(reference.histograms["probability"].edges)
    assert np.diff(edges).min() >= VALUES["probability"]


def test_few_images_make_no_reference() -> None:
    assert reference_of(_values(19), [0] * 19, labels=2) is None
    assert reference_of(_values(20), [0] * 20, labels=2) is not None


def test_it_takes_less_than_three_kilobytes_with_any_number_of_labels() -> None:
    chance = np.random.default_rng(0)
    values = {name: chance.normal(12345, 3000, 50_000).tolist() for name in VALUES}
    reference = reference_of(values, chance.integers(0, 100_000, 50_000).tolist(), labels=100_000)

    assert reference is not None
    assert len(json.dumps(reference_to_dict(reference))) < 3000
    assert sum(reference.labels.counts) == 50_000
    assert reference.labels.place(reference.labels.labels[3]) == 3
    assert reference.labels.place(100_001) == len(reference.labels.labels)


def test_a_document_with_it_is_valid_and_read_back_the_same(referenced_model_path: Path) -> None:
    card = read_model(referenced_model_path).card
    document = card_to_dict(card)

    assert card.reference is not None
    jsonschema.validate({**document, "network_sha256": "0" * 64}, json.loads(SCHEMA.read_text(encoding="utf-8")))
    assert set(document["reference"]["histograms"]) == set(VALUES)
    assert card_from_json(json.dumps(document)) == card
    document["reference"]["histograms"]["mood"] = {"of": "a later version"}
    assert card_from_json(json.dumps(document)) == card


def test_a_document_without_it_is_as_before() -> None:
    document = card_to_dict(tiny_card())

    assert "reference" not in document
    assert card_from_json(json.dumps(document)).reference is None


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("images",), "many"),
        (("images",), 3),
        (("histograms",), None),
        (("histograms", "brightness"), []),
        (("histograms", "brightness", "edges"), [3, 2]),
        (("histograms", "brightness", "edges"), list(range(101))),
        (("histograms", "brightness", "edges"), ["dark"]),
        (("histograms", "brightness", "counts"), [1]),
        (("histograms", "brightness", "counts"), None),
        (("labels", "labels"), [0, 0]),
        (("labels", "counts"), [-1, 2, 3]),
        (("labels", "counts"), [1.5, 2, 3]),
        (("labels",), 7),
    ],
)
def test_a_damaged_one_is_refused(place: tuple[str, ...], value: Any) -> None:
    reference = reference_of(_values(40), [0, 1] * 20, labels=2)
    assert reference is not None
    document = json.loads(json.dumps(reference_to_dict(reference)))
    inner = document
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value

    with pytest.raises(ModelFileError):
        reference_from(document)


def test_labels_that_the_model_does_not_have_are_refused() -> None:
    reference = reference_of(_values(40), [0, 3] * 20, labels=4)

    with pytest.raises(ModelFileError, match="labels that the model does not have"):
        replace(tiny_card(), reference=reference)
