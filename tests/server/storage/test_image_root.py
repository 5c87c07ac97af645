"""Images by name: those in the folder, and no way out of it."""

import contextlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from edgecls.errors import ImageReadError, ImageTooLargeError, ServerError
from edgecls.image_limits import DEFAULT_LIMITS, ImageLimits
from edgecls.server.storage import image_root
from edgecls.server.storage.image_root import ImageRoot

TRIES = 6000
SWAPPING = """
import os, sys
place, link, aside = sys.argv[1:]
print("swapping", flush=True)
while True:
    os.rename(place, aside)
    os.rename(link, place)
    os.rename(place, link)
    os.rename(aside, place)
"""


@pytest.fixture(params=["step-by-step", "open-and-look"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Open as this system can, and as one that has no openat."""
    monkeypatch.setattr(image_root, "_STEP_BY_STEP", request.param == "step-by-step")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    (root / "数据 集").mkdir(parents=True)
    (root / "a.jpg").write_bytes(b"an image")
    (root / "数据 集" / "猫🐱.jpg").write_bytes(b"a cat")
    (tmp_path / "secret.txt").write_text("secret")
    (tmp_path / "root-beside").mkdir()
    (tmp_path / "root-beside" / "b.jpg").write_bytes(b"another's")
    return root


@pytest.mark.usefixtures("way")
def test_images_in_the_folder_and_below_it_are_read(root: Path) -> None:
    images = ImageRoot(root)

    assert images.read("a.jpg", limits=DEFAULT_LIMITS) == b"an image"
    assert images.read("数据 集/猫🐱.jpg", limits=DEFAULT_LIMITS) == b"a cat"


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize(
    ("link", "target", "name"),
    [
        ("link.jpg", "a.jpg", "link.jpg"),
        ("link.jpg", "./数据 集//../a.jpg", "link.jpg"),
        ("link.jpg", "{root}/a.jpg", "link.jpg"),
        ("link.jpg", "{root}/数据 集/../a.jpg", "link.jpg"),
        ("数据 集/up.jpg", "../a.jpg", "数据 集/up.jpg"),
        ("here", ".", "here/here/a.jpg"),
        ("数据 集/up", "..", "数据 集/up/a.jpg"),
        ("alias", "数据 集/up", "alias/a.jpg"),
        ("alias", "{root}/数据 集/up", "alias//./a.jpg"),
    ],
)
def test_a_link_inside_the_folder_is_followed(root: Path, link: str, target: str, name: str) -> None:
    (root / link).symlink_to(target.format(root=root))
    if not (root / "数据 集" / "up").is_symlink():
        (root / "数据 集" / "up").symlink_to("..")

    assert ImageRoot(root).read(name, limits=DEFAULT_LIMITS) == b"an image"


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("target", ["secret.txt", "{tmp}/secret.txt", "../root/../secret.txt", "x/../a"])
@pytest.mark.parametrize("name", ["数据 集/link", "up/link", "数据 集/up/数据 集/link"])
def test_a_link_that_leads_out_on_its_way_is_not(root: Path, tmp_path: Path, target: str, name: str) -> None:
    (root / "数据 集" / "up").symlink_to("..")
    (root / "up").symlink_to("数据 集")
    (root / "数据 集" / "link").symlink_to("../../" + target if target[0] == "s" else target.format(tmp=tmp_path))

    with pytest.raises(ImageReadError, match="there is no image"):
        ImageRoot(root).read(name, limits=DEFAULT_LIMITS)


def test_links_are_followed_so_far_and_no_further(root: Path) -> None:
    for number in range(41):
        (root / f"{number}").symlink_to("a.jpg" if number == 0 else f"{number - 1}")

    assert ImageRoot(root).read("39", limits=DEFAULT_LIMITS) == b"an image"
    with pytest.raises(ImageReadError):
        ImageRoot(root).read("40", limits=DEFAULT_LIMITS)


@pytest.mark.parametrize("swapped", ["folder", "image", "root"])
def test_no_swap_of_a_folder_for_a_link_leads_out(root: Path, tmp_path: Path, swapped: str) -> None:
    (root / "in").mkdir()
    (root / "in" / "b.jpg").write_bytes(b"inside")
    images = ImageRoot(root)
    (tmp_path / "root-beside" / "in").mkdir()
    (tmp_path / "root-beside" / "in" / "b.jpg").write_bytes(b"outside")
    place, led_to = {
        "folder": (root / "in", tmp_path / "root-beside"),
        "image": (root / "in" / "b.jpg", tmp_path / "root-beside" / "b.jpg"),
        "root": (root, tmp_path / "root-beside"),
    }[swapped]
    (tmp_path / "link").symlink_to(led_to)
    command = [sys.executable, "-c", SWAPPING, place, tmp_path / "link", tmp_path / "aside"]
    read: set[bytes] = set()
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as swapping:
        try:
            assert swapping.stdout is not None
            swapping.stdout.readline()
            for _ in range(TRIES):
                with contextlib.suppress(ImageReadError):
                    read.add(images.read("in/b.jpg", limits=DEFAULT_LIMITS))
        finally:
            swapping.kill()

    assert read == {b"inside"}


def test_nothing_is_left_open(root: Path) -> None:
    (root / "up").symlink_to("数据 集/../数据 集")
    before = len(os.listdir("/proc/self/fd"))
    for name in ("a.jpg", "up/猫🐱.jpg", "up", "数据 集", "gone", "a.jpg/x", "数据 集/gone/x"):
        with contextlib.suppress(ImageReadError):
            ImageRoot(root).read(name, limits=DEFAULT_LIMITS)

    assert len(os.listdir("/proc/self/fd")) == before


def test_the_folder_may_itself_be_a_link(root: Path, tmp_path: Path) -> None:
    (tmp_path / "alias").symlink_to(root)

    assert ImageRoot(tmp_path / "alias").read("a.jpg", limits=DEFAULT_LIMITS) == b"an image"


@pytest.mark.usefixtures("way")
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

    assert str(caught.value) == f"there is no image {name!r} under the image root; check the name"


def test_the_byte_limit_holds(root: Path) -> None:
    with pytest.raises(ImageTooLargeError, match=r"'a\.jpg'"):
        ImageRoot(root).read("a.jpg", limits=ImageLimits(max_bytes=4))


@pytest.mark.parametrize("name", ["gone", "a.jpg"])
def test_a_root_that_is_no_folder_is_refused(root: Path, name: str) -> None:
    with pytest.raises(ServerError, match="image root"):
        ImageRoot(root / name)
