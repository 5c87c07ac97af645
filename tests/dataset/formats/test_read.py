"""Every form of dataset."""

import os
import unicodedata
from collections.abc import Mapping
from pathlib import Path

import pytest

from edgecls.dataset.formats.labelled_images import Dataset, LabelledImages
from edgecls.dataset.formats.read import read_dataset
from edgecls.errors import DatasetError

UMLAUT = unicodedata.normalize("NFC", "Männertreu")


def _tree(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")
    return root


def _listed(dataset: Dataset, root: Path) -> dict[str, list[tuple[str, str]]]:
    """For each split the images, by their path below the root, with their labels."""
    return {
        name: [
            (path.relative_to(root).as_posix(), split.labels[label_id])
            for path, label_id in zip(split.paths, split.label_ids, strict=True)
        ]
        for name, split in dataset.splits.items()
    }


def test_class_folders_are_all_in_train(tmp_path: Path) -> None:
    _tree(tmp_path, "猫/1.jpg", "ant/a.jpg", "ant/b c.jpg")

    dataset = read_dataset(tmp_path)

    assert _listed(dataset, tmp_path) == {"train": [("ant/a.jpg", "ant"), ("ant/b c.jpg", "ant"), ("猫/1.jpg", "猫")]}
    assert dataset.validation is None
    assert dataset.test is None


@pytest.mark.parametrize("validation", ["val", "valid", "validation"])
def test_part_folders_share_the_labels_of_train(tmp_path: Path, validation: str) -> None:
    _tree(tmp_path, "train/a/1.jpg", "train/🐱/2.jpg", f"{validation}/🐱/3.jpg", "test/a/4.jpg", "test/🐱/notes.txt")

    dataset = read_dataset(tmp_path)

    assert _listed(dataset, tmp_path) == {
        "train": [("train/a/1.jpg", "a"), ("train/🐱/2.jpg", "🐱")],
        "val": [(f"{validation}/🐱/3.jpg", "🐱")],
        "test": [("test/a/4.jpg", "a")],
    }
    assert {split.labels for split in dataset.splits.values()} == {("a", "🐱")}


@pytest.mark.parametrize(
    ("train", "val", "test"),
    [
        ("Training", "Validation", "Testing"),
        ("TRAIN", "VAL", "TEST"),
        ("Train", "dev", "Test"),
        ("train", "dev", "eval"),
        ("train", "eval", "test"),
        ("seg_train", "seg_dev", "seg_test"),
        ("seg_train/seg_train", "seg_val/seg_val", "seg_test/seg_test"),
        ("trainset", "validset", "testset"),
        ("TrainingSet", "ValidationSet", "TestSet"),
        ("train_images", "valid_images", "test-images"),
        ("train/images", "val/images", "test/images"),
        ("train2017", "val2017", "test2017"),
        ("flowers-train", "flowers-val", "flowers-holdout"),
        ("01 train", "01 val", "01 test"),
        ("训练集", "验证集", "测试集"),
    ],
)
def test_splits_are_recognised_however_they_are_spelt(tmp_path: Path, train: str, val: str, test: str) -> None:
    _tree(tmp_path, f"{train}/a/1.jpg", f"{train}/b/2.jpg", f"{val}/b/3.jpg", f"{test}/a/4.jpg", f"{test}/b/5.jpg")

    assert _listed(read_dataset(tmp_path), tmp_path) == {
        "train": [(f"{train}/a/1.jpg", "a"), (f"{train}/b/2.jpg", "b")],
        "val": [(f"{val}/b/3.jpg", "b")],
        "test": [(f"{test}/a/4.jpg", "a"), (f"{test}/b/5.jpg", "b")],
    }


def test_labels_that_sound_like_splits_stay_labels(tmp_path: Path) -> None:
    steam = _tree(tmp_path / "1", "steam_train/1.jpg", "crash_test/1.jpg", "steam_test/3.jpg")
    blood = _tree(tmp_path / "2", "blood test/1.jpg", "training shoe/2.jpg", "test tube/3.jpg")
    depth = _tree(tmp_path / "3", "roses/images/1.jpg", "tulips/images/1.jpg")
    mixed = _tree(
        tmp_path / "4", "roses/1.jpg", "roses/sun/2.jpg", "roses/rain/2.jpg", "tulips/sun/3.jpg", "tulips/rain/3.jpg"
    )

    assert read_dataset(steam).labels == ("crash_test", "steam_test", "steam_train")
    assert read_dataset(blood).labels == ("blood test", "test tube", "training shoe")
    assert read_dataset(depth).labels == read_dataset(mixed).labels == ("roses", "tulips")


def test_lists_and_tables_name_splits_in_any_usual_spelling(tmp_path: Path) -> None:
    _tree(tmp_path, "1.jpg", "2.jpg", "3.jpg", "4.jpg")
    (tmp_path / "l.csv").write_text(
        "path,label,Subset\n1.jpg,a,TRAINING\n2.jpg,b,Train \n3.jpg,b,dev\n4.jpg,a,Testing\n"
    )
    table = _listed(read_dataset(tmp_path / "l.csv"), tmp_path)
    (tmp_path / "Training.txt").write_text("1.jpg a\n2.jpg b\n")
    (tmp_path / "valid.TXT").write_text("3.jpg b\n")
    (tmp_path / "test_images.txt").write_text("not a list\n")

    assert table == {
        "train": [("1.jpg", "a"), ("2.jpg", "b")],
        "val": [("3.jpg", "b")],
        "test": [("4.jpg", "a")],
    }
    assert _listed(read_dataset(tmp_path), tmp_path) == {name: table[name] for name in ("train", "val")}


def test_a_lone_train_folder_is_a_part(tmp_path: Path) -> None:
    dataset = read_dataset(_tree(tmp_path, "train/a/1.jpg", "train/b/2.jpg"))

    assert dataset.labels == ("a", "b")


def test_a_label_may_be_called_train(tmp_path: Path) -> None:
    _tree(tmp_path, "train/1.jpg", "bus/2.jpg")
    deeper = _tree(tmp_path / "deeper", "train/steam/1.jpg", "bus/red/2.jpg")

    assert read_dataset(tmp_path / "deeper").labels == ("bus", "train")
    assert read_dataset(deeper).train.counts == {"bus": 1, "train": 1}


LISTS = {
    "tabs": "a b/1.jpg\tred rose\n2.jpg\t猫\n",
    "tabs-from-windows": "\ufeffa b/1.jpg\tred rose\r\n\r\n2.jpg\t猫",
}


@pytest.mark.parametrize("text", LISTS.values(), ids=LISTS.keys())
def test_a_list_with_tabs_may_have_spaces_everywhere(tmp_path: Path, text: str) -> None:
    _tree(tmp_path, "a b/1.jpg", "2.jpg")
    (tmp_path / "all.txt").write_text(text, encoding="utf-8", newline="")

    assert _listed(read_dataset(tmp_path / "all.txt"), tmp_path) == {
        "train": [("a b/1.jpg", "red rose"), ("2.jpg", "猫")]
    }


def test_a_list_without_tabs_is_split_at_the_last_space(tmp_path: Path) -> None:
    _tree(tmp_path, "a b/1.jpg", "2.jpg")
    (tmp_path / "all.lst").write_text("a b/1.jpg 0\n 2.jpg  1 \n", encoding="utf-8")

    assert _listed(read_dataset(tmp_path / "all.lst"), tmp_path) == {"train": [("a b/1.jpg", "0"), ("2.jpg", "1")]}


def test_lists_of_splits_take_paths_from_their_folder_or_absolute(tmp_path: Path) -> None:
    _tree(tmp_path, "images/1.jpg", "images/2.jpg", "images/3.jpg", "images/4.jpg")
    lists = tmp_path / "lists"
    lists.mkdir()
    (lists / "train.txt").write_text(f"../images/2.jpg\tb\n{tmp_path}/images/1.jpg\ta\n", encoding="utf-8")
    (lists / "valid.txt").write_text("../images/3.jpg\tb\n", encoding="utf-8")
    (lists / "test.txt").write_text("../images/4.jpg\ta\n", encoding="utf-8")

    dataset = read_dataset(lists)

    assert {name: split.counts for name, split in dataset.splits.items()} == {
        "train": {"a": 1, "b": 1},
        "val": {"a": 0, "b": 1},
        "test": {"a": 1, "b": 0},
    }
    assert [path.name for path in dataset.train.paths] == ["1.jpg", "2.jpg"]
    assert all(path.is_file() for path in dataset.whole.paths)


def test_the_order_of_lines_does_not_matter(tmp_path: Path) -> None:
    _tree(tmp_path, "1.jpg", "2.jpg", "3.jpg")
    lines = ["1.jpg\tb", "2.jpg\ta", "3.jpg\tb"]
    (tmp_path / "one.txt").write_text("\n".join(lines))
    (tmp_path / "two.txt").write_text("\n".join(reversed(lines)))

    assert read_dataset(tmp_path / "one.txt") == read_dataset(tmp_path / "two.txt")


@pytest.mark.parametrize("column", ["path", "image", "file", "filename", "Path "])
def test_csv_with_a_header(tmp_path: Path, column: str) -> None:
    _tree(tmp_path, "a, b.jpg", "2.jpg")
    (tmp_path / "all.CSV").write_text(f'\ufefflabel,id,{column}\r\n猫,7,"a, b.jpg"\r\nb,8,2.jpg\r\n', encoding="utf-8")

    assert _listed(read_dataset(tmp_path / "all.CSV"), tmp_path) == {"train": [("2.jpg", "b"), ("a, b.jpg", "猫")]}


def test_csv_with_a_column_for_the_part(tmp_path: Path) -> None:
    _tree(tmp_path, "1.jpg", "2.jpg", "3.jpg", "4.jpg")
    (tmp_path / "all.csv").write_text(
        "path,label,split\n1.jpg,a,train\n2.jpg,b,Train\n3.jpg,a,validation\n4.jpg,b,test\n"
    )

    assert _listed(read_dataset(tmp_path / "all.csv"), tmp_path) == {
        "train": [("1.jpg", "a"), ("2.jpg", "b")],
        "val": [("3.jpg", "a")],
        "test": [("4.jpg", "b")],
    }


@pytest.mark.parametrize("name", ["list.txt", "list.csv"])
def test_labels_spelt_as_on_a_mac_are_the_same(tmp_path: Path, name: str) -> None:
    _tree(tmp_path, "1.jpg", "2.jpg", "3.jpg")
    between = "," if name.endswith("csv") else "\t"
    labels = [unicodedata.normalize("NFD", UMLAUT), UMLAUT, "b"]
    lines = [f"{number}.jpg{between}{label}" for number, label in enumerate(labels, 1)]
    (tmp_path / name).write_text("\n".join(["path,label", *lines] if between == "," else lines), encoding="utf-8")

    assert read_dataset(tmp_path / name).train.counts == {UMLAUT: 2, "b": 1}


def test_whole_has_every_image_label_by_label(tmp_path: Path) -> None:
    _tree(tmp_path, "train/a/1.jpg", "train/b/2.jpg", "val/a/3.jpg", "test/b/0.jpg")

    whole = read_dataset(tmp_path).whole

    assert [path.name for path in whole.paths] == ["1.jpg", "3.jpg", "2.jpg", "0.jpg"]
    assert whole.label_ids == (0, 0, 1, 1)


REFUSED: dict[str, tuple[Mapping[str, str], str, str]] = {
    "nothing": ({}, "gone", "there is no folder"),
    "label-only-in-val": (
        {"train/a/1.jpg": "", "train/b/1.jpg": "", "val/c/1.jpg": ""},
        ".",
        "split 'val' of .* has label 'c', which its split 'train' does not have",
    ),
    "two-spellings-of-val": (
        {"train/a/1.jpg": "", "train/b/1.jpg": "", "val/a/2.jpg": "", "valid/a/3.jpg": ""},
        ".",
        "two folders for the split 'val', 'val' and 'valid'; keep one",
    ),
    "two-lists-of-val": (
        {"1": "", "2": "", "3": "", "train.txt": "1\ta\n2\tb", "val.txt": "3\ta", "valid.txt": "3\ta"},
        ".",
        "two lists for the split 'val'",
    ),
    "folder-next-to-splits": (
        {"train/a/1.jpg": "", "train/b/1.jpg": "", "val/a/2.jpg": "", "raw/1.jpg": ""},
        ".",
        "and also the folder 'raw'",
    ),
    "splits-without-train": ({"val/a/1.jpg": "", "val/b/1.jpg": "", "test/a/2.jpg": ""}, ".", "none to train on"),
    "splits-without-class-folders": (
        {"Train/1.jpg": "", "Test/2.jpg": ""},
        ".",
        r"named like splits \('Test', 'Train'\), but 'Train' has no class folders",
    ),
    "a-split-without-class-folders": (
        {"train/a/1.jpg": "", "train/b/1.jpg": "", "test/2.jpg": ""},
        ".",
        "nothing in .*test' gives their labels",
    ),
    "folders-of-labels": (
        {f"{outer}/{inner}/{outer}.jpg": "" for outer in ("morning", "evening") for inner in ("cat", "dog", "cow")},
        ".",
        r"all folders in .* \('evening', 'morning'\) hold the same folders \('cat', 'cow', 'dog'\) .*name the outer",
    ),
    "folders-of-nearly-the-same-labels": (
        {"x/cat/1.jpg": "", "x/dog/1.jpg": "", "x/cow/1.jpg": "", "y/Cat/2.jpg": "", "y/dog/2.jpg": ""},
        ".",
        "so they look like splits or sources",
    ),
    "splits-within-labels": (
        {f"{outer}/{inner}/{outer}.jpg": "" for outer in ("cat", "dog") for inner in ("train", "test")},
        ".",
        "which look like splits: put the labels into the splits, as in train/cat",
    ),
    "one-folder-around": (
        {"archive/train/a/1.jpg": "", "archive/train/b/1.jpg": ""},
        ".",
        r"has 1 class folder.*or did you mean .*archive', which has folders",
    ),
    "empty-split": (
        {"train/a/1.jpg": "", "train/b/1.jpg": "", "test/a/notes.txt": ""},
        ".",
        "split 'test' of .* has no images",
    ),
    "empty-train": ({"train/a/notes.txt": "", "test/a/1.jpg": ""}, ".", "has no images to train on"),
    "empty-list": ({"list.txt": "\n \n"}, "list.txt", "lists no images"),
    "one-label": ({"1": "", "2": "", "list.txt": "1\ta\n2\ta"}, "list.txt", "there must be 2 to 100000 labels, got 1"),
    "label-missing": (
        {"1": "", "list.txt": "1\ta\n\n2.jpg"},
        "list.txt",
        "line 3 of .* is not a path, a tab and a label",
    ),
    "label-empty": ({"1": "", "list.txt": "1\t \n"}, "list.txt", "line 1 of .* is not a path, a tab"),
    "path-missing": ({"list.txt": "\ta"}, "list.txt", "line 1 of .* is not a path"),
    "three-columns": ({"list.txt": "1\ta\tb"}, "list.txt", "line 1 of .* is not a path"),
    "no-separator": ({"list.txt": "1.jpg"}, "list.txt", "a tab or a space and a label: '1.jpg'"),
    "missing-files": (
        {"1": "", "list.txt": "1\ta\n" + "".join(f"gone {number}\tb\n" for number in range(7))},
        "list.txt",
        "7 of the 8 files listed in .* are missing: .*gone 0', .*gone 4', ...; relative paths start at the folder",
    ),
    "a-folder-in-a-list": (
        {"1": "", "d/2": "", "list.txt": "1\ta\nd\tb"},
        "list.txt",
        "of the 2 files .* missing or not",
    ),
    "twice-in-a-list": (
        {"1": "", "2": "", "list.txt": "1\ta\n2\tb\n./2\ta"},
        "list.txt",
        "2' is listed twice in .*: in split 'train' under 'a' and in split 'train' under 'b'",
    ),
    "in-two-splits": (
        {"1": "", "2": "", "train.txt": "1\ta\n2\tb", "test.txt": "1\ta"},
        ".",
        "in split 'train' under 'a' and in split 'test' under 'a'; keep one",
    ),
    "csv-without-label": (
        {"1": "", "l.csv": "path;label\n1;a\n"},
        "l.csv",
        "columns 'path' and 'label', got 'path;label'",
    ),
    "csv-with-two-paths": ({"l.csv": "path,image,label\n1,1,a\n"}, "l.csv", "'path' and 'image', which mean the same"),
    "csv-empty": ({"l.csv": "path,label\n"}, "l.csv", "lists no images"),
    "csv-short-line": ({"1": "", "l.csv": "path,label\n1,a\n1\n"}, "l.csv", "line 3 of .* has 1 cells, the header 2"),
    "csv-empty-label": ({"1": "", "l.csv": "path,label\n1, \n"}, "l.csv", "line 2 of .* has no label"),
    "csv-empty-path": ({"1": "", "l.csv": "path,label\n,a\n"}, "l.csv", "line 2 of .* has no path"),
    "csv-unknown-split": (
        {"1": "", "l.csv": "path,label,split\n1,a,raw\n"},
        "l.csv",
        "has split 'raw'; give train, val or test",
    ),
    "csv-open-quote": ({"1": "", "l.csv": 'path,label\n"1,a\n'}, "l.csv", "is not CSV"),
    "csv-missing-file": ({"l.csv": "path,label\ngone,a\n"}, "l.csv", "1 of the 1 files"),
}


@pytest.mark.parametrize(("files", "name", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_be_used_is_refused_with_its_reason(
    tmp_path: Path, files: Mapping[str, str], name: str, message: str
) -> None:
    for file, text in files.items():
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text(text, encoding="utf-8")

    with pytest.raises(DatasetError, match=message):
        read_dataset(tmp_path / name)


def test_the_same_image_by_a_link_is_still_the_same(tmp_path: Path) -> None:
    _tree(tmp_path, "train/a/1.jpg", "train/b/2.jpg", "test/a/3.jpg")
    os.symlink(tmp_path / "train/a/1.jpg", tmp_path / "test/a/link.jpg")

    with pytest.raises(DatasetError, match="listed twice"):
        read_dataset(tmp_path)


@pytest.mark.parametrize("name", ["list.txt", "list.csv"])
def test_a_file_that_is_no_text_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"\x89PNG\r\n\x1a\n")

    with pytest.raises(DatasetError, match=r"not UTF-8 text \(byte 0\)"):
        read_dataset(tmp_path / name)


def test_parts_with_other_labels_are_no_dataset() -> None:
    with pytest.raises(DatasetError, match="the labels of val"):
        Dataset(LabelledImages(("a", "b"), (), ()), LabelledImages(("b", "a"), (), ()))


@pytest.mark.parametrize(
    ("paths", "label_ids", "message"),
    [((Path("1"),), (), "0 label ids for 1 images"), ((Path("1"),), (2,), "label id 2 is not below")],
    ids=["too-few-ids", "id-too-large"],
)
def test_label_ids_must_fit(paths: tuple[Path, ...], label_ids: tuple[int, ...], message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        LabelledImages(("a", "b"), paths, label_ids)
