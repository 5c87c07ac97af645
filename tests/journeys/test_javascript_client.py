"""The JavaScript client of examples/, in a page of another origin than the server's."""

import functools
import http.server
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium import webdriver

import edgecls

CLIENT = Path(__file__).parents[2] / "examples" / "clients" / "predict.mjs"
PAGE = (
    '<!doctype html><script type="module">import { predict } from "./predict.mjs"; window.predict = predict;</script>'
)
PREDICT = """
const [url, done] = arguments;
const canvas = new OffscreenCanvas(40, 30);
const context = canvas.getContext("2d");
context.fillStyle = "rgb(250, 10, 20)";
context.fillRect(0, 0, 40, 30);
const wait = () => window.predict ? Promise.resolve() : new Promise((go) => setTimeout(go, 50)).then(wait);
wait().then(() => canvas.convertToBlob()).then((blob) => window.predict(url, blob, { top: 2 }))
    .then(done, (error) => done(String(error)));
"""


class _Files(http.server.SimpleHTTPRequestHandler):
    extensions_map = {".html": "text/html", ".mjs": "text/javascript"}  # noqa: RUF012

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def page_url(tmp_path: Path) -> Iterator[str]:
    shutil.copy(CLIENT, tmp_path)
    (tmp_path / "index.html").write_text(PAGE)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Files, directory=str(tmp_path)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_page_predicts_with_it_where_the_server_allows_its_origin(
    browser: webdriver.Chrome, page_url: str, tiny_model_path: Path
) -> None:
    browser.get(page_url)
    with edgecls.serve(tiny_model_path, cors_origins=page_url) as url:
        answer = browser.execute_async_script(PREDICT, url)
    with edgecls.serve(tiny_model_path) as url:
        refused = browser.execute_async_script(PREDICT, url)

    assert answer["label"] == "red"
    assert len(answer["top"]) == 2
    assert "Failed to fetch" in refused
