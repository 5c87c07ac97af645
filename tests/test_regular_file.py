"""Files are opened, and nothing that could be waited for without end."""

import os
import socket
from pathlib import Path

import pytest
from click.testing import CliRunner
from image_folders import write_class_folders
from tiny_model import tiny_model_bytes

from edgecls import image, modelfile
from edgecls.cli import main
from edgecls.client.client import Client
from edgecls.dataset.collect.manifest import Manifest
from edgecls.dataset.collect.sources import read_url_list
from edgecls.dataset.formats.read import read_dataset
from edgecls.errors import DatasetError, EdgeclsError, ImageReadError, OutputError
from edgecls.export.labels_file import read_labels
from edgecls.regular_file import NotRegularFileError, open_regular, read_regular
from edgecls.training.config_file import read_settings

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes in folders")


@pytest.fixture
def pipe(tmp_path: Path) -> Path:
    os.mkfifo(tmp_path / "pipe.jpg")
    return tmp_path / "pipe.jpg"


def test_a_file_and_a_link_to_it_are_read(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    (tmp_path / "link").symlink_to("file")

    assert [read_regular(tmp_path / name) for name in ("file", "link")] == [b"content", b"content"]


def test_pipes_sockets_devices_and_folders_are_refused_without_waiting(
    tmp_path: Path, pipe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # a socket's path must be short
    (tmp_path / "link").symlink_to(pipe)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket")
        for path, kind in ((pipe, "named pipe"), ("link", "named pipe"), ("socket", "socket"), ("/dev/zero", "device")):
            with pytest.raises(NotRegularFileError, match=kind):
                open_regular(path)
    with pytest.raises(IsADirectoryError):
        open_regular(tmp_path)


def test_every_reader_of_named_files_refuses_a_pipe(pipe: Path) -> None:
    readers = [
        image.read_file,
        modelfile.read_model,
        read_labels,
        read_settings,
        lambda path: read_url_list(path, default_label="x"),
        lambda path: Client("http://127.0.0.1:1").predict(path),
        Manifest,
    ]
    for read in readers:
        with pytest.raises(EdgeclsError, match=r"pipe|no file"):
            read(pipe)


def test_a_list_that_names_a_pipe_is_refused(tmp_path: Path, pipe: Path) -> None:
    (tmp_path / "list.txt").write_text(f"{pipe}\ta\n{pipe}\tb\n")

    with pytest.raises(DatasetError, match="are missing or not files"):
        read_dataset(tmp_path / "list.txt")


def test_commands_name_a_pipe_among_images_and_go_on(tmp_path: Path) -> None:
    model = tmp_path / "m.onnx"
    model.write_bytes(tiny_model_bytes())
    data = write_class_folders(tmp_path / "data", per_label=3)
    os.mkfifo(data / "红 roses" / "pipe.png")

    for arguments in (["run", "-m", model, data], ["data", "stats", data], ["data", "check", data]):
        result = CliRunner().invoke(main, list(map(str, arguments)))
        assert result.exit_code == 1
        assert "it is a named pipe, not a file" in result.output


def test_what_is_collected_does_not_go_into_a_pipe(pipe: Path) -> None:
    with pytest.raises(OutputError, match="it is a named pipe, not a file"):
        Manifest(pipe)


def test_a_pipe_for_an_image_is_said_to_be_one(pipe: Path) -> None:
    with pytest.raises(ImageReadError, match=r"cannot read '.*pipe\.jpg': it is a named pipe, not a file; give an"):
        image.read_file(pipe)
