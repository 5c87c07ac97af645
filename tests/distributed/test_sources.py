"""Listing the images of a cluster job."""

import itertools
from pathlib import Path

import pytest

from edgecls.distributed.sources import Listed, RemoteReader, list_images, local_roots
from edgecls.errors import DistributedError, ImageReadError
from edgecls.image_limits import DEFAULT_LIMITS


def test_folders_files_and_lists_are_listed_in_their_order(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (images / "readme.md").write_text("no image")
    (tmp_path / "more.TXT").write_bytes(
        b"images/red.png\r\n\n  \ns3://photos/a b?.png\nhdfs://node:9000/x/y.jpg\ncaf\xe9.png"
    )

    listed = list(list_images(["images", "more.TXT", "images/blue.png"]))

    assert listed == [
        *(Listed("", f"images/{name}.png") for name in ("blue", "green", "red")),
        Listed("", "images/red.png"),
        Listed("s3://photos/", "s3://photos/a b?.png"),
        Listed("hdfs://node:9000/", "hdfs://node:9000/x/y.jpg"),
        Listed("", "caf\udce9.png"),
        Listed("", "images/blue.png"),
    ]
    assert local_roots(["images", "more.TXT"]) == [str(images)]


def test_a_list_is_read_as_it_is_asked_for(tmp_path: Path) -> None:
    endless = tmp_path / "list.txt"
    endless.write_text("".join(f"{number}.png\n" for number in range(100_000)))
    listed = list_images([str(endless)])

    first = [image.name for image in itertools.islice(listed, 3)]
    endless.write_text("")  # what was not read yet is not there any more
    rest = sum(1 for _ in listed)

    assert first == ["0.png", "1.png", "2.png"]
    assert rest < 90_000


def test_a_source_that_is_not_there_ends_the_job_before_it_begins() -> None:
    with pytest.raises(DistributedError, match="cannot list 'nowhere': no such file or folder"):
        local_roots(["s3://photos/x", "nowhere"])


def test_storage_that_is_unknown_or_without_the_file_is_an_error(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="needs edgecls[ray]")
    (tmp_path / "x.png").write_bytes(b"content")
    location = "file:///"

    with pytest.raises(DistributedError, match="cannot list 'gopher://host/x'"):
        list(list_images(["gopher://user:secret@host/x"]))
    assert RemoteReader().read(location, f"file://{tmp_path}/x.png", DEFAULT_LIMITS) == b"content"
    with pytest.raises(ImageReadError, match="cannot read"):
        RemoteReader().read(location, f"file://{tmp_path}/y.png", DEFAULT_LIMITS)


def test_folders_of_a_file_system_are_walked_without_hidden_ones_and_credentials(images: Path) -> None:
    pytest.importorskip("pyarrow", reason="needs edgecls[ray]")
    (images / ".thumbs").mkdir()
    (images / ".thumbs" / "red.png").write_bytes(b"")
    (images / "below").mkdir()
    (images / "below" / "x.JPG").write_bytes(b"")

    listed = list(list_images([f"file://{images}"]))

    assert [image.name.rpartition("images/")[2] for image in listed] == [
        "blue.png",
        "green.png",
        "red.png",
        "below/x.JPG",
    ]
    assert {image.location for image in listed} == {"file:///"}
