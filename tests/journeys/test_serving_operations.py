"""What operators need, against a real server process."""

import json
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
from echo_server import eventually
from issued_certificate import issue
from prometheus_client.parser import text_string_to_metric_families
from running_server import RunningServer, running_server
from tiny_model import tiny_model_bytes

from edgecls import image

RED = image.encode_png(np.full((20, 30, 3), (250, 0, 0), np.uint8))
SITE = "https://app.example"
PATIENCE_S = 120
DRAIN_S = 6  # in which a busy machine answers four requests


def _metric(server: RunningServer, name: str, **labels: str) -> float:
    """Return the sum of a metric's samples that have these labels."""
    text = server.exchange("GET", "/metrics")[2].decode()
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return sum(s.value for s in samples if s.name == name and labels.items() <= s.labels.items())


@pytest.fixture
def model(tiny_model_path: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(tiny_model_path, tmp_path / "colors.onnx"))


def test_metrics_tell_what_was_asked(model: Path) -> None:
    with running_server(model) as server:
        for body in (RED, RED, b"no image"):
            server.request("POST", "/predict", body)
        server.request("GET", "/nothing")
        status, headers, _ = server.exchange("GET", "/metrics")

        assert (status, headers["Content-Type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
        assert _metric(server, "edgecls_requests_total", model="colors", code="200") == 2
        assert _metric(server, "edgecls_requests_total", model="colors", code="415") == 1
        assert _metric(server, "edgecls_requests_total", model="", code="404") == 1
        assert _metric(server, "edgecls_predictions_total", model="colors", label="red") == 2
        assert _metric(server, "edgecls_batch_size_count", model="colors") == 2
        parts = _metric(server, "edgecls_stage_duration_seconds_sum", model="colors")
        whole = _metric(server, "edgecls_request_duration_seconds_sum", model="colors")
        assert 0 < parts <= whole


def test_requests_of_the_inference_protocol_are_counted_alike(model: Path) -> None:
    with running_server(model) as server:
        headers = {"Inference_Header_Content_Length": "0"}
        assert server.exchange("POST", "/v2/models/colors/infer", RED, **headers)[0] == 200
        batch = np.zeros((2, 8, 8, 3), np.uint8)
        batch[..., 1] = 255
        tensor = {"name": "image", "datatype": "UINT8", "shape": batch.shape, "data": batch.ravel().tolist()}
        body = json.dumps({"inputs": [tensor]}).encode()
        assert server.exchange("POST", "/v2/models/colors/infer", body)[0] == 200

        assert _metric(server, "edgecls_requests_total", model="colors", code="200") == 2
        assert _metric(server, "edgecls_predictions_total", label="red") == 1
        assert _metric(server, "edgecls_predictions_total", label="green") == 2
        assert _metric(server, "edgecls_batch_size_sum", model="colors") == 5


def test_no_more_is_loaded_to_serve_than_before_somebody_asks_for_metrics(model: Path) -> None:
    script = (
        "import sys; import edgecls.server.process; "
        "print({'prometheus_client', 'multiprocessing.pool'} & set(sys.modules))"
    )

    assert subprocess.check_output([sys.executable, "-c", script], text=True).strip() == "set()"


def test_the_access_log_has_a_line_for_every_answer(model: Path, tmp_path: Path) -> None:
    log = tmp_path / "access.jsonl"
    with running_server(model, "--access-log", log) as server:
        _, headers, _ = server.exchange("POST", "/predict", RED, X_Request_Id="mine-1")
        _, made, _ = server.exchange("GET", "/nothing")
        address = urlsplit(server.url)
        with socket.create_connection((address.hostname, address.port), timeout=PATIENCE_S) as connection:
            connection.sendall(b"GARBAGE\r\n\r\n")
            assert connection.recv(100).startswith(b"HTTP/1.1 400")
        assert server.stop() == 0

    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [(line["method"], line["path"], line["status"]) for line in lines] == [
        ("POST", "/predict", 200),
        ("GET", "/nothing", 404),
        ("", "", 400),
    ]
    assert [line["id"] for line in lines[:2]] == [headers["X-Request-Id"], made["X-Request-Id"]]
    assert lines[0]["id"] == "mine-1"
    assert (lines[0]["model"], lines[0]["bytes_in"], lines[0]["client"]) == ("colors", len(RED), "127.0.0.1")


def test_what_a_full_disk_keeps_from_the_access_log_is_counted(model: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no device that is always full")
    with running_server(model, "--access-log", "/dev/full") as server:
        for _ in range(3):
            assert server.request("POST", "/predict", RED)[0] == 200
        server.await_log("No space left on device; lines are lost")
        assert eventually(lambda: _metric(server, "edgecls_access_log_dropped_total") >= 3)
        assert server.stop() == 0
        server.await_log("lines were lost")


def test_the_access_log_goes_on_in_a_new_file_after_a_rotation(model: Path, tmp_path: Path) -> None:
    log = tmp_path / "access.jsonl"
    with running_server(model, "--access-log", log) as server:
        server.request("GET", "/livez")
        log.rename(tmp_path / "old.jsonl")
        server.process.send_signal(signal.SIGHUP)
        server.await_log("the access log was opened again")
        server.request("GET", "/readyz")
        assert server.stop() == 0

    assert [json.loads(line)["path"] for line in log.read_text().splitlines()] == ["/readyz"]
    assert "/livez" in (tmp_path / "old.jsonl").read_text()


def test_without_a_key_nothing_is_served_and_no_body_is_waited_for(model: Path, tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.write_text("first gate\n")
    with running_server(model, "--api-keys", keys) as server:
        assert server.request("POST", "/predict", RED, Authorization="Bearer first")[0] == 200
        assert server.request("POST", "/predict", RED, X_API_Key="first")[0] == 200
        assert server.request("GET", "/readyz") == (200, {"ready": True})
        assert server.request("GET", "/readyz", X_API_Key="first")[1]["model"] == "colors"
        assert server.exchange("GET", "/")[0] == 200
        assert server.exchange("GET", "/metrics")[0] == 401
        assert server.exchange("GET", "/metrics", X_API_Key="first")[0] == 200

        address = urlsplit(server.url)
        with socket.create_connection((address.hostname, address.port), timeout=PATIENCE_S) as connection:
            connection.sendall(b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n")
            refused = connection.recv(4096)
        assert refused.startswith(b"HTTP/1.1 401 Unauthorized")
        assert b'WWW-Authenticate: Bearer realm="edgecls"' in refused

        keys.write_text("second\n")
        server.process.send_signal(signal.SIGHUP)
        server.await_log("the API keys were read again")
        assert server.request("POST", "/predict", RED, X_API_Key="first")[0] == 401
        assert server.request("POST", "/predict", RED, X_API_Key="second")[0] == 200


def test_pages_of_allowed_sites_may_read_every_answer(model: Path) -> None:
    with running_server(model, "--cors-origin", SITE, "--max-upload-mb", "1") as server:
        asked = server.exchange("OPTIONS", "/predict", Origin=SITE, Access_Control_Request_Method="POST")
        assert (asked[0], asked[1]["Access-Control-Allow-Origin"]) == (204, SITE)
        for method, path, status in [("GET", "/readyz", 200), ("GET", "/nothing", 404), ("POST", "/predict", 413)]:
            found, headers, _ = server.exchange(method, path, bytes(2**20 + 1) if status == 413 else b"", Origin=SITE)
            assert (found, headers["Access-Control-Allow-Origin"], headers["Vary"]) == (status, SITE, "Origin")
        _, headers, _ = server.exchange("GET", "/readyz", Origin="https://evil.example")
        assert headers["Access-Control-Allow-Origin"] is None


def test_every_answer_has_the_security_headers(model: Path) -> None:
    with running_server(model, "--max-upload-mb", "1") as server:
        for method, path, body in [("GET", "/", b""), ("POST", "/predict", RED), ("POST", "/predict", bytes(2**21))]:
            _, headers, _ = server.exchange(method, path, body)
            assert headers["X-Content-Type-Options"] == "nosniff"
            assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]


def test_https_serves_those_who_trust_the_certificate(model: Path, tmp_path: Path) -> None:
    issued = issue(tmp_path)
    arguments = (model, "--tls-cert", issued.certificate, "--tls-key", issued.key)
    with running_server(*arguments, tls=issued.client) as server:
        assert server.url.startswith("https://")
        assert server.request("POST", "/predict", RED)[1]["label"] == "red"
        address = urlsplit(server.url)
        with (
            socket.create_connection((address.hostname, address.port), timeout=PATIENCE_S) as connection,
            pytest.raises(ssl.SSLError),
        ):
            ssl.create_default_context().wrap_socket(connection, server_hostname="127.0.0.1")
        with socket.create_connection((address.hostname, address.port), timeout=PATIENCE_S) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert connection.recv(100).startswith(b"HTTP/1.1 400 ")
        assert server.request("GET", "/readyz")[0] == 200
        assert server.stop() == 0


def test_several_models_are_told_apart_by_name(tmp_path: Path) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "first.onnx").write_bytes(tiny_model_bytes())
    (folder / "第二.onnx").write_bytes(tiny_model_bytes(labels=("rouge", "vert", "bleu")))
    with running_server(folder) as server:
        assert server.request("POST", "/predict", RED)[1]["label"] == "red"
        assert server.request("POST", "/predict?model=%E7%AC%AC%E4%BA%8C", RED)[1]["label"] == "rouge"
        named = server.request("POST", "/models/%E7%AC%AC%E4%BA%8C/predict/a.png", RED)[1]
        assert (named["label"], named["image"]) == ("rouge", "a.png")
        assert server.request("POST", "/models/third/predict", RED)[0] == 404
        models = server.request("GET", "/models")[1]["models"]
        assert [(entry["name"], entry["state"], entry["provider"]) for entry in models] == [
            ("first", "READY", "cpu"),
            ("第二", "READY", "cpu"),
        ]
        assert _metric(server, "edgecls_requests_total", model="第二") == 2
        assert "model first (colors) on cpu\n" in server.log


def test_sighup_takes_in_a_new_model_and_keeps_the_old_one_for_a_bad_file(model: Path) -> None:
    with running_server(model) as server:
        model.write_bytes(tiny_model_bytes(labels=("rouge", "vert", "bleu")))
        server.process.send_signal(signal.SIGHUP)
        server.await_log("model colors was loaded again")
        assert server.request("POST", "/predict", RED)[1]["label"] == "rouge"

        model.write_bytes(b"garbage")
        server.process.send_signal(signal.SIGHUP)
        assert "colors.onnx" in server.await_log("not reloaded, what was there before stays in use")
        assert server.request("POST", "/predict", RED)[1]["label"] == "rouge"
        assert server.request("GET", "/readyz")[0] == 200
        assert server.stop() == 0


def test_a_changed_file_is_taken_in_by_itself_and_a_bad_one_is_told_of_once(model: Path) -> None:
    with running_server(model, "--reload-on-change") as server:
        model.write_bytes(b"garbage")
        server.await_log("not reloaded")
        assert server.request("POST", "/predict", RED)[1]["label"] == "red"

        model.write_bytes(tiny_model_bytes(labels=("rouge", "vert", "bleu")))
        server.await_log("model colors was loaded again")
        assert server.request("POST", "/predict", RED)[1]["label"] == "rouge"
        assert len([line for line in server.log if "not reloaded" in line]) == 1


def test_a_server_that_stops_is_not_ready_at_once_and_still_serves(model: Path) -> None:
    with running_server(model, "--drain-delay", str(DRAIN_S)) as server:
        server.process.send_signal(signal.SIGTERM)
        give_up_s = time.monotonic() + DRAIN_S
        while server.request("GET", "/readyz")[0] == 200:
            assert time.monotonic() < give_up_s
        status, answer = server.request("GET", "/readyz")
        assert (status, answer["error"]["message"]) == (503, "the server is stopping")
        assert server.request("GET", "/v2/health/ready")[0] == 503
        assert server.request("POST", "/predict", RED)[0] == 200
        assert server.process.wait(timeout=PATIENCE_S) == 0


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--tls-key", "{file}"], 2, "--tls-key needs --tls-cert"),
        (["--tls-cert", "{file}"], 1, "cannot use the certificate"),
        (["--api-keys", "{file}"], 1, "there is no API key"),
        (["--cors-origin", "app.example"], 1, "is not an origin"),
        (["--access-log", "{file}/log"], 1, "cannot write the access log"),
        (["--model", "{file}", "{file}"], 2, "not both"),
        (["{folder}"], 1, "there is no model file"),
        (["--workers", "2", "--allow-model-control"], 2, "needs --workers 1"),
    ],
)
def test_what_cannot_be_done_is_refused_at_the_start(
    tmp_path: Path, arguments: list[str], code: int, message: str
) -> None:
    (tmp_path / "empty").touch()
    filled = [text.format(file=tmp_path / "empty", folder=tmp_path) for text in arguments]
    command = [sys.executable, "-m", "edgecls", "serve", "--port", "0", *filled]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE_S)

    assert (done.returncode, message in done.stderr) == (code, True), done.stderr
    assert "Traceback" not in done.stderr


def test_a_model_that_comes_late_is_waited_for_and_called_as_it_is_named(tmp_path: Path, tiny_model_path: Path) -> None:
    folder = tmp_path / "mnt"
    command = [sys.executable, "-m", "edgecls", "serve", "--port", "0", "--wait-for-models", "300", f"late={folder}"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            assert process.stderr.readline() == f"waiting up to 300 s for {str(folder)!r}\n"
            folder.mkdir()
            (folder / "model-7.onnx").write_bytes(tiny_model_path.read_bytes())

            assert any(line == "ready: late\n" for line in iter(process.stderr.readline, ""))
        finally:
            process.terminate()
        assert process.wait(PATIENCE_S) == 0
