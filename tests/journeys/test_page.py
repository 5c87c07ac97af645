"""The upload page in a real Chromium: choose several pictures, see answers, see an error, use the keyboard."""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from running_server import running_server
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from edgecls import image


@pytest.fixture(scope="module")
def url(tiny_model_path: Path) -> Iterator[str]:
    with running_server("--model", tiny_model_path) as server:
        yield server.url


@pytest.fixture
def page(browser: webdriver.Chrome, url: str) -> webdriver.Chrome:
    browser.get(url)
    WebDriverWait(browser, 30).until(lambda driver: "runs on" in driver.find_element(By.ID, "model").text)
    return browser


@pytest.fixture
def pictures(tmp_path: Path) -> list[str]:
    names = {"红花.png": (250, 10, 20), "green leaf & more.png": (5, 240, 30), "天空🐱.png": (12, 30, 245)}
    for name, color in names.items():
        (tmp_path / name).write_bytes(image.encode_png(np.full((60, 80, 3), color, np.uint8)))
    return [str(tmp_path / name) for name in names]


def _choose(page: webdriver.Chrome, paths: list[str]) -> None:
    page.find_element(By.ID, "files").send_keys("\n".join(paths))


def _wait_until_done(page: webdriver.Chrome, count: int) -> None:
    WebDriverWait(page, 30).until(
        lambda driver: driver.find_element(By.ID, "progress").text == f"{count} of {count} done"
    )


def test_the_page_says_which_model_runs_on_what(page: webdriver.Chrome) -> None:
    assert page.find_element(By.ID, "model").text == "colors: 3 labels, runs on cpu"


def test_several_pictures_get_their_answers_in_order(page: webdriver.Chrome, pictures: list[str]) -> None:
    _choose(page, pictures)
    _wait_until_done(page, 3)

    cards = page.find_elements(By.CSS_SELECTOR, "#results .card")
    assert [card.find_element(By.CLASS_NAME, "name").text for card in cards] == [Path(path).name for path in pictures]
    assert [card.find_element(By.CLASS_NAME, "answer").text for card in cards] == ["red", "green", "blue"]
    meters = cards[0].find_elements(By.TAG_NAME, "meter")
    assert [meter.get_attribute("aria-label") for meter in meters] == ["red", "blue", "green"]  # best first
    assert float(meters[0].get_attribute("value")) > 0.99
    if folder := os.environ.get("EDGECLS_SCREENSHOTS"):
        page.save_screenshot(f"{folder}/page.png")


def test_a_file_that_is_no_picture_gets_a_card_that_says_so(
    page: webdriver.Chrome, pictures: list[str], tmp_path: Path
) -> None:
    (tmp_path / "notes.jpg").write_text("<b>these are notes</b>")

    _choose(page, [str(tmp_path / "notes.jpg"), pictures[0]])
    _wait_until_done(page, 2)

    failed, answered = page.find_elements(By.CSS_SELECTOR, "#results .card")
    assert "failed" in failed.get_attribute("class")
    assert "not a picture in a supported format" in failed.text
    assert answered.find_element(By.CLASS_NAME, "answer").text == "red"


def test_the_keyboard_reaches_the_file_chooser(page: webdriver.Chrome) -> None:
    page.find_element(By.TAG_NAME, "body").send_keys(Keys.TAB)

    assert page.switch_to.active_element.get_attribute("id") == "files"


def test_an_unsure_answer_says_so_and_shows_the_candidates(
    browser: webdriver.Chrome, tiny_model_path: Path, pictures: list[str]
) -> None:
    with running_server("--model", tiny_model_path, "--unknown-threshold", 0.999999) as server:
        browser.get(server.url)
        _choose(browser, pictures[:1])
        _wait_until_done(browser, 1)

        card = browser.find_element(By.CSS_SELECTOR, "#results .card")
        assert card.find_element(By.CLASS_NAME, "answer").text == "unknown (none of these is sure enough)"
        assert card.find_element(By.CSS_SELECTOR, ".scores .label").text == "red"


def test_the_browser_found_nothing_to_complain_about(page: webdriver.Chrome, pictures: list[str]) -> None:
    page.get_log("browser")
    _choose(page, pictures)
    _wait_until_done(page, 3)

    assert page.get_log("browser") == []


@pytest.mark.parametrize("width", [360, 1100], ids=["phone", "desktop"])
def test_nothing_hangs_over_the_edge(page: webdriver.Chrome, pictures: list[str], width: int) -> None:
    page.set_window_size(width, 1000)
    _choose(page, pictures)
    _wait_until_done(page, 3)

    assert page.execute_script("return document.documentElement.scrollWidth <= window.innerWidth")
    if folder := os.environ.get("EDGECLS_SCREENSHOTS"):
        page.save_screenshot(f"{folder}/page-{width}.png")
