"""`edgecls.serve`: the server within a Python program."""

import json
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgecls
from edgecls import image
from edgecls.errors import EdgeclsError, ModelFileError, ServerError
from edgecls.server.settings import FeedbackSettings

RED = image.encode_png(np.full((40, 40, 3), (200, 0, 0), np.uint8))


def _label(url: str) -> str:
    with edgecls.Client(url) as client:
        return client.predict(RED).label


def _our_threads() -> set[str]:
    return {thread.name for thread in threading.enumerate() if thread.name.startswith("edgecls-")}


def test_it_serves_while_the_block_runs(tiny_model_path: Path) -> None:
    with edgecls.serve(tiny_model_path) as url:
        assert _label(url) == "red"
        assert url.startswith("http://127.0.0.1:")

    assert _our_threads() == set()
    with pytest.raises(edgecls.RemoteError):
        _label(url)


def test_it_starts_and_stops_by_calls_as_in_two_cells_of_a_notebook(tiny_model_path: Path) -> None:
    server = edgecls.serve([tiny_model_path])
    with pytest.raises(ServerError, match="not running"):
        _ = server.url

    for _ in range(2):  # and again
        url = server.start()
        try:
            assert server.url == url
            assert _label(url) == "red"
            with pytest.raises(ServerError, match="running already"):
                server.start()
        finally:
            server.stop()
    server.stop()  # nothing happens


def test_it_serves_from_a_thread_other_than_the_main_one(tiny_model_path: Path) -> None:
    labels: list[str] = []

    def serve() -> None:
        with edgecls.serve(tiny_model_path) as url:
            labels.append(_label(url))

    thread = threading.Thread(target=serve)
    thread.start()
    thread.join()
    assert labels == ["red"]


def test_what_goes_wrong_is_raised_and_leaves_nothing_running(tiny_model_path: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.onnx").write_bytes(b"nothing")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelFileError), edgecls.serve([tiny_model_path, tmp_path / "bad.onnx"]):
        pass
    with pytest.raises(ModelFileError, match="no model file"):
        edgecls.serve(tmp_path / "empty")
    with pytest.raises(ServerError, match="tls_cert"):
        edgecls.serve(tiny_model_path, tls_key=tmp_path / "key.pem")
    with edgecls.serve(tiny_model_path) as url:
        taken = edgecls.serve(tiny_model_path, port=int(url.rpartition(":")[2]))
        with pytest.raises(ServerError, match="cannot listen"):
            taken.start()
    assert _our_threads() == set()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"port": 65536}, "port must be from 0 to 65535, got 65536"),
        ({"port": -1}, "port must be"),
        ({"threads": 0}, "threads must be at least 1, got 0"),
        ({"max_upload_mb": 0}, "max_upload_mb must be above 0"),
        ({"max_megapixels": -1}, "max_megapixels must be above 0"),
        ({"max_waiting": -1}, "max_waiting must be at least 0"),
        ({"drain_delay": -0.5}, "drain_delay must be at least 0"),
        ({"max_upload_mb": float("nan")}, "max_upload_mb"),
        ({"feedback": FeedbackSettings(max_mb=0)}, "max_mb of feedback"),
        ({"provider": "gpu"}, "unknown provider 'gpu'; choose one of auto"),
        ({"cors_origins": "a.example"}, "'a.example' is not an origin"),
    ],
)
def test_a_setting_that_the_command_would_refuse_is_refused_here_too(
    tiny_model_path: Path, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(EdgeclsError, match=message), edgecls.serve(tiny_model_path, **options):
        pass
    assert _our_threads() == set()


def test_a_single_name_need_not_be_in_a_list(tiny_model_path: Path) -> None:
    with edgecls.serve(tiny_model_path, allowed_hosts="api.example") as url:
        request = urllib.request.Request(f"{url}/livez", headers={"Host": "api.example"})
        with urllib.request.urlopen(request) as answer:
            assert answer.status == 200


def test_an_exception_in_the_block_stops_it_too(tiny_model_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), edgecls.serve(tiny_model_path):
        raise ZeroDivisionError
    assert _our_threads() == set()


def test_the_operator_lines_go_where_they_are_wanted(tiny_model_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    lines: list[str] = []
    with edgecls.serve(tiny_model_path, tell=lines.append) as url:
        pass

    assert f"listening on {url}" in lines
    assert lines[-1] == f"ready: {tiny_model_path.stem}"
    assert capfd.readouterr() == ("", "")


def test_its_options_hold(tiny_model_path: Path, tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("secret\n")
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.png").write_bytes(RED)
    options = {"image_root": tmp_path / "images", "feedback": str(tmp_path / "fixed"), "max_upload_mb": 0.01}
    with edgecls.serve(tiny_model_path, api_keys=tmp_path / "keys", **options) as url:  # type: ignore[arg-type]
        with pytest.raises(edgecls.RemoteError, match="API key"):
            _label(url)
        request = urllib.request.Request(f"{url}/predict/a.png", headers={"X-API-Key": "secret"})
        with urllib.request.urlopen(request) as answer:
            assert json.load(answer)["label"] == "red"
        large = urllib.request.Request(f"{url}/predict", b"x" * 20_000, headers={"X-API-Key": "secret"})
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(large)
        with refused.value:
            assert refused.value.code == 413


def test_grpc_without_its_packages_names_the_extra(tiny_model_path: Path) -> None:
    script = "import sys; sys.modules['grpc'] = None; import edgecls; edgecls.serve(sys.argv[1], grpc_port=0).start()"

    done = subprocess.run([sys.executable, "-c", script, tiny_model_path], capture_output=True, text=True, check=False)

    assert (
        "MissingExtraError: serving gRPC needs the package 'grpc', which is not installed; install it with: pip "
        'install "edgecls[grpc]"' in done.stderr
    )
