"""What pages of other sites can do to a real server: nothing. With raw requests, and with a real Chromium."""

import contextlib
import json
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
from echo_server import answers, read_all
from issued_certificate import issue
from local_web import local_web
from running_server import RunningServer, running_server
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from edgecls import image

RED = image.encode_png(np.full((20, 30, 3), (250, 0, 0), np.uint8))
WAIT_S = 60


@pytest.fixture
def model(tiny_model_path: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(tiny_model_path, tmp_path / "colors.onnx"))


@contextlib.contextmanager
def _everywhere(model: Path, feedback: Path, *arguments: object) -> Iterator[RunningServer]:
    """Run a server that listens on all addresses, as one for other machines does."""
    with running_server(model, "--host", "0.0.0.0", "--feedback", feedback, *arguments) as server:
        yield server


def _status(server: RunningServer, head: str) -> int:
    """Send a request as it is written, and return the status of the answer."""
    address = urlsplit(server.url)
    with socket.create_connection((address.hostname, address.port), timeout=WAIT_S) as connection:
        connection.sendall(head.replace("\n", "\r\n").encode("latin-1") + b"\r\n\r\n")
        return answers(read_all(connection))[0].status


def _stored(folder: Path) -> list[Path]:
    return sorted(folder.glob("[!.]*/*"))


@pytest.mark.parametrize("workers", [1, 2])
def test_on_loopback_requests_for_another_name_are_refused(model: Path, workers: int) -> None:
    with running_server(model, "--workers", workers, "--allowed-host", "gate.example") as server:
        port = urlsplit(server.url).port
        accepted = [
            f"GET /status HTTP/1.1\nHost: localhost:{port}\nConnection: close",
            f"GET /status HTTP/1.1\nHost: LOCALHOST.:{port}\nConnection: close",
            "GET /status HTTP/1.1\nHost: 127.0.0.1\nConnection: close",
            "GET /v2/health/ready HTTP/1.1\nHost: [::1]:1\nConnection: close",
            "GET /status HTTP/1.1\nHost: gate.example\nConnection: close",
            "GET /status HTTP/1.0",
            "GET http://localhost/status HTTP/1.1\nHost: rebound.example\nConnection: close",
        ]
        refused = [
            f"GET /status HTTP/1.1\nHost: rebound.example:{port}\nConnection: close",
            "GET /livez HTTP/1.1\nHost: rebound.example\nConnection: close",
            "POST /v2/models/colors/infer HTTP/1.1\nHost: rebound.example\nConnection: close",
            "OPTIONS /predict HTTP/1.1\nHost: rebound.example\nConnection: close",
            "GET /status HTTP/1.0\nHost: rebound.example",
            "GET http://rebound.example/status HTTP/1.1\nHost: localhost\nConnection: close",
            "GET http://rebound.example/status HTTP/1.0",
            "GET http://localhost@rebound.example/status HTTP/1.1\nHost: localhost\nConnection: close",
            "GET /status HTTP/1.1\nHost:\nConnection: close",
        ]
        assert {head: _status(server, head) for head in accepted} == dict.fromkeys(accepted, 200)
        assert {head: _status(server, head) for head in refused} == dict.fromkeys(refused, 421)
        doubled = "GET /status HTTP/1.1\nHost: localhost\nHost: rebound.example\nConnection: close"
        assert _status(server, doubled) == 400


def test_a_refused_name_is_told_before_the_body_is_sent_and_in_the_protocols_shape(model: Path) -> None:
    with running_server(model) as server:
        assert _status(server, "POST /predict HTTP/1.1\nHost: rebound.example\nContent-Length: 1000000") == 421
        status, answer = server.request("GET", "/v2", Host="rebound.example")
        assert (status, "--allowed-host" in answer["error"]) == (421, True)


def test_models_are_not_controlled_by_pages_of_others(model: Path) -> None:
    other = {"Origin": "http://evil.example"}
    with running_server(model, "--allow-model-control", "--cors-origin", "https://app.example") as server:
        for what in ("unload", "load"):
            path = f"/v2/repository/models/colors/{what}"
            assert server.request("POST", path, **other)[0] == 403
            assert server.request("POST", path, Origin="null")[0] == 403
            assert server.request("POST", path, Referer="http://evil.example/page")[0] == 403
            assert server.request("POST", path, Sec_Fetch_Site="cross-site")[0] == 403
            assert server.request("POST", path)[0] == 200
            assert server.request("POST", path, Origin="https://app.example")[0] == (503 if what == "unload" else 200)
            assert server.request("POST", path, Origin=server.url)[0] == (503 if what == "unload" else 200)
        assert server.request("POST", "/v2/repository/index", **other)[0] == 200
        assert server.request("POST", "/predict", RED, **other)[0] == 200


def test_over_https_an_origin_of_plain_http_is_another(model: Path, tmp_path: Path) -> None:
    issued = issue(tmp_path)
    with running_server(
        model,
        "--tls-cert",
        issued.certificate,
        "--tls-key",
        issued.key,
        "--feedback",
        tmp_path / "f",
        tls=issued.client,
    ) as server:
        path = "/feedback?label=blue"
        assert server.request("POST", path, RED, Host="localhost:8443", Origin="http://localhost:8443")[0] == 403
        assert server.request("POST", path, RED, Host="localhost:8443", Origin="https://localhost:8443")[0] == 200


def test_a_browser_is_refused_what_a_page_of_another_site_sends(
    browser: webdriver.Chrome, model: Path, tmp_path: Path
) -> None:
    with local_web() as web, _everywhere(model, tmp_path / "feedback") as server:
        port = urlsplit(server.url).port
        target = f"http://camera.test:{port}/feedback?label=blue"
        body = json.dumps(list(RED))
        web.give("/", b"<!doctype html><title>evil</title>", content_type="text/html")
        browser.get(f"http://evil.test:{web.server.server_port}/")
        sent = browser.execute_async_script(
            f"const done = arguments[0]; fetch({target!r}, {{method: 'POST', mode: 'no-cors', "
            f"body: new Uint8Array({body})}}).then((answer) => done(answer.type), (error) => done(String(error)))"
        )
        assert sent == "opaque"  # it was sent, and answered
        assert _stored(tmp_path / "feedback") == []


def test_a_browser_gets_the_servers_own_page_and_may_correct_over_plain_http(
    browser: webdriver.Chrome, model: Path, tmp_path: Path
) -> None:
    (tmp_path / "red.png").write_bytes(RED)
    with _everywhere(model, tmp_path / "feedback", "--allowed-host", "camera.test") as server:
        browser.get(f"http://camera.test:{urlsplit(server.url).port}/")
        browser.find_element(By.ID, "files").send_keys(str(tmp_path / "red.png"))
        WebDriverWait(browser, WAIT_S).until(lambda page: page.find_elements(By.CSS_SELECTOR, ".card:not(.waiting)"))
        # The page's own way to send, from the page: over plain HTTP a browser says nothing but Origin here.
        answer = browser.execute_async_script(
            "const done = arguments[0]; fetch('/feedback?label=blue', {method: 'POST', "
            "body: document.getElementById('files').files[0] ?? new Uint8Array(" + json.dumps(list(RED)) + ")})"
            ".then(async (answer) => done([answer.status, await answer.text()]), (error) => done([0, String(error)]))"
        )
        assert answer[0] == 200, answer
        assert len(_stored(tmp_path / "feedback")) == 1


def test_a_browser_cannot_be_led_to_a_loopback_server_by_another_name(browser: webdriver.Chrome, model: Path) -> None:
    with running_server(model) as server:
        browser.get(f"http://rebound.test:{urlsplit(server.url).port}/status")
        assert "does not answer to the name" in browser.find_element(By.TAG_NAME, "body").text
