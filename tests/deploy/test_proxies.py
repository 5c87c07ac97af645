"""nginx and Caddy before a real server, by the files in deploy/."""

import contextlib
import http.client
import json
import os
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from deployed_files import DEPLOY
from echo_server import eventually
from running_server import running_server

from edgecls import image
from edgecls.server.http.limits import HttpLimits
from edgecls.server.settings import ServeSettings

HOST = "images.example"
CLIENT = "127.0.0.2"  # no trusted proxy
MADE_UP = "203.0.113.66"
PROXIES = ("nginx", "caddy")
FILES = {"nginx": DEPLOY / "nginx" / "edgecls.conf", "caddy": DEPLOY / "caddy" / "Caddyfile"}
RED = image.encode_png(np.full((20, 30, 3), (250, 0, 0), np.uint8))


def _program(name: str) -> str:
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
    if found is None and "EDGECLS_REQUIRE_DEPLOY" not in os.environ:
        pytest.skip(f"{name} is not installed (Debian: apt install nginx-light caddy)")
    return str(found)


def _configured(name: str, text: str, folder: Path, *, listen: int = 1, server: str = "127.0.0.1:2") -> list[str]:
    """Write what a proxy needs into a folder, and return its command without what it is to do."""
    text = text.replace("127.0.0.1:8000", server)
    if name == "caddy":
        (folder / "Caddyfile").write_text(
            "{\n\tadmin off\n\tauto_https off\n}\n"
            + text.replace(f"{HOST} {{", f"http://{HOST}:{listen} {{\n\tbind 127.0.0.1", 1)
        )
        return [_program(name)]
    (folder / "edgecls.conf").write_text(text.replace("listen 80;", f"listen 127.0.0.1:{listen};"))
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    (folder / "nginx.conf").write_text(
        ("user root;\n" if os.geteuid() == 0 else "")
        + f"daemon off;\npid {folder}/pid;\nerror_log stderr;\nevents {{}}\nhttp {{\naccess_log off;\n"
        + "".join(f"{kind}_temp_path {folder}/{kind};\n" for kind in kinds)
        + f"include {folder}/edgecls.conf;\n}}\n"
    )
    return [_program(name), "-e", "stderr", "-p", str(folder), "-c", str(folder / "nginx.conf")]


def _accepts(name: str, text: str, folder: Path) -> bool:
    """Return whether a proxy takes its file."""
    command = _configured(name, text, folder)
    check = ["-t"] if name == "nginx" else ["validate", "--config", str(folder / "Caddyfile"), "--adapter", "caddyfile"]
    environment = {**os.environ, "HOME": str(folder)}
    return subprocess.run([*command, *check], env=environment, capture_output=True, timeout=600).returncode == 0


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5):
        return True
    return False


class Proxied:
    """A server behind a proxy.

    Attributes:
        port: Of the proxy, on 127.0.0.1.
        log: The server's access log.
    """

    def __init__(self, port: int, log: Path) -> None:
        self.port = port
        self.log = log

    def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=300, source_address=(CLIENT, 0))
        with contextlib.closing(connection):
            fields = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.putrequest(method, path, skip_host=True)
            for name, value in {"Host": HOST, "Content-Length": str(len(body)), **fields}.items():
                connection.putheader(name, value)
            connection.endheaders()
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # refused before all of it was sent
                connection.send(body)
            response = connection.getresponse()
            return response.status, {k.lower(): v for k, v in response.getheaders()}, response.read()

    def logged(self, path: str) -> dict[str, object]:
        """Return the line of the access log about a path."""

        def lines() -> list[dict[str, object]]:
            return [entry for line in self.log.read_text().splitlines() if (entry := json.loads(line))["path"] == path]

        assert eventually(lambda: bool(lines()))
        return lines()[-1]


@pytest.fixture(scope="module", params=PROXIES)
def proxied(
    request: pytest.FixtureRequest, tiny_model_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Proxied]:
    name, folder = str(request.param), tmp_path_factory.mktemp(str(request.param))
    _program(name)
    options = ("--trusted-proxy", "127.0.0.1", "--allowed-host", HOST, "--access-log", folder / "access.log")
    options += ("--feedback", folder / "corrections")
    with running_server(*options, tiny_model_path) as server:
        port = _free_port()
        address = server.url.removeprefix("http://")
        command = _configured(name, FILES[name].read_text(), folder, listen=port, server=address)
        if name == "caddy":
            command += ["run", "--config", str(folder / "Caddyfile"), "--adapter", "caddyfile"]
        with open(folder / "proxy.log", "wb") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, "HOME": str(folder)})
        try:
            assert eventually(lambda: _listens(port) or process.poll() is not None)
            assert process.poll() is None, (folder / "proxy.log").read_text()
            yield Proxied(port, folder / "access.log")
        finally:
            process.terminate()
            process.wait(timeout=300)


def test_an_image_is_classified_below_the_path(proxied: Proxied) -> None:
    status, _, answer = proxied.ask("POST", "/edgecls/predict", RED)

    assert status == 200
    assert json.loads(answer)["label"] == "red"


def test_the_log_has_the_client_and_not_what_it_says_about_itself(proxied: Proxied) -> None:
    proxied.ask("GET", "/edgecls/models", X_Forwarded_For=MADE_UP)

    assert proxied.logged("/models")["client"] == CLIENT


def test_the_openapi_document_names_the_path(proxied: Proxied) -> None:
    _, _, document = proxied.ask("GET", "/edgecls/openapi.json", X_Forwarded_Prefix="/elsewhere")

    assert json.loads(document)["servers"] == [{"url": "/edgecls"}]


def test_the_page_and_its_files_are_found_below_the_path(proxied: Proxied) -> None:
    status, headers, _ = proxied.ask("GET", "/edgecls")
    assert (status, headers["location"].removeprefix(f"http://{HOST}").removeprefix(f":{proxied.port}")) == (
        308,
        "/edgecls/",
    )
    _, _, page = proxied.ask("GET", "/edgecls/")
    files = re.findall(r'(?:src|href)="(web/[^"]+)"', page.decode())

    assert files
    for file in files:
        assert proxied.ask("GET", f"/edgecls/{file}")[0] == 200


def test_a_body_that_is_too_large_is_refused_by_the_server_itself(proxied: Proxied) -> None:
    limit = ServeSettings(()).max_body_bytes

    status, _, answer = proxied.ask("POST", "/edgecls/predict", bytes(limit + 1))

    assert status == 413
    assert json.loads(answer)["error"]["type"] == "BodyTooLarge"


def test_a_body_of_the_largest_size_comes_through(proxied: Proxied) -> None:
    padded = RED + bytes(ServeSettings(()).max_body_bytes - len(RED))

    assert proxied.ask("POST", "/edgecls/predict", padded)[0] != 413


def test_a_page_of_the_proxy_may_change_something_and_another_may_not(proxied: Proxied) -> None:
    path = "/edgecls/feedback?label=red"
    origins = (f"http://{HOST}", f"https://{HOST}", "http://evil.test")

    assert [proxied.ask("POST", path, RED, Origin=origin)[0] // 100 for origin in origins] == [2, 4, 4]


def test_proxies_wait_longer_than_the_server_and_keep_connections_for_less() -> None:
    limits = HttpLimits()
    for file in FILES.values():
        text = file.read_text()
        kept = [int(seconds) for seconds in re.findall(r"keepalive(?:_timeout)? (\d+)s", text)]
        waits = [int(seconds) for seconds in re.findall(r"(?:read|send|response_header)_timeout (\d+)s", text)]
        assert kept
        assert max(kept) < limits.idle_s
        assert waits
        assert min(waits) > max(limits.answer_s, limits.idle_s)


@pytest.mark.parametrize("name", PROXIES)
def test_a_file_is_taken_as_it_is(name: str, tmp_path: Path) -> None:
    assert _accepts(name, FILES[name].read_text(), tmp_path)


def _directives() -> list[tuple[str, str]]:
    return [
        (name, directive)
        for name, file in FILES.items()
        for directive in sorted(set(re.findall(r"^\s+([a-z_]+) ", file.read_text(), re.MULTILINE)))
    ]


@pytest.mark.parametrize(("name", "directive"), _directives())
def test_no_directive_can_be_misspelt(name: str, directive: str, tmp_path: Path) -> None:
    text = re.sub(rf"^(\s+){directive} ", rf"\1{directive}x ", FILES[name].read_text(), count=1, flags=re.MULTILINE)

    assert not _accepts(name, text, tmp_path)
