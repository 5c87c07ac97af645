"""Teaching in a real Chromium: labels, trainings, a try, a correction, downloads, the camera, keys, phones."""

import os
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from running_server import RunningServer, running_server
from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select, WebDriverWait
from taught_images import taught_image

from edgecls.modelfile import read_model

WAIT_S = 240


@pytest.fixture
def server(tiny_model_path: Path, tmp_path: Path) -> Iterator[RunningServer]:
    arguments = ("--model", tiny_model_path, "--teach", tmp_path / "colours", "--teach-min-free-mb", "0")
    with running_server(*arguments) as server:
        yield server


@pytest.fixture
def page(browser: webdriver.Chrome, server: RunningServer) -> Iterator[webdriver.Chrome]:
    browser.set_window_size(1100, 1400)
    browser.get(server.url)
    _wait(browser, lambda: browser.find_element(By.ID, "teach-tab").is_displayed())
    yield browser
    browser.execute_script("localStorage.clear()")
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def _wait(browser: webdriver.Chrome, condition: Callable[[], object]) -> None:
    patient = WebDriverWait(browser, WAIT_S, 0.05, ignored_exceptions=[StaleElementReferenceException])
    patient.until(lambda _: condition())


def _screenshot(page: webdriver.Chrome, name: str) -> None:
    if folder := os.environ.get("EDGECLS_SCREENSHOTS"):
        page.save_screenshot(f"{folder}/teach-{name}.png")


def _files(folder: Path, color: str, numbers: range) -> str:
    folder.mkdir(exist_ok=True)
    paths = [folder / f"{color}-{number}.png" for number in numbers]
    for path, number in zip(paths, numbers, strict=True):
        path.write_bytes(taught_image(color, number))
    return "\n".join(map(str, paths))


def _text(page: webdriver.Chrome, name: str) -> str:
    return page.find_element(By.ID, f"teach-{name}").text


def _labels(page: webdriver.Chrome) -> dict[str, int]:
    state: dict[str, list[dict[str, int]]] = page.execute_async_script(
        "const done = arguments[0]; fetch('teach').then((answer) => answer.json()).then(done)"
    )
    return {str(entry["label"]): entry["images"] for entry in state["labels"]}


def _make(page: webdriver.Chrome, label: str) -> None:
    page.find_element(By.ID, "teach-label").send_keys(label, Keys.ENTER)
    chosen = "#teach-labels [aria-checked=true] .teach-name"
    _wait(page, lambda: [one.text for one in page.find_elements(By.CSS_SELECTOR, chosen)] == [label])


def _rename(page: webdriver.Chrome, name: str) -> None:
    page.find_element(By.ID, "teach-rename").click()
    page.find_element(By.ID, "teach-new-name").send_keys(Keys.CONTROL, "a")
    page.find_element(By.ID, "teach-new-name").send_keys(name, Keys.ENTER)


def _choose(page: webdriver.Chrome, files: str) -> None:
    page.find_element(By.ID, "teach-files").send_keys(files)


def _add(page: webdriver.Chrome, files: str) -> None:
    _choose(page, files)
    _wait(page, lambda: "added to" in _text(page, "note"))


def _train(page: webdriver.Chrome) -> None:
    page.find_element(By.ID, "teach-train").click()
    _wait(page, lambda: _text(page, "status").startswith("Training:"))
    _screenshot(page, "progress")
    _wait(page, lambda: not _text(page, "status").startswith("Training:"))
    assert _text(page, "status").startswith("Trained in"), _text(page, "status")


def _downloaded(page: webdriver.Chrome, folder: Path, button: str, name: str) -> Path:
    page.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(folder)})
    page.find_element(By.ID, button).click()
    _wait(page, (folder / name).exists)
    return folder / name


def test_two_labels_are_taught_tried_corrected_and_learned(page: webdriver.Chrome, tmp_path: Path) -> None:
    page.find_element(By.ID, "teach-tab").click()
    _wait(page, lambda: "At least two labels" in _text(page, "warnings"))
    _make(page, "红/red")
    _add(page, _files(tmp_path / "files", "red", range(12)))
    _make(page, "green")
    _add(page, _files(tmp_path / "files", "green", range(8)))
    _wait(page, lambda: "Few images: green (8)" in _text(page, "warnings"))
    assert _labels(page) == {"红/red": 12, "green": 8}
    _screenshot(page, "labels")

    _train(page)
    assert "Model 1" in _text(page, "versions")
    assert "cross-validated" in _text(page, "versions")
    page.find_element(By.ID, "teach-try-files").send_keys(_files(tmp_path / "files", "blue", range(1)))
    _wait(page, lambda: page.find_elements(By.CSS_SELECTOR, "#teach-tries .teach-answer + .teach-answer"))
    assert "Served now: colors" in _text(page, "tries")
    _screenshot(page, "tried")
    select = Select(page.find_element(By.CSS_SELECTOR, "#teach-tries select"))
    select.select_by_visible_text("green")
    _wait(page, lambda: "Added to “green”" in _text(page, "tries"))
    _wait(page, lambda: _text(page, "train") == "Learn from 1 correction")
    page.find_element(By.ID, "teach-use").click()
    _wait(page, lambda: _text(page, "use") == "In use")

    page.find_element(By.ID, "classify-tab").click()
    page.find_element(By.ID, "files").send_keys(_files(tmp_path / "files", "blue", range(1, 2)))
    _wait(page, lambda: page.find_elements(By.CSS_SELECTOR, ".card.answered"))
    page.find_element(By.CSS_SELECTOR, ".card .open").click()
    _wait(page, page.find_element(By.ID, "correction").is_displayed)
    Select(page.find_element(By.ID, "correct-label")).select_by_visible_text("New label…")
    page.find_element(By.ID, "new-label").send_keys("blue", Keys.ENTER)
    _wait(page, lambda: "Thank you" in page.find_element(By.ID, "correction-note").text)
    page.find_element(By.CSS_SELECTOR, "#detail .close").click()
    page.find_element(By.ID, "teach-tab").click()
    _wait(page, lambda: _text(page, "train") == "Learn from 2 corrections")
    assert _labels(page) == {"红/red": 12, "green": 9, "blue": 1}
    _wait(page, lambda: len(page.find_elements(By.CSS_SELECTOR, "#teach-labels button")) == 3)
    page.find_element(By.TAG_NAME, "body").send_keys("3")
    _wait(page, lambda: page.find_element(By.CSS_SELECTOR, "#teach-labels [aria-checked=true]").text.endswith("1"))
    _add(page, _files(tmp_path / "files", "blue", range(2, 6)))
    _train(page)
    assert "Model 2" in _text(page, "versions")
    rows = [row.text for row in page.find_elements(By.CSS_SELECTOR, "#teach-rows tr")]
    assert len(rows) == 3
    _screenshot(page, "learned")

    model = _downloaded(page, tmp_path, "teach-download", "colours-2.onnx")
    verified = subprocess.run(
        [sys.executable, "-m", "edgecls", "verify", str(model)], capture_output=True, text=True, check=False
    )
    assert verified.returncode == 0, verified.stderr
    assert set(read_model(model).card.labels) == {"红/red", "green", "blue"}
    archive = zipfile.ZipFile(_downloaded(page, tmp_path, "teach-zip", "colours.zip"))
    assert len(archive.namelist()) == 12 + 9 + 5 + 1
    archive.close()
    assert [entry for entry in page.get_log("browser") if entry["level"] == "SEVERE"] == []


_SLOW_PHOTOS = """
const { toBlob } = HTMLCanvasElement.prototype;
window.photosUnderWay = 0;
HTMLCanvasElement.prototype.toBlob = function (take, ...how) {
  window.photosUnderWay += 1;
  const late = (blob) => {
    take(blob);
    window.photosUnderWay -= 1;
  };
  toBlob.call(this, (blob) => setTimeout(late, 1500, blob), ...how);
};
"""


def test_the_camera_takes_a_series_and_one_undo_takes_it_back(page: webdriver.Chrome, tmp_path: Path) -> None:
    page.find_element(By.ID, "teach-tab").click()
    _make(page, "cup")
    page.find_element(By.ID, "teach-camera").click()
    shutter = page.find_element(By.ID, "shutter")
    _wait(page, shutter.is_enabled)
    webdriver.ActionChains(page).click_and_hold(shutter).perform()
    _wait(page, lambda: page.find_element(By.ID, "camera-note").text.startswith("3"))
    page.execute_script(_SLOW_PHOTOS)  # the last one arrives after the undo
    webdriver.ActionChains(page).release().perform()
    page.find_element(By.CSS_SELECTOR, "#camera .close").click()
    _wait(page, lambda: "added to" in _text(page, "note"))
    _wait(page, lambda: _labels(page)["cup"] >= 3)

    _wait(page, lambda: "added" in _text(page, "undo"))
    page.find_element(By.ID, "teach-undo").click()

    _wait(page, lambda: _labels(page) == {"cup": 0})
    _wait(page, lambda: page.execute_script("return window.photosUnderWay === 0"))
    _choose(page, _files(tmp_path / "files", "red", range(1)))
    _wait(page, lambda: _labels(page) == {"cup": 1})


def test_an_undo_ends_what_is_being_added_and_takes_it_back(page: webdriver.Chrome, tmp_path: Path) -> None:
    page.find_element(By.ID, "teach-tab").click()
    _make(page, "cup")
    _choose(page, _files(tmp_path / "files", "red", range(60)))
    _wait(page, lambda: _labels(page)["cup"] > 0)

    page.find_element(By.ID, "teach-undo").click()

    _wait(page, lambda: _labels(page) == {"cup": 0})
    _choose(page, _files(tmp_path / "files", "green", range(1)))
    _wait(page, lambda: _labels(page) == {"cup": 1})


def test_images_that_are_being_added_follow_a_label_to_its_new_name_and_end_with_it(
    page: webdriver.Chrome, tmp_path: Path
) -> None:
    page.find_element(By.ID, "teach-tab").click()
    _make(page, "cup")
    _choose(page, _files(tmp_path / "files", "red", range(60)))
    _wait(page, lambda: _labels(page)["cup"] > 0)
    _rename(page, "mug")
    _wait(page, lambda: _labels(page) == {"mug": 60})

    _make(page, "plate")
    _choose(page, _files(tmp_path / "files", "green", range(60)))
    _wait(page, lambda: _labels(page)["plate"] > 0)
    page.find_element(By.ID, "teach-forget").click()
    _wait(page, lambda: _labels(page) == {"mug": 60})
    _choose(page, _files(tmp_path / "files", "red", range(60, 61)))
    _wait(page, lambda: _labels(page) == {"mug": 61})


def test_labels_are_renamed_images_moved_and_removed_and_all_of_it_undone(
    page: webdriver.Chrome, tmp_path: Path
) -> None:
    page.find_element(By.ID, "teach-tab").click()
    _make(page, "a")
    _add(page, _files(tmp_path / "files", "red", range(2)))
    _make(page, "b")
    page.find_element(By.TAG_NAME, "body").send_keys("1")
    _wait(page, lambda: len(page.find_elements(By.CSS_SELECTOR, "#teach-images img[src]")) == 2)
    page.find_element(By.CSS_SELECTOR, "#teach-images button").click()
    Select(page.find_element(By.ID, "teach-move")).select_by_visible_text("b")
    _wait(page, lambda: _labels(page) == {"a": 1, "b": 1})
    page.find_element(By.CSS_SELECTOR, "#teach-labels button").click()
    _rename(page, "<b>x</b>")
    _wait(page, lambda: _labels(page) == {"<b>x</b>": 1, "b": 1})
    page.find_element(By.ID, "teach-forget").click()
    _wait(page, lambda: _labels(page) == {"b": 1})
    for expected in ({"<b>x</b>": 1, "b": 1}, {"a": 1, "b": 1}, {"a": 2, "b": 0}):
        button = page.find_element(By.ID, "teach-undo")
        words = button.text
        button.click()
        _wait(page, lambda expected=expected: _labels(page) == expected)
        _wait(page, lambda words=words: page.find_element(By.ID, "teach-undo").text != words)


@pytest.mark.parametrize(("width", "language"), [(360, "en"), (1100, "zh")])
def test_it_fits_phones_speaks_chinese_and_all_controls_have_names(
    page: webdriver.Chrome, tmp_path: Path, width: int, language: str
) -> None:
    page.find_element(By.ID, "teach-tab").click()
    _make(page, "a label of very many words that goes on and on")
    _add(page, _files(tmp_path / "files", "red", range(3)))
    size = {"width": width, "height": 1000, "deviceScaleFactor": 1, "mobile": width < 500}
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    dark = {"features": [{"name": "prefers-color-scheme", "value": "dark"}]}
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", dark if language == "zh" else {"features": []})
    if language == "zh":
        page.find_element(By.ID, "language").click()
        _wait(page, lambda: "至少要有两个类别" in _text(page, "warnings"))
    _screenshot(page, f"{language}-{width}")

    assert page.execute_script("return document.documentElement.scrollWidth <= innerWidth")
    controls = page.find_element(By.ID, "teach").find_elements(By.CSS_SELECTOR, "button, input, select")
    shown = [control for control in controls if control.is_displayed()]
    assert len(shown) > 8
    assert [control.get_attribute("outerHTML") for control in shown if not control.accessible_name] == []
    both = page.execute_async_script(
        "const done = arguments[0];"
        "Promise.all([import('/web/teach/text_en.js'), import('/web/teach/text_zh.js')])"
        ".then((all) => done(all.map(({default: words}) => Object.keys(words).sort())))"
    )
    assert both[0] == both[1]
