"""The report in a real Chromium: it fits a phone and a desk, its images show, and nothing is complained about."""

import os
from pathlib import Path

import pytest
from color_folders import write_color_folders
from selenium import webdriver
from tiny_model import tiny_card

from edgecls.dataset.formats.read import read_dataset
from edgecls.evaluation.evaluate import evaluate
from edgecls.evaluation.history import EpochReport
from edgecls.evaluation.report import write_report
from edgecls.runtime.classifier import Classifier


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory, tiny_classifier: Classifier) -> Path:
    folder = tmp_path_factory.mktemp("report")
    found = evaluate(tiny_classifier, read_dataset(write_color_folders(folder / "data")).train, workers=1)
    history = [
        EpochReport(epoch, 3, "all layers", 1 / epoch, 0.5, 1.2 / epoch, 0.6, 1e-3, 3.0, is_best=False)
        for epoch in (1, 2, 3)
    ]
    write_report(folder / "report.html", found, card=tiny_card(name="交通标志" * 5), history=history, model_bytes=1)
    return folder / "report.html"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1150], ids=["phone", "desk"])
def test_it_fits_and_shows_everything(browser: webdriver.Chrome, report: Path, width: int, scheme: str) -> None:
    media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    browser.get(report.as_uri())

    assert browser.execute_script("return document.documentElement.scrollWidth <= window.innerWidth")
    shown = browser.execute_async_script(
        "const done = arguments[0], images = [...document.images];"
        "images.forEach((image) => { image.loading = 'eager'; });"
        "Promise.all(images.map((image) => image.decode())).then("
        "  () => done(images.map((image) => image.naturalWidth)), (error) => done(String(error)));"
    )
    assert len(shown) == 2 + 2 + 1 + 9  # plots, training curves, one mistake, examples
    assert min(shown) > 100
    background = browser.execute_script("return getComputedStyle(document.body).backgroundColor")
    assert background == {"light": "rgb(251, 250, 247)", "dark": "rgb(27, 26, 24)"}[scheme]
    assert browser.get_log("browser") == []
    if folder := os.environ.get("EDGECLS_SCREENSHOTS"):
        browser.save_screenshot(f"{folder}/report-{width}-{scheme}.png")
