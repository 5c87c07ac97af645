"""Sources of frames: what texts name, and files that cannot be read."""

import os
from pathlib import Path

import pytest
from videos import write_video

from edgecls.errors import VideoError
from edgecls.runtime.video.capture import open_capture
from edgecls.runtime.video.source import Kind, parse_source


def test_a_text_names_a_camera_a_stream_or_a_file() -> None:
    assert parse_source("camera:2").kind is Kind.CAMERA
    assert parse_source("camera:/dev/video1").address == "/dev/video1"
    assert parse_source("RTSP://Host/x").address == "rtsp://Host/x"
    assert parse_source("clip.mp4").kind is Kind.FILE
    assert parse_source(Path("camera:0")).kind is Kind.FILE


def test_a_source_does_not_show_its_password() -> None:
    source = parse_source("rtsp://admin:secret@host/x")

    assert "secret" in source.address
    assert "secret" not in repr(source)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("camera:", "give the camera's number"),
        ("camera:front", "give the camera's number"),
        ("foo://u:secret@host/x", "streams are rtsp://"),
        ("file:///etc/passwd", "streams are rtsp://"),
        ("concat://a|b", "streams are rtsp://"),
        ("rtsp:///", "no host"),
        ("https://u:secret@host/a.jpg?x=1", "address of an image"),
    ],
)
def test_what_cannot_be_a_source_is_refused_without_its_password(text: str, reason: str) -> None:
    with pytest.raises(VideoError, match=reason) as raised:
        parse_source(text)

    assert "secret" not in str(raised.value)


def _refusal(path: Path) -> str:
    with pytest.raises(VideoError) as raised:
        open_capture(parse_source(path), 5)
    return str(raised.value)


def test_files_that_are_not_there_empty_or_no_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "text.mp4").write_text("hello")
    (tmp_path / "playlist.mp4").write_text("#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:1/x.ts\n")

    assert "no such file" in _refusal(tmp_path / "gone.mp4")
    assert "the file is empty" in _refusal(tmp_path / "empty.mp4")
    assert "no video in it" in _refusal(tmp_path / "text.mp4")
    assert "no video in it" in _refusal(tmp_path / "playlist.mp4")
    assert "directory" in _refusal(tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_nothing_waits_for_a_named_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")

    assert "a named pipe" in _refusal(tmp_path / "pipe.mp4")


def test_an_mp4_file_without_its_index_is_called_cut_short(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", ["red"] * 10)
    path.write_bytes(path.read_bytes()[:-400])

    assert "cut short, its index (moov) is missing" in _refusal(path)


@pytest.mark.parametrize("name", ["a:b.mp4", "http:x.mp4", "100%d_001.mp4", "视频.mp4", "a|b c'.mp4"])
def test_names_that_ffmpeg_could_take_for_something_else_are_files(tmp_path: Path, name: str) -> None:
    write_video(tmp_path / "plain.mp4", ["red"]).rename(tmp_path / name)

    capture = open_capture(parse_source(tmp_path / name), 5)

    assert capture.grab()
    capture.release()
