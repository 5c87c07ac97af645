"""Files of labels in the forms that people have."""

import json
import re
from pathlib import Path

import pytest

from edgecls.errors import ExportError
from edgecls.export.labels_file import Duplicates, find_labels_next_to, read_labels

ROSES = ("rose", "郁金香", "sun flower")


def _written(folder: Path, content: str | bytes, name: str = "labels.txt") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
    return path


NUMBERED = {
    "teachable-machine": "0 rose\n1 郁金香\n2 sun flower\n",
    "without-end": "0 rose\n1 郁金香\n2 sun flower",
    "windows": "\ufeff0 rose\r\n1 郁金香\r\n2 sun flower\r\n",
    "utf-16": "0 rose\r\n1 郁金香\r\n2 sun flower\r\n".encode("utf-16"),
    "colon": "0: rose\n1: 郁金香\n2: sun flower\n",
    "colon-alone": "0:rose\n1:郁金香\n2:sun flower\n",
    "full-width": "0：rose\n1：郁金香\n2：sun flower\n",
    "comma": "0,rose\n1,郁金香\n2,sun flower\n",
    "header": "id,name\n0,rose\n1,郁金香\n2,sun flower\n",
    "tab": "0\trose\n1\t郁金香\n2\tsun flower\n",
    "point": "0. rose\n1. 郁金香\n2. sun flower\n",
    "dash": "0 - rose\n1 - 郁金香\n2 - sun flower\n",
    "zeros-in-front": "000 rose\n001 郁金香\n002 sun flower\n",
    "from-one": "1 rose\n2 郁金香\n3 sun flower\n",
    "empty-lines": "\n0 rose\n\n1 郁金香\n2 sun flower\n\n",
    "another-order": "2 sun flower\n0 rose\n1 郁金香\n",
    "numbers-last": "rose,0\n郁金香,1\nsun flower,2\n",
    "numbers-last-another-order": "sun flower: 2\nrose: 0\n郁金香: 1\n",
}


@pytest.mark.parametrize("content", NUMBERED.values(), ids=NUMBERED)
def test_numbers_of_outputs_are_no_part_of_labels(tmp_path: Path, content: str | bytes) -> None:
    read = read_labels(_written(tmp_path, content))

    assert read.labels == ROSES
    assert len(read.remarks) == 1
    assert "read as those of the outputs" in read.remarks[0]


KEPT = {
    "plain": ("rose\n郁金香\nsun flower\n", ROSES),
    "digits": ("0\n1\n2\n", ("0", "1", "2")),
    "speeds": ("20 km/h\n30 km/h\n50 km/h\n", ("20 km/h", "30 km/h", "50 km/h")),
    "coins": ("1 euro\n2 euro\n", ("1 euro", "2 euro")),
    "counts": ("1 person\n2 people\n", ("1 person", "2 people")),
    "one-number-missing": ("0 rose\n1 tulip\n3 daisy\n", ("0 rose", "1 tulip", "3 daisy")),
    "not-all-numbered": ("0 rose\ntulip\n", ("0 rose", "tulip")),
    "commas-inside": ("tench, Tinca tinca\ngoldfish\n", ("tench, Tinca tinca", "goldfish")),
    "brackets": ("[unknown]\nrose\n", ("[unknown]", "rose")),
}


@pytest.mark.parametrize(("content", "labels"), KEPT.values(), ids=KEPT)
def test_labels_stay_as_they_are_where_numbers_belong_to_them(
    tmp_path: Path, content: str, labels: tuple[str, ...]
) -> None:
    read = read_labels(_written(tmp_path, content))

    assert read.labels == labels
    assert read.remarks == ()


DOCUMENTS = {
    "class-indices": json.dumps({"郁金香": 1, "rose": 0, "sun flower": 2}),
    "by-number": json.dumps({"0": "rose", "2": "sun flower", "1": "郁金香"}, ensure_ascii=False),
    "imagenet": json.dumps({"0": ["n1", "rose"], "1": ["n2", "郁金香"], "2": ["n3", "sun flower"]}),
    "list": json.dumps(ROSES),
    "hugging-face": json.dumps({"model_type": "vit", "id2label": {"0": "rose", "1": "郁金香", "2": "sun flower"}}),
    "metadata": json.dumps({"tfjsVersion": "1.3.1", "labels": list(ROSES), "imageSize": 224}),
    "printed-dict": str({"rose": 0, "郁金香": 1, "sun flower": 2}),
    "printed-list": str(list(ROSES)),
}


@pytest.mark.parametrize("content", DOCUMENTS.values(), ids=DOCUMENTS)
def test_labels_are_read_from_json_and_from_what_python_prints(tmp_path: Path, content: str) -> None:
    assert read_labels(_written(tmp_path, content, "class_indices.json")).labels == ROSES


def test_a_json_list_keeps_the_numbers_in_its_labels(tmp_path: Path) -> None:
    assert read_labels(_written(tmp_path, '["0 rose", "1 tulip"]')).labels == ("0 rose", "1 tulip")


REFUSED = {
    "gbk": ("玫瑰\n草\n".encode("gbk"), "labels.txt", "save them as UTF-8"),
    "one": ("rose\n", "labels.txt", "2 to 100000 labels, got 1"),
    "half-a-json": ('{"rose": 0,', "a.json", "it is not JSON"),
    "gap": ('{"rose": 0, "tulip": 2}', "a.json", "numbers of their outputs, from 0 without gaps"),
    "numbers": ("[1, 2]", "a.json", "neither a list of labels"),
    "deep": ("[" * 100_000, "a.json", "it is not JSON"),
}


@pytest.mark.parametrize(("content", "name", "message"), REFUSED.values(), ids=REFUSED)
def test_what_holds_no_labels_is_refused(tmp_path: Path, content: str | bytes, name: str, message: str) -> None:
    with pytest.raises(ExportError, match=re.escape(message)):
        read_labels(_written(tmp_path, content, name))


def test_labels_that_stand_twice_are_named_with_their_lines(tmp_path: Path) -> None:
    path = _written(tmp_path, "ostrich\ncrane\n\nlorry\ncrane\nostrich\ncrane\n")

    with pytest.raises(ExportError, match=r"'ostrich' \(lines 1 and 6\), 'crane' \(lines 2, 5 and 7\).*--number-dupl"):
        read_labels(path)


def test_labels_that_stand_twice_are_told_apart_by_the_number_of_their_output(tmp_path: Path) -> None:
    read = read_labels(_written(tmp_path, "ostrich\ncrane\nlorry\ncrane\n"), duplicates=Duplicates.NUMBER)

    assert read.labels == ("ostrich", "crane (1)", "lorry", "crane (3)")
    assert "'crane (1)', 'crane (3)'" in read.remarks[0]


def test_numbered_lines_may_have_one_label_twice(tmp_path: Path) -> None:
    path = _written(tmp_path, "0 crane\n1 lorry\n2 crane\n")

    with pytest.raises(ExportError, match=r"'crane' \(lines 1 and 3\)"):
        read_labels(path)
    assert read_labels(path, duplicates=Duplicates.NUMBER).labels == ("crane (0)", "lorry", "crane (2)")


@pytest.mark.parametrize("name", ["labels.txt", "class_indices.json", "model_labels.txt"])
def test_labels_are_found_next_to_a_network(tmp_path: Path, name: str) -> None:
    (tmp_path / "model.h5").write_bytes(b"")
    path = _written(tmp_path, json.dumps(ROSES), name)

    assert find_labels_next_to(tmp_path / "model.h5") == path


@pytest.mark.parametrize("place", ["labels.txt", "model.savedmodel/labels.txt", "model.savedmodel/assets/labels.txt"])
def test_labels_are_found_in_and_next_to_the_folder_of_a_network(tmp_path: Path, place: str) -> None:
    (tmp_path / "model.savedmodel" / "assets").mkdir(parents=True)
    path = _written(tmp_path, "rose\ntulip\n", place)

    assert find_labels_next_to(tmp_path / "model.savedmodel") == path


def test_files_next_to_a_network_that_disagree_are_not_chosen_from(tmp_path: Path) -> None:
    _written(tmp_path, "rose\ntulip\n", "labels.txt")
    _written(tmp_path, "tulip\nrose\n", "classes.txt")

    with pytest.raises(ExportError, match=r"labels\.txt.*classes\.txt.*choose with --labels"):
        find_labels_next_to(tmp_path / "model.h5")


def test_files_next_to_a_network_may_say_the_same(tmp_path: Path) -> None:
    path = _written(tmp_path, "0 rose\n1 tulip\n", "labels.txt")
    _written(tmp_path, '{"labels": ["rose", "tulip"]}', "metadata.json")

    assert find_labels_next_to(tmp_path / "model.h5") == path


def test_a_file_of_facts_that_are_no_labels_is_passed_over(tmp_path: Path) -> None:
    _written(tmp_path, '{"author": "somebody"}', "metadata.json")

    assert find_labels_next_to(tmp_path / "model.h5") is None
