"""Predictions as a table of pandas."""

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from familiar_model import DARK_RED, GREY, THRESHOLD, colored

import edgecls
from edgecls import LabelScore, RemoteOutcome, RemotePrediction


def test_a_row_for_each_outcome_with_the_columns_of_csv(tiny_classifier: edgecls.Classifier, images: Path) -> None:
    outcomes = tiny_classifier.predict_many([images / "red.png", images / "gone.png"])

    table = edgecls.to_dataframe(outcomes, top=2)

    further = ["label_2", "probability_2"]
    assert list(table) == [
        *("image", "label", "known", "probability", *further),
        *("best_label", "familiarity", "reason", "time_ms", "error"),
    ]
    assert table["label"].tolist()[0] == table["best_label"].tolist()[0] == "red"
    assert table["image"].tolist() == [str(images / "red.png"), str(images / "gone.png")]
    assert table["probability"].dtype == table["time_ms"].dtype == "float64"
    assert table["probability"].iloc[0] > table["probability_2"].iloc[0]
    assert table["known"].iloc[0]
    assert table[["label", "known", "probability", "time_ms"]].iloc[1].isna().all()
    assert table["error"].isna().tolist() == [True, False]
    assert "no such file" in table["error"].iloc[1]


def test_predictions_of_a_server_are_taken_too() -> None:
    remote = RemotePrediction("a.png", "unknown", False, 0.4, (LabelScore("x", 0.4), LabelScore("y", 0.3)), 1.5)

    table = edgecls.to_dataframe([remote, RemoteOutcome("b.png", edgecls.ImageError("damaged"))], top=3)

    assert table.iloc[0][["label", "best_label", "label_2", "time_ms"]].tolist() == ["unknown", "x", "y", 1.5]
    assert pd.isna(table["label_3"].iloc[0])
    assert table["error"].iloc[1] == "damaged"


def test_familiarity_and_the_reason_for_unknown_have_columns(familiar_model_path: Path) -> None:
    classifier = edgecls.load(familiar_model_path, "cpu")

    table = edgecls.to_dataframe([classifier.predict(colored(color)) for color in (DARK_RED, GREY)])

    assert table["known"].tolist() == [True, False]
    assert table["reason"].iloc[1] == "unlike"
    assert pd.isna(table["reason"].iloc[0])
    assert table["familiarity"].dtype == "float64"
    assert table["familiarity"].iloc[0] > THRESHOLD > table["familiarity"].iloc[1]


def test_one_prediction_and_none_are_tables_too(tiny_classifier: edgecls.Classifier, images: Path) -> None:
    one = edgecls.to_dataframe(tiny_classifier.predict(images / "red.png"))

    assert one["label"].tolist() == ["red"]
    assert list(edgecls.to_dataframe([])) == list(one)


def test_what_is_no_prediction_is_refused_shortly() -> None:
    with pytest.raises(TypeError, match=r"a table is made of predictions and outcomes, not of bytes$"):
        edgecls.to_dataframe([b"image" * 1000])  # type: ignore[list-item]
    with pytest.raises(ValueError, match="top must be at least 1"):
        edgecls.to_dataframe([], top=0)


def test_without_pandas_it_says_how_to_get_it() -> None:
    script = (
        "import sys\n"
        "sys.modules['pandas'] = None\n"
        "import edgecls\n"
        "try:\n"
        "    edgecls.to_dataframe([])\n"
        "except edgecls.EdgeclsError as error:\n"
        "    print(type(error).__name__, error)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert done.stdout.startswith("MissingExtraError")
    assert "pip install pandas" in done.stdout
