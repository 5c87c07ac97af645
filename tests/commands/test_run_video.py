"""edgecls run on videos, cameras and streams: lines, options, errors, what stays hidden."""

import csv
import io
import itertools
import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result
from fake_camera import FakeCapture, of_color
from terminal_program import run_in_terminal
from videos import BLUE, RED, write_noise, write_video

from edgecls import image
from edgecls.cli import main
from edgecls.runtime.video import live


@pytest.fixture(autouse=True)
def use_the_familiar_model(monkeypatch: pytest.MonkeyPatch, familiar_model_path: Path) -> None:
    monkeypatch.setenv("EDGECLS_MODEL", str(familiar_model_path))


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """Three seconds: red, green, and grey, which is unlike the training images."""
    return write_video(tmp_path / "片段.avi", ["red"] * 10 + ["green"] * 10 + ["grey"] * 10, codec="MJPG")


def _run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["run", *map(str, arguments)])


def _lines(done: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_video_gives_a_line_of_json_for_each_frame(video: Path) -> None:
    done = _run(video)

    lines = _lines(done)
    assert (done.exit_code, done.stderr) == (0, "")
    assert len(lines) == 30
    assert [line["frame"] for line in lines] == list(range(30))
    assert [lines[index]["label"] for index in (0, 15, 25)] == ["red", "green", "unknown"]
    assert lines[25]["reason"] == "unlike"
    assert (lines[15]["image"], lines[15]["position_s"]) == (f"{video}#t=1.500", 1.5)
    assert lines[0]["time"].endswith("+00:00")


def test_an_interval_gives_fewer_lines(video: Path) -> None:
    assert [line["position_s"] for line in _lines(_run(video, "--every", "500ms"))] == [0, 0.5, 1, 1.5, 2, 2.5]
    assert [line["position_s"] for line in _lines(_run(video, "--every", "1s"))] == [0, 1, 2]
    assert [line["position_s"] for line in _lines(_run(video, "--every", "1.5"))] == [0, 1.5]
    assert len(_lines(_run(video, "--every", "1 min"))) == 1


def test_changes_alone_are_printed_when_they_are_certain(video: Path) -> None:
    lines = _lines(_run(video, "--changes", "3"))

    assert [(line["previous"], line["label"], line["since_s"], line["position_s"]) for line in lines] == [
        (None, "red", 0, 0.2),
        ("red", "green", 1, 1.2),
        ("green", "unknown", 2, 2.2),
    ]


def test_the_table_is_for_people(video: Path) -> None:
    done = _run(video, "--every", "1s", "--format", "table", "--top", "2")

    first, second, third = done.stdout.splitlines()
    assert first.startswith("0:00:00.000  red ")
    assert second.startswith("0:00:01.000  green ")
    assert third.startswith("0:00:02.000  unknown ")
    assert "unlike the training images" in third
    assert done.stderr == f"{video}: 3 frames: red 1, green 1, unknown 1\n"


def test_csv_has_a_column_for_each_thing(video: Path) -> None:
    done = _run(video, video.parent / "gone.mp4", "--every", "1s", "--format", "csv", "--top", "2")

    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert done.exit_code == 1
    assert [row["label"] for row in rows] == ["red", "green", "unknown", ""]
    assert [row["known"] for row in rows] == ["true", "true", "false", ""]
    assert (rows[1]["frame"], rows[1]["position_s"], rows[1]["label_2"]) != ("", "", "")
    assert "no such file" in rows[3]["error"]


def test_the_labels_of_a_change_are_in_csv_and_table_too(video: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(_run(video, "--changes", "2", "--format", "csv").stdout)))
    table = _run(video, "--changes", "2", "--format", "table")

    assert [(row["previous"], row["since_s"]) for row in rows] == [("", "0.0"), ("red", "1.0"), ("green", "2.0")]
    assert table.stdout.splitlines()[1].endswith("(was red)")
    assert table.stderr == f"{video}: 30 frames, 3 changes: red 10, green 10, unknown 10\n"


def test_a_crop_decides_what_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "a.avi"
    frame = np.full((48, 64, 3), RED[::-1], np.uint8)
    frame[:, 32:] = BLUE[::-1]
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*"MJPG"), 10, (64, 48))
    writer.write(frame)
    writer.release()

    assert [line["label"] for line in _lines(_run(path, "--crop", "0,0,30,48"))] == ["red"]
    assert [line["label"] for line in _lines(_run(path, "--crop", "34, 0, 30, 48"))] == ["blue"]
    outside = _run(path, "--crop", "40,0,30,48")
    assert outside.exit_code == 1
    assert "its frames are 64x48" in _lines(outside)[0]["error"]["message"]


def test_several_videos_come_one_after_another_and_an_error_does_not_end_the_work(video: Path, tmp_path: Path) -> None:
    other = write_video(tmp_path / "b.mp4", ["blue"])
    (tmp_path / "text.mkv").write_text("no video")

    done = _run(video, tmp_path / "text.mkv", other, "--every", "2s")

    lines = _lines(done)
    assert done.exit_code == 1
    assert [line.get("label", "error") for line in lines] == ["red", "unknown", "error", "blue"]
    assert lines[2]["image"] == lines[2]["source"] == str(tmp_path / "text.mkv")
    assert done.stderr == "1 of 3 videos could not be classified, or not whole\n"


def test_a_pattern_that_the_shell_has_left_is_expanded(video: Path, tmp_path: Path) -> None:
    write_video(tmp_path / "b.avi", ["blue"], codec="MJPG")

    assert [line["label"] for line in _lines(_run(tmp_path / "*.avi", "--every", "9s"))] == ["blue", "red"]


def test_the_end_of_a_video_and_a_video_cut_short_are_told_apart(tmp_path: Path) -> None:
    path = write_noise(tmp_path / "a.mkv", 60, codec="VP80")
    whole = _run(path, "--every", "1s")
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])

    cut = _run(path, "--every", "1s")

    assert (whole.exit_code, len(_lines(whole))) == (0, 6)
    assert cut.exit_code == 1
    assert _lines(cut)[0].get("error") is None
    assert "cut short or damaged" in _lines(cut)[-1]["error"]["message"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--watch"], "--watch does not go with videos"),
        (["-o", "x.jsonl"], "--output does not go with videos"),
        (["--xmp"], "--xmp does not go with videos"),
        (["--sort-into", "x"], "--sort-into does not go with videos"),
        (["--explain", "x"], "--explain does not go with videos"),
        (["--save-embeddings", "x.npz"], "--save-embeddings does not go with videos"),
        (["--format", "parquet"], "--format parquet does not go with videos"),
        (["--format", "csv", "--embeddings"], "--embeddings goes with --format json"),
        (["--every", "soon"], "'soon' is not a time; give it as 1s"),
        (["--every", "0"], "'0' is too short"),
        (["--every", "-1s"], "'-1s' is not a time"),
        (["--changes", "0"], "0 is not in the range"),
        (["--crop", "1,2,3"], "'1,2,3' is not a part of a frame"),
        (["--crop", "1,2,0,5"], "'1,2,0,5' is not a part of a frame"),
        (["--timeout", "0"], "'0' is too short"),
    ],
)
def test_options_that_do_not_go_with_videos_are_refused(video: Path, arguments: list[str], message: str) -> None:
    done = _run(video, *arguments)

    assert done.exit_code == 2
    assert message in " ".join(done.stderr.split())


@pytest.mark.parametrize(
    "option", [["--every", "1s"], ["--changes", "2"], ["--crop", "0,0,1,1"], ["--reconnect", "1s"]]
)
def test_options_for_videos_are_refused_for_images(images: Path, option: list[str]) -> None:
    done = _run(images, *option)

    assert done.exit_code == 2
    assert f"{option[0]} is for videos, cameras and streams" in done.stderr


def test_a_live_source_is_classified_alone_and_only_here(video: Path) -> None:
    several = _run("rtsp://u:secret@host/x", video)
    on_ray = _run("rtsp://u:secret@host/x", "--on", "ray", "--output", "out")

    assert (several.exit_code, on_ray.exit_code) == (2, 2)
    assert "classified alone" in several.stderr
    assert "do not go with --on ray" in on_ray.stderr
    assert "secret" not in several.output + on_ray.output


def test_videos_among_images_are_reported_and_the_images_classified(images: Path, video: Path) -> None:
    done = _run(images / "red.png", video, "--format", "json")

    first, second = _lines(done)
    assert done.exit_code == 1
    assert first["label"] == "red"
    assert "it is a video; classify it without images" in second["error"]["message"]


def test_videos_in_a_folder_are_passed_over_with_a_hint(images: Path) -> None:
    (images / "sub").mkdir()
    clip = write_video(images / "sub" / "a.mp4", ["red"])

    done = _run(images)

    assert done.exit_code == 0
    assert len(done.stdout.splitlines()) == 3
    assert f"passed over 1 video; for their frames: edgecls run {clip}\n" in done.stderr


def test_an_animated_gif_stays_an_image(images: Path) -> None:
    frames = [np.full((12, 16, 3), color[::-1], np.uint8) for color in (RED, BLUE)]
    animation = cv2.Animation()
    animation.frames, animation.durations = frames, [100, 100]
    assert cv2.imwriteanimation(str(images / "a.gif"), animation)

    done = _run(images / "a.gif", "--format", "json")

    assert [line["label"] for line in _lines(done)] == ["red"]


@pytest.mark.parametrize("address", ["rtsp://admin:secret@127.0.0.1:1/ch1?token=secret", "foo://admin:secret@host/x"])
def test_passwords_are_never_shown(address: str) -> None:
    done = CliRunner().invoke(main, ["--verbose", "run", address])

    assert done.exit_code == 1
    assert "***@" in done.stdout
    assert "secret" not in done.output


def test_an_annotated_video_goes_into_the_folder_or_the_file(video: Path, tmp_path: Path) -> None:
    into_folder = _run(video, "--annotate", tmp_path / "out" / "deep")
    into_file = _run(video, "--every", "1s", "--annotate", tmp_path / "labelled.mp4")

    assert into_folder.exit_code == into_file.exit_code == 0
    assert into_folder.stderr == f"wrote {tmp_path / 'out' / 'deep' / '片段.mp4'}\n"
    assert (tmp_path / "labelled.mp4").is_file()
    again = [line["label"] for line in _lines(_run(tmp_path / "labelled.mp4", "--crop", "0,0,480,300"))]
    assert again == ["red", "green", "unknown"]


def test_ctrl_c_ends_a_video_with_a_summary_and_leaves_what_was_written(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.avi", ["red"] * 3000, codec="MJPG")

    ended = run_in_terminal(
        *("run", path, "--format", "table", "--annotate", tmp_path / "out"), signals=[("0:00:01", signal.SIGINT)]
    )

    assert ended.exit_code == 130
    assert "stopped; " in ended.shown
    assert "frames: red" in ended.shown
    assert [found.name for found in (tmp_path / "out").iterdir()] == ["a.mp4"]


def test_sigterm_ends_a_video_like_ctrl_c(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.avi", ["red"] * 3000, codec="MJPG")

    ended = run_in_terminal("run", path, "--annotate", tmp_path / "b.mp4", signals=[("frame", signal.SIGTERM)])

    assert ended.exit_code == 130
    assert (tmp_path / "b.mp4").is_file()


def test_a_reader_that_goes_ends_the_command_silently(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.avi", ["red"] * 2000, codec="MJPG")
    command = [sys.executable, "-m", "edgecls", "run", str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as program:
        assert program.stdout is not None
        assert program.stderr is not None
        program.stdout.readline()
        program.stdout.close()

        assert program.wait(60) == 1
        assert program.stderr.read() == b""


class _Cameras:
    """Stands in for `cv2.VideoCapture`: cameras that are plugged in, by number."""

    def __init__(self, *plugged_in: FakeCapture) -> None:
        self._plugged_in = list(plugged_in)
        self.opened: list[object] = []

    def __call__(self, name: object, *_: object) -> Any:
        self.opened.append(name)
        found = self._plugged_in.pop(0) if self._plugged_in else None
        if found is None:
            return _Nothing()
        found.isOpened = lambda: True  # type: ignore[attr-defined]
        return found


class _Nothing:
    def isOpened(self) -> bool:  # noqa: N802  OpenCV's name
        return False


def test_a_camera_that_is_unplugged_ends_with_exit_code_1_and_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    cameras = _Cameras(FakeCapture([(of_color(BLUE), 0.0)]))
    monkeypatch.setattr(cv2, "VideoCapture", cameras)
    monkeypatch.setattr(live, "FIRST_PAUSE_S", 0.001)

    done = _run("camera:0", "--reconnect", "20ms")

    first, last = _lines(done)
    assert done.exit_code == 1
    assert (first["label"], first["source"], first["position_s"]) == ("blue", "camera:0", 0)
    assert last["error"]["type"] == "SourceLostError"
    assert "was lost and did not come back within 0.02 s" in last["error"]["message"]
    assert "camera:0 is lost: it gives no more frames; trying to get it back for 0.02 s" in done.stderr
    assert cameras.opened[0] == 0
    assert len(cameras.opened) > 1


@pytest.fixture
def usual_ctrl_c() -> Iterator[None]:
    """SIGINT as Python sets it up; in the background of a shell it is ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("usual_ctrl_c")
def test_ctrl_c_ends_a_camera_with_a_summary_and_exit_code_0(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = threading.Event()

    def stop_after_some() -> None:
        if capture.grabbed == 30 and not shown.is_set():
            shown.set()
            signal.raise_signal(signal.SIGINT)

    capture = FakeCapture(((of_color(BLUE), 0.0) for _ in itertools.count()), before_grab=stop_after_some)
    monkeypatch.setattr(cv2, "VideoCapture", _Cameras(capture))

    done = _run("camera:/dev/video3", "--format", "table")

    assert done.exit_code == 0
    assert done.stderr.startswith("stopped; camera:/dev/video3: ")
    assert capture.released.wait(30)


def test_no_camera_is_a_clear_error() -> None:
    done = _run("camera:77")

    assert done.exit_code == 1
    assert "there is no such camera" in _lines(done)[0]["error"]["message"]


def test_a_file_without_an_ending_is_recognized(video: Path, images: Path) -> None:
    plain = video.rename(video.with_suffix(""))
    picture = (images / "red.png").rename(images / "red")
    picture.write_bytes(image.encode_png(np.full((12, 16, 3), RED, np.uint8)))

    assert len(_lines(_run(plain, "--every", "1s"))) == 3
    assert _run(picture).stdout.split()[1] == "red"
