"""The one HTML file in a real Chromium, opened from the disk: the same answers as `edgecls run`, and nothing sent."""

import dataclasses
import http.server
import io
import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from encoded_images import encodings
from icc_profiles import DISPLAY_P3
from PIL import Image
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait
from tiny_model import tiny_golden, tiny_model_bytes

from edgecls import image
from edgecls.bundled_model import BUNDLED_MODEL
from edgecls.cli import main
from edgecls.image_spec import Color, Fit, ImageSpec
from edgecls.page.browser_runtime import ARCHIVE

ARCHIVE_AT = os.environ.get("EDGECLS_BROWSER_RUNTIME", "")
WAIT_S = 240
COLORS = {"红花.png": (250, 10, 20), "green leaf & more.png": (5, 240, 30), "天空🐱.png": (12, 30, 245)}
EVIL = '</script><script>document.title = "pwned"</script><img src=x onerror=alert(1)>'

pytestmark = pytest.mark.skipif(
    not ARCHIVE_AT and "EDGECLS_REQUIRE_PAGE" not in os.environ,
    reason=f"needs the file {ARCHIVE} (npm pack onnxruntime-web), named by EDGECLS_BROWSER_RUNTIME",
)


def _written(model: Path, page: Path) -> Path:
    result = CliRunner().invoke(main, ["page", str(model), "-o", str(page), "--runtime", ARCHIVE_AT])
    assert result.exit_code == 0, result.output
    return page


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("页 page")


@pytest.fixture(scope="module")
def tiny_page(tiny_model_path: Path, folder: Path) -> Path:
    return _written(tiny_model_path, folder / "colors.html")


def _line(browser: webdriver.Chrome) -> str:
    return browser.find_element(By.ID, "status-line").text


def _open(browser: webdriver.Chrome, page: Path, state: str = "ready") -> None:
    browser.get(page.as_uri())
    button = browser.find_element(By.ID, "status-button")
    WebDriverWait(browser, WAIT_S, 0.1).until(lambda _: button.get_attribute("data-state") == state)


def _answers(browser: webdriver.Chrome, files: list[Path]) -> dict[str, dict[str, Any]]:
    """Choose files, and return what the page says of each by its name."""
    browser.find_element(By.ID, "files").send_keys("\n".join(map(str, files)))
    script = (
        "const cards = [...document.querySelectorAll('.card')];"
        "if (cards.length < arguments[0] || document.querySelector('.card.waiting')) return null;"
        "return Object.fromEntries(cards.map((card) => [card.querySelector('.name').textContent, {"
        "failed: card.classList.contains('failed'), fault: card.querySelector('.fault strong').textContent,"
        "scores: [...card.querySelectorAll('.bars li')].map((bar) => [bar.querySelector('.label').textContent,"
        "Number(bar.style.getPropertyValue('--part'))])}]));"
    )
    found: dict[str, dict[str, Any]] = WebDriverWait(browser, WAIT_S, 0.1).until(
        lambda _: browser.execute_script(script, len(files))
    )
    return found


def _run(model: Path, files: list[Path]) -> dict[str, dict[str, Any]]:
    result = CliRunner().invoke(main, ["run", "--model", str(model), "--format", "json", *map(str, files)])
    documents = [json.loads(line) for line in result.stdout.splitlines()]
    return {Path(document["image"]).name: document for document in documents}


def _console(browser: webdriver.Chrome) -> list[str]:
    return [entry["message"] for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]


def test_images_get_the_labels_and_probabilities_of_edgecls_run(
    browser: webdriver.Chrome, tiny_page: Path, tiny_model_path: Path, tmp_path: Path
) -> None:
    files = [tmp_path / name for name in COLORS]
    for file, color in zip(files, COLORS.values(), strict=True):
        file.write_bytes(image.encode_png(np.full((60, 80, 3), color, np.uint8)))
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"\xff\xd8\xff\xe0 nonsense")
    _open(browser, tiny_page)

    answers = _answers(browser, [*files, broken])

    expected = _run(tiny_model_path, files)
    assert set(answers) == {*COLORS, "broken.jpg"}
    for name in COLORS:
        label, probability = answers[name]["scores"][0]
        assert label == expected[name]["label"]
        assert probability == pytest.approx(expected[name]["probability"], abs=0.01)
    assert answers["broken.jpg"]["failed"]
    assert answers["broken.jpg"]["fault"] == "No image that this browser can read"
    assert _console(browser) == []


def test_it_checks_itself_and_says_where_everything_stays(browser: webdriver.Chrome, tiny_page: Path) -> None:
    _open(browser, tiny_page)

    assert _line(browser) == "colors · this browser passes all 3 checks of the model"
    assert "stay in this browser" in browser.find_element(By.ID, "privacy").text
    assert browser.title == "colors · edgecls"
    browser.find_element(By.ID, "language").click()
    assert "不会发送到任何地方" in browser.find_element(By.ID, "privacy").text
    browser.find_element(By.ID, "language").click()


def test_a_browser_that_fails_the_golden_samples_says_so(browser: webdriver.Chrome, folder: Path) -> None:
    golden = tiny_golden()
    first = golden.samples[0]
    wrong = dataclasses.replace(first, probabilities=tuple(reversed(first.probabilities)))
    model = folder / "wrong.onnx"
    model.write_bytes(tiny_model_bytes(golden=dataclasses.replace(golden, samples=(wrong, *golden.samples[1:]))))

    _open(browser, _written(model, folder / "wrong.html"), state="away")

    assert "fails the checks of the model" in _line(browser)
    assert "Do not rely on the results" in _line(browser)


def test_names_and_labels_are_text_wherever_they_stand(browser: webdriver.Chrome, folder: Path, tmp_path: Path) -> None:
    model = folder / "evil.onnx"
    model.write_bytes(tiny_model_bytes(name=EVIL, labels=(EVIL, "绿 & <b>", "blue")))
    red = tmp_path / "red.png"
    red.write_bytes(image.encode_png(np.full((9, 9, 3), (250, 0, 0), np.uint8)))
    _open(browser, _written(model, folder / "evil.html"))

    answers = _answers(browser, [red])

    assert browser.title == f"{EVIL} · edgecls"
    assert answers["red.png"]["scores"][0][0] == EVIL
    assert browser.execute_script("return document.querySelectorAll('img[src=x]').length") == 0


@pytest.fixture
def listener() -> Iterator[tuple[str, list[str]]]:
    """A web server on this machine, and the paths that it was asked for."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    thread.join()
    server.server_close()


def test_nothing_in_the_page_can_reach_the_network(
    browser: webdriver.Chrome, tiny_page: Path, listener: tuple[str, list[str]]
) -> None:
    url, asked = listener
    _open(browser, tiny_page)

    outcome = browser.execute_async_script(
        "const [url, done] = arguments;"
        "const image = new Image();"
        "const seen = new Promise((resolve) => { image.onload = image.onerror = resolve; });"
        "image.src = `${url}/image`;"
        "document.body.append(Object.assign(document.createElement('script'), { src: `${url}/script` }));"
        "Promise.allSettled([fetch(`${url}/fetch`), seen]).then(([fetched]) => done(fetched.status));",
        url,
    )

    assert outcome == "rejected"
    assert asked == []
    _console(browser)


SPECS = [
    ImageSpec(24, 24, Color.RGB, Fit.CROP),
    ImageSpec(20, 33, Color.RGB, Fit.STRETCH),
    ImageSpec(24, 24, Color.RGB, Fit.PAD),
    ImageSpec(24, 24, Color.GRAY, Fit.CROP),
]
READ_BY_BROWSERS = ("jpeg", "png", "webp", "gif", "bmp", "avif")


def _profiled() -> bytes:
    stream = io.BytesIO()
    Image.fromarray(encodings()["png-rgb"].expected).save(stream, "PNG", icc_profile=DISPLAY_P3)
    return stream.getvalue()


def test_the_network_sees_the_pixels_that_it_sees_elsewhere(browser: webdriver.Chrome, tiny_page: Path) -> None:
    _open(browser, tiny_page)
    images = {
        name: encoded.data
        for name, encoded in encodings().items()
        if name.startswith(READ_BY_BROWSERS) and "cmyk" not in name and "16" not in name
    } | {"png-display-p3": _profiled()}
    script = (
        "const [numbers, spec, done] = arguments;"
        "import('edgecls/offline/decode.js')"
        ".then(({ decoded }) => decoded(new File([Uint8Array.from(numbers)], 'image'), spec))"
        ".then(({ input }) => done([...input]), (error) => done(String(error)));"
    )
    for name, data in images.items():
        for spec in SPECS:
            seen = browser.execute_async_script(
                script,
                list(data),
                {"height": spec.height, "width": spec.width, "color": str(spec.color), "fit": str(spec.fit)},
            )
            assert not isinstance(seen, str), (name, seen)
            expected = image.decode_to_fit(data, spec, name=name)
            difference = np.abs(expected.astype(int) - np.array(seen).reshape(expected.shape))
            assert difference.mean() < 1.0, (name, spec, difference.mean())


def test_the_bundled_model_shows_what_an_answer_rests_on(browser: webdriver.Chrome, folder: Path) -> None:
    example = Path(__file__).parents[2] / "examples"
    photos = sorted(file for file in example.iterdir() if file.suffix in (".jpg", ".png"))[:1]
    page = _written(BUNDLED_MODEL, folder / "flowers.html")
    _open(browser, page)
    answers = _answers(browser, photos)
    expected = _run(BUNDLED_MODEL, photos)

    assert page.stat().st_size < 5.1e6 + 4 / 3 * BUNDLED_MODEL.stat().st_size + 3e5
    assert answers[photos[0].name]["scores"][0][0] == expected[photos[0].name]["top"][0]["label"]
    browser.find_element(By.CSS_SELECTOR, ".card.answered .open").click()
    browser.find_element(By.ID, "heat-button").click()
    heat = browser.find_element(By.ID, "detail-heat")
    WebDriverWait(browser, WAIT_S, 0.1).until(lambda _: heat.is_displayed() and heat.get_property("naturalWidth") > 0)
    assert _console(browser) == []


def test_a_model_file_that_is_none_writes_nothing(tmp_path: Path) -> None:
    other = tmp_path / "other.onnx"
    other.write_bytes(b"not a model")

    result = CliRunner().invoke(main, ["page", str(other), "-o", str(tmp_path / "page.html"), "--runtime", ARCHIVE_AT])

    assert result.exit_code == 1
    assert not (tmp_path / "page.html").exists()
