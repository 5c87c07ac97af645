"""The class folders that images are put into."""

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from encoded_images import encodings
from local_web import noise_png

from edgecls.dataset.collect.image_store import ImageStore
from edgecls.dataset.collect.manifest import Record
from edgecls.errors import OutputError
from edgecls.image_limits import ImageLimits

MakeStore = Callable[..., ImageStore]


@pytest.fixture
def make_store(tmp_path: Path) -> MakeStore:
    def make(*, min_sides: tuple[int, int] = (1, 1), limits: ImageLimits | None = None, earlier=()) -> ImageStore:
        limits = limits or ImageLimits(10**6, 10**6)
        return ImageStore(tmp_path / "out", min_sides=min_sides, limits=limits, earlier=earlier)

    return make


def test_an_image_is_saved_under_its_content_and_true_format(make_store: MakeStore, tmp_path: Path) -> None:
    data = noise_png(1)
    digest = hashlib.sha256(data).hexdigest()

    stored = make_store().add(data, "猫", name="http://a.test/photo.jpg")

    assert (stored.outcome, stored.sha256, stored.width, stored.height) == ("saved", digest, 80, 70)
    assert stored.file == f"猫/{digest[:20]}.png"
    assert (tmp_path / "out" / stored.file).read_bytes() == data
    assert len(list((tmp_path / "out").rglob("*.*"))) == 1


@pytest.mark.parametrize(
    ("encoding", "suffix"),
    [
        ("jpeg", ".jpg"),
        ("gif", ".gif"),
        ("bmp-rgb", ".bmp"),
        ("webp-lossy", ".webp"),
        ("tiff-raw", ".tif"),
        ("avif", ".avif"),
        ("ppm-binary", ".ppm"),
        ("pgm-binary", ".ppm"),
        ("pbm-binary", ".pbm"),
    ],
)
def test_every_format_has_its_suffix_and_is_found_again(make_store: MakeStore, encoding: str, suffix: str) -> None:
    store = make_store()

    stored = store.add(encodings()[encoding].data, "a", name="x")

    assert str(stored.file).endswith(suffix)
    assert store.count("a") == 1


def test_the_size_is_that_of_the_upright_image(make_store: MakeStore) -> None:
    stored = make_store().add(encodings()["jpeg-orientation-6"].data, "a", name="x")

    assert (stored.width, stored.height) == (36, 52)


def test_the_same_content_is_saved_once_whatever_the_label(make_store: MakeStore) -> None:
    store = make_store()
    first = store.add(noise_png(1), "a", name="x")

    assert [store.add(noise_png(1), label, name="y").outcome for label in ("a", "b")] == ["duplicate", "duplicate"]
    assert store.add(noise_png(1), "b", name="y").file == first.file


def test_images_that_were_there_before_count_as_there(make_store: MakeStore, tmp_path: Path) -> None:
    (tmp_path / "out" / "a" / "deep").mkdir(parents=True)
    (tmp_path / "out" / "a" / "deep" / "mine.png").write_bytes(noise_png(1))

    store = make_store()

    assert store.count("a") == 1
    assert store.add(noise_png(1), "b", name="x").file == "a/deep/mine.png"


def test_an_image_that_was_collected_and_deleted_does_not_come_back(make_store: MakeStore, tmp_path: Path) -> None:
    stored = make_store().add(noise_png(1), "a", name="x")
    (tmp_path / "out" / str(stored.file)).unlink()
    record = Record("http://a.test/", "a", "saved", "", sha256=stored.sha256, file=stored.file)

    assert make_store(earlier=[record]).add(noise_png(1), "a", name="y").outcome == "duplicate"
    assert make_store().add(noise_png(1), "a", name="y").outcome == "saved"


@pytest.mark.parametrize(
    ("data", "outcome"),
    [
        (b"", "damaged"),
        (b"<html>not found</html>", "not_an_image"),
        (b"\0\0\0\x18ftypheic" + bytes(12), "damaged"),
        (noise_png(1)[:-40], "damaged"),
        (encodings()["jpeg"].data[:-300], "damaged"),
        (noise_png(1)[:20], "damaged"),
        (noise_png(1, width=30), "too_small"),
        (noise_png(1, width=70, height=30), "too_small"),
        (noise_png(1, width=300, height=300), "too_many_pixels"),
    ],
)
def test_what_is_no_whole_image_of_the_right_size_is_not_kept(
    make_store: MakeStore, tmp_path: Path, data: bytes, outcome: str
) -> None:
    store = make_store(min_sides=(40, 70), limits=ImageLimits(10**6, 80_000))

    assert store.add(data, "a", name="x").outcome == outcome
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("size", [{"width": 40, "height": 70}, {"width": 70, "height": 40}])
def test_an_image_may_lie_or_stand(make_store: MakeStore, size: dict[str, int]) -> None:
    assert make_store(min_sides=(40, 70)).add(noise_png(1, **size), "a", name="x").outcome == "saved"


def test_threads_that_bring_the_same_image_save_it_once(make_store: MakeStore) -> None:
    store = make_store()
    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(lambda _: store.add(noise_png(1), "a", name="x").outcome, range(16)))

    assert sorted(outcomes) == ["duplicate"] * 15 + ["saved"]


def test_a_folder_that_cannot_be_made_is_an_output_error(make_store: MakeStore, tmp_path: Path) -> None:
    (tmp_path / "out").write_bytes(b"a file")

    with pytest.raises(OutputError, match="choose another place"):
        make_store().add(noise_png(1), "a", name="x")
