"""edgecls.video_names: what is a video, and addresses without passwords."""

from pathlib import Path

import pytest

from edgecls.video_names import has_video_name, is_video, names_live_source, without_credentials


@pytest.mark.parametrize(
    "text", ["camera:0", "CAMERA:/dev/video2", "rtsp://host/x", "RTSP://host/x", "s3://bucket/key"]
)
def test_cameras_and_addresses_are_live_sources(text: str) -> None:
    assert names_live_source(text)
    assert is_video(text)


@pytest.mark.parametrize("text", ["cameras/a.mp4", "./camera:0", r"C:\clips\a.mp4", "a.mp4", "-", "photo.jpg"])
def test_paths_are_no_live_sources(text: str) -> None:
    assert not names_live_source(text)


def test_files_are_videos_by_their_endings_whatever_the_case() -> None:
    assert has_video_name("Clip.MP4")
    assert is_video("gone.mkv")
    assert not is_video("photo.jpg")


def test_a_folder_with_the_name_of_a_video_is_none(tmp_path: Path) -> None:
    (tmp_path / "d.mp4").mkdir()

    assert not is_video(str(tmp_path / "d.mp4"))


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"\0\0\0\x18ftypisom", True),
        (b"\0\0\0\x18ftypqt  ", True),
        (b"\0\0\0\x18ftypheic", False),
        (b"\0\0\0\x18ftypavis", False),
        (b"\x1aE\xdf\xa3", True),
        (b"RIFF\0\0\0\0AVI LIST", True),
        (b"RIFF\0\0\0\0WEBPVP8 ", False),
        (b"\x47" + bytes(187) + b"\x47", True),
        (b"\x47" + bytes(188), False),
        (b"\xff\xd8\xff", False),
        (b"", False),
    ],
)
def test_a_file_without_an_ending_is_a_video_if_it_begins_like_one(tmp_path: Path, head: bytes, expected: bool) -> None:
    (tmp_path / "clip").write_bytes(head)

    assert is_video(str(tmp_path / "clip")) is expected


def test_a_file_with_the_ending_of_an_image_is_not_looked_into(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"\x1aE\xdf\xa3")

    assert not is_video(str(tmp_path / "a.jpg"))


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("rtsp://host:554/ch1/main", "rtsp://host:554/ch1/main"),
        ("rtsp://admin:secret@host/ch1", "rtsp://***@host/ch1"),
        ("rtsp://admin@host/ch1", "rtsp://***@host/ch1"),
        ("rtsp://admin:se@cr/e?t@host/ch1", "rtsp://***@host/ch1"),
        ("rtsp://host/cam?channel=1&password=secret", "rtsp://host/cam?***"),
        ("rtsp://host/user=admin&password=secret&channel=1", "rtsp://host/user=***"),
        ("rtsp://host/live#secret", "rtsp://host/live#***"),
        ("rtmp://host/live/secret", "rtmp://host/live/***"),
        ("http://host/x?mail=secret@host", "http://***@host"),
        ("camera:0", "camera:0"),
    ],
)
def test_an_address_is_shown_without_what_may_be_secret(address: str, shown: str) -> None:
    assert without_credentials(address) == shown
    assert "secret" not in without_credentials(address)
