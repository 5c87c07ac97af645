"""Datasets under a URI."""

from pathlib import Path

import pytest
from color_folders import PURE, write_color_folders, write_image

from edgecls.dataset.formats.read import read_dataset
from edgecls.distributed.remote_dataset import RemoteDataset
from edgecls.errors import DatasetError, DistributedError

pytest.importorskip("pyarrow", reason="needs edgecls[ray]")


def test_class_folders_are_those_of_the_local_dataset(tmp_path: Path) -> None:
    root = write_color_folders(tmp_path / "a set" / "数据")
    (root / ".thumbs").mkdir()
    write_image(root / "red" / "below" / "x.png", PURE["red"])
    (root / "red" / "notes.md").write_text("no image")
    local = read_dataset(root).train

    remote = RemoteDataset(f"file://{root}/")

    assert remote.location == "file:///"
    images = remote.dataset.train
    assert (images.labels, images.label_ids) == (local.labels, local.label_ids)
    assert [remote.uri_of(path) for path in images.paths] == [f"file://{path}" for path in local.paths]


def test_splits_are_recognised_in_their_usual_spellings(tmp_path: Path) -> None:
    for split in ("Training", "TEST"):
        for label, color in PURE.items():
            write_image(tmp_path / split / label / "0.png", color)

    dataset = RemoteDataset(f"file://{tmp_path}").dataset

    assert list(dataset.splits) == ["train", "test"]
    assert [len(images.paths) for images in dataset.splits.values()] == [3, 3]


@pytest.mark.parametrize(
    ("folder", "said"),
    [
        ("nothing", "there is no folder 'file://{root}/nothing'; give a folder that has one folder for each label"),
        ("a", "'file://{root}/a' has 1 class folder(s), at least 2 are needed"),
        ("b", "class folder 'file://{root}/b/empty' has no images"),
    ],
)
def test_what_is_no_dataset_is_refused_with_its_uri(folder: str, said: str, tmp_path: Path) -> None:
    write_image(tmp_path / "a" / "red" / "0.png", PURE["red"])
    write_image(tmp_path / "b" / "red" / "0.png", PURE["red"])
    (tmp_path / "b" / "empty").mkdir()

    with pytest.raises(DatasetError) as caught:
        RemoteDataset(f"file://{tmp_path}/{folder}")

    assert said.format(root=tmp_path) in str(caught.value)


def test_storage_that_is_unknown_is_an_error_without_credentials() -> None:
    with pytest.raises(DistributedError, match="cannot list 'gopher://host/x'"):
        RemoteDataset("gopher://user:secret@host/x")
