"""The page in a real Chromium: images in, groups out, corrections, faults, camera, languages, keyboard, phones."""

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from familiar_model import GREY, colored
from referenced_model import encoded_images
from running_server import RunningServer, running_server
from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import Select, WebDriverWait
from tiny_model import tiny_model_bytes

from edgecls import image

COLORS = {"红花.png": (250, 10, 20), "green leaf & more.png": (5, 240, 30), "天空🐱.png": (12, 30, 245)}
WAIT_S = 120


@pytest.fixture(scope="module")
def feedback(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("feedback")


@pytest.fixture(scope="module")
def server(tiny_model_path: Path, feedback: Path) -> Iterator[RunningServer]:
    arguments = ("--model", tiny_model_path, "--feedback", feedback, "--feedback-new-labels")
    with running_server(*arguments) as server:
        yield server


@pytest.fixture
def page(browser: webdriver.Chrome, server: RunningServer) -> Iterator[webdriver.Chrome]:
    browser.set_window_size(1100, 1000)
    _visit(browser, server)
    yield browser
    browser.execute_script("localStorage.clear()")
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


@pytest.fixture
def images(tmp_path: Path) -> list[str]:
    for name, color in COLORS.items():
        (tmp_path / name).write_bytes(image.encode_png(np.full((60, 80, 3), color, np.uint8)))
    return [str(tmp_path / name) for name in COLORS]


def _visit(browser: webdriver.Chrome, server: RunningServer) -> None:
    browser.get(server.url)
    _wait(browser, lambda: browser.find_element(By.ID, "status-button").get_attribute("data-state") == "ready")


def _wait(browser: webdriver.Chrome, condition: object) -> None:
    # What is being looked at may be replaced meanwhile.
    patient = WebDriverWait(browser, WAIT_S, 0.05, ignored_exceptions=[StaleElementReferenceException])
    patient.until(lambda _: condition())  # type: ignore[operator]


def _choose(page: webdriver.Chrome, paths: list[str]) -> None:
    page.find_element(By.ID, "files").send_keys("\n".join(paths))


def _wait_for_answers(page: webdriver.Chrome, count: int) -> None:
    """Wait until the page has `count` images, all answered or failed, and their thumbnails have been tried."""
    _wait(
        page,
        lambda: page.execute_script(
            "const cards = [...document.querySelectorAll('.card')];"
            "const tried = (card) => card.querySelector('img').src || card.querySelector('.suffix').textContent;"
            "return cards.length === arguments[0] && !document.querySelector('.card.waiting') && cards.every(tried)",
            count,
        ),
    )


def _answer(page: webdriver.Chrome, paths: list[str]) -> None:
    _choose(page, paths)
    _wait_for_answers(page, len(paths))


def _groups(page: webdriver.Chrome) -> dict[str, list[str]]:
    """Return the names of the images in each group, as they stand on the page, all read at one moment."""
    groups: dict[str, list[str]] = page.execute_script(
        "const text = (element) => element.textContent.trim();"
        "return Object.fromEntries([...document.querySelectorAll('.group')].map((group) =>"
        "  [text(group.querySelector('.group-label')), [...group.querySelectorAll('.name')].map(text)]))"
    )
    return groups


def _open(page: webdriver.Chrome, name: str) -> WebElement:
    card = page.find_element(By.XPATH, f"//span[@class='name'][.='{name}']/ancestor::button")
    card.click()
    return page.find_element(By.ID, "detail")


def _screenshot(page: webdriver.Chrome, name: str) -> None:
    if folder := os.environ.get("EDGECLS_SCREENSHOTS"):
        page.save_screenshot(f"{folder}/{name}.png")


def test_images_come_grouped_by_label_in_the_models_order(page: webdriver.Chrome, images: list[str]) -> None:
    red, green, blue = images

    _answer(page, [blue, green, red, red])

    assert _groups(page) == {"red": ["红花.png"] * 2, "green": ["green leaf & more.png"], "blue": ["天空🐱.png"]}
    assert [chip.text.split() for chip in page.find_elements(By.CSS_SELECTOR, "#chips a")] == [
        ["red", "2"],
        ["green", "1"],
        ["blue", "1"],
    ]
    first = page.find_element(By.CSS_SELECTOR, ".card .bars li")
    assert first.text.split() == ["red", "100.0%"]
    assert page.find_element(By.ID, "progress-text").text == "4 images"
    _screenshot(page, "page")


def test_more_images_join_their_groups_in_the_order_in_which_they_came(
    page: webdriver.Chrome, images: list[str], tmp_path: Path
) -> None:
    (tmp_path / "later.png").write_bytes(Path(images[0]).read_bytes())
    _answer(page, images)

    _choose(page, [str(tmp_path / "later.png")])
    _wait_for_answers(page, 4)

    assert _groups(page)["red"] == ["红花.png", "later.png"]


def test_thumbnails_are_small(page: webdriver.Chrome, tmp_path: Path) -> None:
    (tmp_path / "large.png").write_bytes(image.encode_png(np.full((1500, 2000, 3), 200, np.uint8)))

    _answer(page, [str(tmp_path / "large.png")])

    assert page.execute_script("return document.querySelector('.card img').naturalWidth") == 320


def test_a_file_that_is_no_image_gets_a_card_that_says_so(
    page: webdriver.Chrome, images: list[str], tmp_path: Path
) -> None:
    (tmp_path / "notes.jpg").write_text("<b>these are notes</b>")

    _answer(page, [str(tmp_path / "notes.jpg"), images[0]])

    assert _groups(page) == {"red": ["红花.png"], "No answer": ["notes.jpg"]}
    failed = page.find_element(By.CSS_SELECTOR, ".card.failed")
    assert failed.find_element(By.CSS_SELECTOR, ".fault strong").text == "Unsupported image format"
    assert "not an image in a supported format" in failed.text
    assert not failed.find_element(By.CLASS_NAME, "again").is_displayed()  # it would not help
    assert page.find_element(By.ID, "progress-text").text == "2 images · 1 could not be answered"


def test_an_empty_file_is_called_so_and_not_sent(page: webdriver.Chrome, tmp_path: Path) -> None:
    (tmp_path / "empty.jpg").touch()
    page.execute_script("window.asked = []; const real = fetch; window.fetch = (p, o) => (asked.push(p), real(p, o))")

    _answer(page, [str(tmp_path / "empty.jpg")])

    assert page.find_element(By.CSS_SELECTOR, ".fault strong").text == "Empty file"
    assert "has no content" in page.find_element(By.CSS_SELECTOR, ".fault p").text
    assert [path for path in page.execute_script("return asked") if path.startswith("predict")] == []
    assert not page.find_element(By.ID, "again-all").is_displayed()


def test_all_that_a_lost_connection_has_cost_can_be_tried_again_at_once(
    page: webdriver.Chrome, images: list[str], tmp_path: Path
) -> None:
    (tmp_path / "empty.jpg").touch()
    page.execute_cdp_cmd("Network.enable", {})
    network = {"latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
    page.execute_cdp_cmd("Network.emulateNetworkConditions", {"offline": True, **network})
    try:
        _answer(page, [*images, str(tmp_path / "empty.jpg")])
        again = page.find_element(By.ID, "again-all")
        assert again.text == "Try 3 again"
        _screenshot(page, "try-again")
    finally:
        page.execute_cdp_cmd("Network.emulateNetworkConditions", {"offline": False, **network})

    again.click()

    _wait(page, lambda: set(_groups(page)) == {"red", "green", "blue", "No answer"})
    _wait(page, lambda: not again.is_displayed())
    assert page.switch_to.active_element.get_attribute("id") == "results"


def test_a_lost_connection_can_be_tried_again(page: webdriver.Chrome, images: list[str]) -> None:
    page.execute_cdp_cmd("Network.enable", {})
    network = {"latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
    page.execute_cdp_cmd("Network.emulateNetworkConditions", {"offline": True, **network})
    try:
        _answer(page, images[:1])
        assert "The server cannot be reached" in page.find_element(By.CSS_SELECTOR, ".card.failed").text
    finally:
        page.execute_cdp_cmd("Network.emulateNetworkConditions", {"offline": False, **network})

    page.find_element(By.CLASS_NAME, "again").click()

    _wait(page, lambda: _groups(page) == {"red": ["红花.png"]})


def test_images_wait_while_the_server_is_busy(browser: webdriver.Chrome, tiny_model_path: Path, tmp_path: Path) -> None:
    # It takes the server so long to decode that the four sent at once meet each other.
    (tmp_path / "large.png").write_bytes(image.encode_png(np.full((4000, 4000, 3), (250, 10, 20), np.uint8)))
    with running_server("--model", tiny_model_path, "--threads", 1, "--max-waiting", 0) as server:
        _visit(browser, server)
        browser.execute_script(
            "window.refused = 0; const real = fetch;"
            "window.fetch = async (...a) => { const r = await real(...a); refused += r.status === 503; return r; }"
        )

        _answer(browser, [str(tmp_path / "large.png")] * 4)

        assert browser.execute_script("return refused") > 0
        assert _groups(browser) == {"red": ["large.png"] * 4}


def test_stop_takes_what_has_no_answer_off_the_page(
    browser: webdriver.Chrome, tiny_model_path: Path, images: list[str]
) -> None:
    with running_server("--model", tiny_model_path, "--threads", 1, "--max-waiting", 0) as server:
        _visit(browser, server)
        browser.execute_script(
            "window.fetch = (path, { signal }) => new Promise((_, reject) => "
            "signal.addEventListener('abort', () => reject(signal.reason)))"
        )
        _choose(browser, images)
        _wait(browser, lambda: len(browser.find_elements(By.CSS_SELECTOR, ".card.waiting")) == 3)

        browser.find_element(By.ID, "stop").click()

        assert browser.find_elements(By.CLASS_NAME, "card") == []
        assert "Stopped" in browser.find_element(By.ID, "announcement").get_attribute("textContent")
        assert browser.switch_to.active_element.get_attribute("id") == "files"


@pytest.mark.parametrize(
    "event",
    [
        "new DragEvent('drop', {dataTransfer: data, bubbles: true})",
        "new ClipboardEvent('paste', {clipboardData: data, bubbles: true})",
    ],
    ids=["dropped", "pasted"],
)
def test_images_can_be_dropped_and_pasted(page: webdriver.Chrome, images: list[str], event: str) -> None:
    page.execute_script(
        "const data = new DataTransfer();"
        "data.items.add(new File([new Uint8Array(arguments[0])], 'brought.png', {type: 'image/png'}));"
        f"document.body.dispatchEvent({event})",
        list(Path(images[2]).read_bytes()),
    )
    _wait_for_answers(page, 1)

    assert _groups(page) == {"blue": ["brought.png"]}


def test_the_images_of_a_dropped_folder_are_taken(page: webdriver.Chrome, images: list[str], tmp_path: Path) -> None:
    folder = tmp_path / "文件夹"
    (folder / "deeper").mkdir(parents=True)
    Path(images[0]).rename(folder / "a.png")
    Path(images[1]).rename(folder / "deeper" / "b.png")
    (folder / "notes.txt").write_text("passed over")
    drag = {"x": 300, "y": 300, "data": {"items": [], "files": [str(folder)], "dragOperationsMask": 1}}

    for kind in ("dragEnter", "dragOver"):
        page.execute_cdp_cmd("Input.dispatchDragEvent", {"type": kind, **drag})
    _wait(page, page.find_element(By.ID, "drop-notice").is_displayed)
    page.execute_cdp_cmd("Input.dispatchDragEvent", {"type": "drop", **drag})
    _wait_for_answers(page, 2)

    assert _groups(page) == {"red": ["a.png"], "green": ["b.png"]}
    assert not page.find_element(By.ID, "drop-notice").is_displayed()


def test_the_camera_takes_images_and_is_let_go(page: webdriver.Chrome) -> None:
    page.find_element(By.ID, "camera-button").click()
    shutter = page.find_element(By.ID, "shutter")
    _wait(page, shutter.is_enabled)
    page.execute_script("window.track = document.querySelector('#camera-video').srcObject.getTracks()[0]")

    shutter.click()
    _wait(page, lambda: page.find_element(By.ID, "camera-note").text == "1 image taken")
    page.find_element(By.CSS_SELECTOR, "#camera .close").click()
    _wait_for_answers(page, 1)

    ((name,),) = _groups(page).values()
    assert name.startswith("camera ")
    _wait(page, lambda: page.execute_script("return track.readyState") == "ended")


def test_an_answer_is_explained_on_demand(page: webdriver.Chrome, tmp_path: Path) -> None:
    halves = np.full((60, 80, 3), (0, 0, 200), np.uint8)
    halves[:, :40] = (250, 0, 0)
    (tmp_path / "halves.png").write_bytes(image.encode_png(halves))
    _answer(page, [str(tmp_path / "halves.png")])
    dialog = _open(page, "halves.png")
    button, heat = (dialog.find_element(By.ID, name) for name in ("heat-button", "detail-heat"))
    assert not heat.is_displayed()

    button.click()
    _wait(page, lambda: heat.is_displayed() and page.execute_script("return arguments[0].naturalWidth", heat) > 80)
    assert button.get_attribute("aria-pressed") == "true"
    assert "red" in heat.get_attribute("alt")
    _screenshot(page, "heat")

    button.click()
    assert not heat.is_displayed()


def test_a_correction_is_kept_for_training(page: webdriver.Chrome, images: list[str], feedback: Path) -> None:
    _answer(page, images)
    dialog = _open(page, "红花.png")
    choice = Select(dialog.find_element(By.ID, "correct-label"))
    assert [option.text for option in choice.options] == ["choose a label", "blue", "green", "New label…"]

    choice.select_by_visible_text("green")
    dialog.find_element(By.ID, "send-correction").click()
    _wait(page, lambda: "Thank you" in dialog.find_element(By.ID, "correction-note").text)
    dialog.find_element(By.CLASS_NAME, "close").click()

    (stored,) = (feedback / "green").iterdir()
    assert stored.read_bytes() == Path(images[0]).read_bytes()
    record = json.loads((feedback / ".corrections" / f"{stored.stem}.json").read_text("utf-8"))
    assert (record["label"], record["predicted"], record["name"]) == ("green", "red", "红花.png")
    assert page.find_element(By.CSS_SELECTOR, ".card .corrected").text == "Corrected: green"


def test_a_new_label_can_be_given(page: webdriver.Chrome, images: list[str], feedback: Path) -> None:
    _answer(page, images[2:])
    dialog = _open(page, "天空🐱.png")

    Select(dialog.find_element(By.ID, "correct-label")).select_by_visible_text("New label…")
    dialog.find_element(By.ID, "new-label").send_keys("天空", Keys.ENTER)
    _wait(page, lambda: "Thank you" in dialog.find_element(By.ID, "correction-note").text)

    assert len(list((feedback / "天空").iterdir())) == 1


def test_a_correction_that_is_refused_says_why(
    browser: webdriver.Chrome, tiny_model_path: Path, tmp_path: Path, images: list[str]
) -> None:
    arguments = ("--model", tiny_model_path, "--feedback", tmp_path / "kept", "--feedback-max-mb", 0.001)
    with running_server(*arguments) as server:
        _visit(browser, server)
        _answer(browser, images[:1])
        dialog = _open(browser, "红花.png")
        Select(dialog.find_element(By.ID, "correct-label")).select_by_visible_text("blue")
        dialog.find_element(By.ID, "send-correction").click()

        note = dialog.find_element(By.ID, "correction-note")
        _wait(browser, lambda: "--feedback-max-mb" in note.text)
        assert note.text.startswith("No space for corrections")


def test_corrections_are_not_offered_where_the_server_takes_none(
    browser: webdriver.Chrome, tiny_model_path: Path, images: list[str]
) -> None:
    with running_server("--model", tiny_model_path) as server:
        _visit(browser, server)
        assert "are not stored" in browser.find_element(By.ID, "privacy").text
        _answer(browser, images[:1])

        assert not _open(browser, "红花.png").find_element(By.ID, "correction").is_displayed()


def test_an_unsure_answer_has_a_group_of_its_own_and_shows_the_candidates(
    browser: webdriver.Chrome, tiny_model_path: Path, images: list[str]
) -> None:
    with running_server("--model", tiny_model_path, "--unknown-threshold", 0.999999) as server:
        _visit(browser, server)
        _answer(browser, images[:1])

        assert _groups(browser) == {"Unknown: undecided": ["红花.png"]}
        assert browser.find_element(By.CSS_SELECTOR, ".card .bars .label").text == "red"
        _open(browser, "红花.png")
        assert browser.find_element(By.ID, "detail-label").text == "Unknown: undecided between red and blue"


def test_an_image_unlike_the_training_images_says_so_in_both_languages(
    browser: webdriver.Chrome, familiar_model_path: Path, images: list[str], tmp_path: Path
) -> None:
    (tmp_path / "grey.png").write_bytes(colored(GREY))
    with running_server("--model", familiar_model_path) as server:
        _visit(browser, server)
        _answer(browser, [*images[:1], str(tmp_path / "grey.png")])

        assert _groups(browser) == {"red": ["红花.png"], "Unknown: unlike the training images": ["grey.png"]}
        _open(browser, "grey.png")
        label = browser.find_element(By.ID, "detail-label")
        assert label.text == "Unknown: unlike the training images (red?)"
        assert "0.577" in browser.find_element(By.ID, "detail-facts").text
        grey, green = (
            browser.execute_script(
                "return getComputedStyle(document.querySelector(arguments[0])).getPropertyValue('--tint')", where
            )
            for where in ("#detail-bars li", ".group:not(.unknown) .bars li")
        )
        assert grey != green
        browser.execute_script("document.querySelector('#language').click()")
        assert label.text == "未知：不像训练图像（red？）"
        assert list(_groups(browser)) == ["red", "未知：不像训练图像"]
        browser.execute_script("localStorage.clear()")


def test_the_panel_says_what_has_changed_about_the_images(
    browser: webdriver.Chrome, referenced_model_path: Path
) -> None:
    with running_server("--model", str(referenced_model_path)) as server:
        for data in encoded_images(40, seed=4, darker=0.3):
            server.request("POST", "/predict", data)
        _visit(browser, server)
        browser.find_element(By.ID, "status-button").click()
        panel = browser.find_element(By.ID, "status")
        _wait(browser, lambda: "Images of the last 24 hours\nunlike the training images: " in panel.text)
        assert "brightness" in panel.text
        browser.execute_script("document.querySelector('#language').click()")
        _wait(browser, lambda: "最近 24 小时的图像\n与训练图像不同：" in panel.text)
        browser.execute_script("localStorage.clear()")


def test_the_status_says_what_runs_where(page: webdriver.Chrome, images: list[str]) -> None:
    _answer(page, images)
    page.find_element(By.ID, "status-button").click()

    panel = page.find_element(By.ID, "status")
    _wait(page, lambda: "Images answered" in panel.text)
    facts = {
        name.text: value.text
        for name, value in zip(
            panel.find_elements(By.TAG_NAME, "dt"), panel.find_elements(By.TAG_NAME, "dd"), strict=True
        )
    }
    assert int(facts["Images answered"]) >= 3
    assert (facts["Runs on"], facts["Architecture"], facts["Precision"]) == ("cpu", "mean_color", "float32")
    assert (facts["Input"], facts["Labels"]) == ("8 × 8, colour", "3")
    assert "Skipped" in " ".join(facts)
    _screenshot(page, "status")


def test_all_can_be_done_with_the_keyboard(page: webdriver.Chrome, images: list[str]) -> None:
    def press(*keys: str) -> WebElement:
        webdriver.ActionChains(page).send_keys(*keys).perform()
        return page.switch_to.active_element

    def tab_to(element_id: str) -> WebElement:
        for _ in range(30):
            if (focused := press(Keys.TAB)).get_attribute("id") == element_id:
                assert page.execute_script("return arguments[0].matches(':focus-visible')", focused)
                return focused
        raise AssertionError(f"Tab does not lead to {element_id}")

    page.find_element(By.TAG_NAME, "body").click()
    tab_to("files")
    _answer(page, images)
    page.find_element(By.ID, "clear").send_keys("")  # from where the next Tab starts
    for _ in range(8):
        if "open" in press(Keys.TAB).get_attribute("class"):
            break
    card = page.switch_to.active_element
    assert card.accessible_name == "红花.png: red, 100.0%. Show details"

    press(Keys.ENTER)
    label = page.find_element(By.ID, "detail-label")
    assert label.text == "red"
    press(Keys.ARROW_RIGHT)
    assert label.text == "green"
    tab_to("correct-label")
    press("b")  # as a list does: on to the first that begins with it
    press(Keys.TAB)
    press(Keys.ENTER)
    _wait(page, lambda: "“blue”" in page.find_element(By.ID, "correction-note").text)
    press(Keys.ESCAPE)

    assert not page.find_element(By.ID, "detail").is_displayed()
    assert page.switch_to.active_element.accessible_name.startswith("green leaf & more.png")


def test_the_ring_around_what_has_the_focus_is_not_behind_its_image(page: webdriver.Chrome, images: list[str]) -> None:
    _answer(page, images)
    page.find_element(By.CSS_SELECTOR, "#chips a:last-child").send_keys(Keys.TAB)
    opener = page.switch_to.active_element
    assert opener.get_attribute("class") == "open"

    ring = page.execute_script(
        "const card = arguments[0].closest('.card'), style = getComputedStyle(card);"
        "return [style.outlineStyle, parseFloat(style.outlineWidth), parseFloat(style.outlineOffset)]",
        opener,
    )
    assert ring == ["solid", 3, 2]
    _screenshot(page, "focus")


def test_screen_readers_are_told_how_far_it_is(page: webdriver.Chrome, images: list[str]) -> None:
    _answer(page, images)

    announcement = page.find_element(By.ID, "announcement")
    _wait(page, lambda: announcement.get_attribute("textContent") == "3 images")
    assert announcement.get_attribute("role") == "status"


def test_every_control_has_a_name(page: webdriver.Chrome, images: list[str]) -> None:
    _answer(page, images)
    nameless = [_nameless(page, "body")]
    _open(page, "红花.png")
    nameless.append(_nameless(page, "#detail"))

    assert nameless == [[], []]


def _nameless(page: webdriver.Chrome, root: str) -> list[str | None]:
    controls = page.find_element(By.CSS_SELECTOR, root).find_elements(By.CSS_SELECTOR, "a, button, input, select")
    assert len(controls) > 5
    shown = [control for control in controls if control.is_displayed()]
    return [control.get_attribute("outerHTML") for control in shown if not control.accessible_name]


def test_where_a_key_is_needed_it_is_asked_for_once(
    browser: webdriver.Chrome, tiny_model_path: Path, tmp_path: Path, images: list[str]
) -> None:
    keys = tmp_path / "keys.txt"
    keys.write_text("right-key-of-some-length page\n")
    with running_server("--model", tiny_model_path, "--api-keys", keys) as server:
        try:
            browser.get(server.url)
            dialog = browser.find_element(By.ID, "key")
            _wait(browser, dialog.is_displayed)
            dialog.find_element(By.ID, "key-input").send_keys("wrong", Keys.ENTER)
            _wait(browser, lambda: "does not know this key" in dialog.text)
            dialog.find_element(By.ID, "key-input").send_keys("right-key-of-some-length", Keys.ENTER)
            _wait(browser, lambda: "colors" in browser.find_element(By.ID, "status-line").text)

            _answer(browser, images)

            assert set(_groups(browser)) == {"red", "green", "blue"}
        finally:
            browser.execute_script("sessionStorage.clear()")


def test_the_page_speaks_chinese(page: webdriver.Chrome, images: list[str], server: RunningServer) -> None:
    page.find_element(By.ID, "language").click()
    _answer(page, images)

    assert page.find_element(By.TAG_NAME, "html").get_attribute("lang") == "zh-Hans"
    assert page.find_element(By.ID, "progress-text").text == "3 张图像"
    assert page.find_element(By.CSS_SELECTOR, "label.button").text == "选择图像"
    _screenshot(page, "chinese")
    _visit(page, server)  # the choice is kept
    assert page.find_element(By.ID, "invitation").text == "这些图像里是什么？"


def test_faults_are_told_in_chinese(page: webdriver.Chrome, tmp_path: Path, images: list[str]) -> None:
    (tmp_path / "notes.jpg").write_text("these are notes")
    (tmp_path / "cut.png").write_bytes(Path(images[0]).read_bytes()[:-30])
    (tmp_path / "huge.jpg").write_bytes(bytes(33 * 2**20))
    (tmp_path / "empty.jpg").touch()
    page.find_element(By.ID, "language").click()

    _answer(page, [str(tmp_path / name) for name in ("notes.jpg", "cut.png", "huge.jpg", "empty.jpg")])

    told = [element.text for element in page.find_elements(By.CSS_SELECTOR, ".card.failed .fault p")]
    assert len(told) == 4
    assert "格式" in told[0]
    assert "已损坏" in told[1]
    assert "（最多 32 MiB）" in told[2]
    assert "文件没有内容" in told[3]
    assert not any(word in text for text in told for word in ("the", "not a", "cannot"))


def test_the_page_begins_in_the_browsers_language(page: webdriver.Chrome, server: RunningServer) -> None:
    agent = page.execute_script("return navigator.userAgent")
    page.execute_cdp_cmd("Network.setUserAgentOverride", {"userAgent": agent, "acceptLanguage": "fr-FR,zh-TW,en"})
    try:
        _visit(page, server)
        assert page.find_element(By.ID, "invitation").text == "这些图像里是什么？"
    finally:
        page.execute_cdp_cmd("Network.setUserAgentOverride", {"userAgent": agent, "acceptLanguage": "en-US"})


def test_both_languages_have_all_words(page: webdriver.Chrome) -> None:
    both = page.execute_async_script(
        "const done = arguments[0];"
        "Promise.all([import('/web/text_en.js'), import('/web/text_zh.js')])"
        ".then((all) => done(all.map(({default: words}) => Object.keys(words).sort())))"
    )

    assert both[0] == both[1]


def _luminance(rgb: list[int]) -> float:
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in np.array(rgb) / 255]
    return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_are_told_apart(page: webdriver.Chrome, scheme: str) -> None:
    page.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    )
    names = ["paper", "card", "ink", "soft", "accent", "on-accent", "tint", "fault", "fault-tint", "edge", "focus"]
    colors = page.execute_script(
        "const style = getComputedStyle(document.documentElement);"
        "const digits = (name) => style.getPropertyValue(`--${name}`).match(/[0-9a-f]{2}/gi);"
        "return arguments[0].map((name) => digits(name).map((pair) => parseInt(pair, 16)))",
        names,
    )
    light = dict(zip(names, map(_luminance, colors), strict=True))

    def contrast(one: str, other: str) -> float:
        low, high = sorted((light[one], light[other]))
        return (high + 0.05) / (low + 0.05)

    # WCAG 2.2 AA: 4.5 for text, 3 for the edges of controls and the focus ring.
    text = [("ink", "paper"), ("ink", "card"), ("ink", "tint"), ("soft", "paper"), ("soft", "card"), ("soft", "tint")]
    text += [
        ("on-accent", "accent"),
        ("accent", "card"),
        ("fault", "card"),
        ("fault", "paper"),
        ("fault", "fault-tint"),
    ]
    edges = [("edge", "paper"), ("edge", "card"), ("focus", "paper"), ("focus", "card")]
    assert {pair: contrast(*pair) for pair in text if contrast(*pair) < 4.5} == {}
    assert {pair: contrast(*pair) for pair in edges if contrast(*pair) < 3} == {}
    assert (light["paper"] < light["ink"]) == (scheme == "dark")
    _screenshot(page, scheme)


@pytest.mark.parametrize("width", [320, 360, 1100], ids=["smallest", "phone", "desktop"])
def test_nothing_hangs_over_the_edge(page: webdriver.Chrome, images: list[str], tmp_path: Path, width: int) -> None:
    size = {"width": width, "height": 740, "deviceScaleFactor": 1, "mobile": width < 500}
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    (tmp_path / f"{'name' * 40}.jpg").write_text("no image")
    fits = "return [...document.querySelectorAll('html, dialog[open]')].every((e) => e.scrollWidth <= innerWidth)"

    assert page.execute_script(fits)
    _answer(page, [*images, str(tmp_path / f"{'name' * 40}.jpg")])
    assert page.execute_script(fits)
    page.execute_script("document.getElementById('status-line').textContent = 'a-model-of-this-name · cpu'")
    lines = (
        "const all = document.createRange(); all.selectNodeContents(arguments[0]); return all.getClientRects().length"
    )
    assert page.execute_script(lines, page.find_element(By.ID, "language")) == 1
    _screenshot(page, f"page-{width}")
    for opener, dialog in ((".open", "detail"), ("#status-button", "status"), ("#camera-button", "camera")):
        page.find_element(By.CSS_SELECTOR, opener).click()
        _wait(page, page.find_element(By.ID, dialog).is_displayed)
        _screenshot(page, f"{dialog}-{width}")
        assert page.execute_script(fits), dialog
        page.find_element(By.CSS_SELECTOR, f"#{dialog} .close").click()


@pytest.mark.parametrize("width", [320, 1100])
def test_long_labels_leave_room_and_notes_move_nothing(browser: webdriver.Chrome, tmp_path: Path, width: int) -> None:
    labels = ("red", "a label of" + " very many words" * 8, "word" * 40)
    (tmp_path / "colors.onnx").write_bytes(tiny_model_bytes(labels=labels))
    (tmp_path / "red.png").write_bytes(image.encode_png(np.full((60, 80, 3), (250, 10, 20), np.uint8)))
    size = {"width": width, "height": 740, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    places = (
        "return ['#detail', '#heat-button', '#correct-label', '#send-correction'].map((name) => {"
        "const {x, y, right, height} = document.querySelector(name).getBoundingClientRect();"
        "const scrolled = name === '#detail' ? 0 : document.querySelector('#detail').scrollTop + "
        "document.querySelector('.detail-text').scrollTop; return [x, y + scrolled, right, height]; })"
    )
    arguments = ("--model", tmp_path / "colors.onnx", "--feedback", tmp_path / "kept", "--feedback-new-labels")
    try:
        with running_server(*arguments) as server:
            _visit(browser, server)
            _answer(browser, [str(tmp_path / "red.png")])
            dialog = _open(browser, "red.png")
            before = browser.execute_script(places)
            dialog.find_element(By.ID, "heat-button").click()
            _wait(browser, dialog.find_element(By.ID, "detail-heat").is_displayed)
            Select(dialog.find_element(By.ID, "correct-label")).select_by_index(1)
            dialog.find_element(By.ID, "send-correction").click()
            note = dialog.find_element(By.ID, "correction-note")
            _wait(browser, lambda: "Thank you" in note.text)
            _screenshot(browser, f"long-labels-{width}")

            assert browser.execute_script(places) == before
            (_, _, edge, _), *controls = before
            assert all(right < edge for _, _, right, _ in controls)
            assert browser.execute_script(
                "const boxes = [...document.querySelectorAll('#detail, .detail-text')];"
                "return boxes.every((box) => box.scrollWidth <= box.clientWidth)"
            )
            top, bottom = browser.execute_script(
                "const {top, bottom} = arguments[0].getBoundingClientRect(); return [top, bottom]", note
            )
            assert top < 740
            assert bottom <= 740
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_a_server_that_has_gone_is_noticed_with_the_first_request(
    browser: webdriver.Chrome, tiny_model_path: Path, images: list[str]
) -> None:
    # Timers of a second and more are noted, and never fire.
    script = (
        "window.pauses = []; const real = setTimeout;"
        "window.setTimeout = (f, ms, ...a) => ms >= 900 ? (pauses.push(ms), 0) : real(f, ms, ...a)"
    )
    added = browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": script})
    try:
        with running_server("--model", tiny_model_path) as server:
            browser.get(server.url)
            light = browser.find_element(By.ID, "status-button")
            _wait(
                browser,
                lambda: light.get_attribute("data-state") == "ready" and browser.execute_script("return pauses"),
            )
            assert browser.execute_script("return pauses.at(-1)") <= 5000
            server.stop()
            assert light.get_attribute("data-state") == "ready"
            _answer(browser, images[:1])
            _wait(browser, lambda: light.get_attribute("data-state") == "away")
    finally:
        browser.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", added)


def test_a_server_that_hangs_is_noticed(browser: webdriver.Chrome, tiny_model_path: Path) -> None:
    with running_server("--model", tiny_model_path) as server:
        _visit(browser, server)
        server.process.send_signal(signal.SIGSTOP)
        light = browser.find_element(By.ID, "status-button")
        _wait(browser, lambda: light.get_attribute("data-state") == "away")
        server.process.send_signal(signal.SIGCONT)
        _wait(browser, lambda: light.get_attribute("data-state") == "ready")


def test_what_is_cleared_is_let_go(browser: webdriver.Chrome, server: RunningServer, images: list[str]) -> None:
    count = (
        "window.held = new Set(); const {createObjectURL, revokeObjectURL} = URL;"
        "URL.createObjectURL = (x) => { const url = createObjectURL.call(URL, x); held.add(url); return url; };"
        "URL.revokeObjectURL = (url) => { held.delete(url); revokeObjectURL.call(URL, url); };"
    )
    _visit(browser, server)
    browser.execute_script(count)
    _answer(browser, images)
    dialog = _open(browser, "红花.png")
    dialog.find_element(By.ID, "heat-button").click()
    _wait(browser, dialog.find_element(By.ID, "detail-heat").is_displayed)
    dialog.find_element(By.ID, "detail-after").click()
    dialog.find_element(By.CLASS_NAME, "close").click()
    _wait(browser, lambda: browser.execute_script("return held.size") == 3)  # the thumbnails

    browser.find_element(By.ID, "clear").click()

    _wait(browser, lambda: browser.execute_script("return held.size") == 0)  # a thumbnail may still be in the making
    _wait(browser, lambda: not browser.find_element(By.ID, "summary").is_displayed())


def test_the_browser_found_nothing_to_complain_about(page: webdriver.Chrome, images: list[str]) -> None:
    page.get_log("browser")
    _answer(page, images)
    dialog = _open(page, "红花.png")
    dialog.find_element(By.ID, "heat-button").click()
    _wait(page, dialog.find_element(By.ID, "detail-heat").is_displayed)
    dialog.find_element(By.CLASS_NAME, "close").click()
    page.find_element(By.ID, "language").click()

    assert page.get_log("browser") == []
