"""A dataset with wrong labels, and its review."""

import shutil
from pathlib import Path

import pytest
from image_folders import write_class_folders

from edgecls.labelling.review import Review, review_labels

PER_LABEL = 12


@pytest.fixture(scope="session")
def mislabelled_source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return class folders; one image of the first label lies under the second, and one of the third is there twice."""
    root = write_class_folders(tmp_path_factory.mktemp("labelling") / "数据", per_label=PER_LABEL)
    first, second, third = sorted(folder for folder in root.iterdir())
    sorted(first.iterdir())[0].rename(second / "wrong.png")
    shutil.copy(sorted(third.iterdir())[0], first / "copy.png")
    return root


@pytest.fixture(scope="session")
def review(mislabelled_source: Path) -> Review:
    """Return its review."""
    return review_labels(mislabelled_source)


@pytest.fixture
def mislabelled(mislabelled_source: Path, tmp_path: Path) -> Path:
    """Return a copy of the dataset that may be changed."""
    return Path(shutil.copytree(mislabelled_source, tmp_path / "数据"))
