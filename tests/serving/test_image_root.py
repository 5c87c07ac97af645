"""Pictures by name: those in the folder, and no way out of it."""

import os
from pathlib import Path

import pytest

from edgecls.errors import ImageReadError, ImageTooLargeError, ServerError
from edgecls.image import DEFAULT_LIMITS, ImageLimits
from edgecls.serving.image_root import ImageRoot


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    (root / "数据 集").mkdir(parents=True)
    (root / "a.jpg").write_bytes(b"a picture")
    (root / "数据 集" / "猫🐱.jpg").write_bytes(b"a cat")
    (tmp_path / "secret.txt").write_text("secret")
    (tmp_path / "root-beside").mkdir()
    (tmp_path / "root-beside" / "b.jpg").write_bytes(b"another's")
    return root


def test_pictures_in_the_folder_and_below_it_are_read(root: Path) -> None:
    images = ImageRoot(root)

    assert images.read("a.jpg", limits=DEFAULT_LIMITS) == b"a picture"
    assert images.read("数据 集/猫🐱.jpg", limits=DEFAULT_LIMITS) == b"a cat"


def test_a_link_inside_the_folder_is_followed(root: Path) -> None:
    (root / "link.jpg").symlink_to("a.jpg")

    assert ImageRoot(root).read("link.jpg", limits=DEFAULT_LIMITS) == b"a picture"


def test_the_folder_may_itself_be_a_link(root: Path, tmp_path: Path) -> None:
    (tmp_path / "alias").symlink_to(root)

    assert ImageRoot(tmp_path / "alias").read("a.jpg", limits=DEFAULT_LIMITS) == b"a picture"


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "gone.jpg",
        "../secret.txt",
        "../root-beside/b.jpg",
        "../root/a.jpg",
        "数据 集/../../secret.txt",
        "数据 集/../a.jpg",
        "/etc/passwd",
        "//etc/passwd",
        "\\\\server\\share\\a.jpg",
        "..\\secret.txt",
        "数据 集\\..\\..\\secret.txt",
        "C:\\a.jpg",
        "C:a.jpg",
        "a.jpg\0.png",
        "a.jpg/..",
        "%2e%2e/secret.txt",
        "out.txt",
        "out/secret.txt",
        "loop",
        "pipe",
        "数据 集",
        "x" * 5000,
    ],
)
def test_nothing_else_is_read_and_every_refusal_looks_alike(root: Path, tmp_path: Path, name: str) -> None:
    (root / "out.txt").symlink_to(tmp_path / "secret.txt")
    (root / "out").symlink_to(tmp_path)
    (root / "loop").symlink_to("loop")
    os.mkfifo(root / "pipe")

    with pytest.raises(ImageReadError) as caught:
        ImageRoot(root).read(name, limits=DEFAULT_LIMITS)

    assert str(caught.value) == f"there is no picture {name!r} under the image root; check the name"


def test_the_byte_limit_holds(root: Path) -> None:
    with pytest.raises(ImageTooLargeError, match=r"'a\.jpg'"):
        ImageRoot(root).read("a.jpg", limits=ImageLimits(max_bytes=8))


@pytest.mark.parametrize("name", ["gone", "a.jpg"])
def test_a_root_that_is_no_folder_is_refused(root: Path, name: str) -> None:
    with pytest.raises(ServerError, match="image root"):
        ImageRoot(root / name)
