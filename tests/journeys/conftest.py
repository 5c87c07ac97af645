"""A real Chromium."""

import os
import shutil
from collections.abc import Iterator

import pytest
from selenium import webdriver

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome") or shutil.which("chromium-browser")
DRIVER = shutil.which("chromedriver")


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    """A browser that keeps what pages write to its console; CI must not pass over it."""
    if not (CHROMIUM and DRIVER) and "EDGECLS_REQUIRE_BROWSER" not in os.environ:
        pytest.skip("needs Chromium and ChromeDriver (Debian: apt install chromium chromium-driver)")
    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for argument in (
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--window-size=1100,1000",
        "--lang=en-US",
        "--host-resolver-rules=MAP *.test 127.0.0.1",  # names that are not this machine's to a browser
        "--use-fake-device-for-media-stream",  # a camera that shows a moving image
        "--use-fake-ui-for-media-stream",  # and a user who allows it
        f"--user-data-dir={tmp_path_factory.mktemp('chromium')}",
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    yield driver
    driver.quit()
