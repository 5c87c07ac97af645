"""The configuration for Home Assistant in examples/: it is YAML, and its templates fit the answers of a server."""

import json
import os
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgecls
from edgecls import image

if "EDGECLS_REQUIRE_EXAMPLES" not in os.environ:
    pytest.importorskip("jinja2", reason="needs Jinja2, in which the templates are written")

import jinja2
import yaml

FILE = Path(__file__).parents[2] / "examples" / "home-assistant" / "configuration.yaml"
CONFIGURATION: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
REST = CONFIGURATION["rest"][0]
TEMPLATE = CONFIGURATION["template"][0]


def _evaluated(template: str, **values: Any) -> str:
    return jinja2.Environment(undefined=jinja2.StrictUndefined).from_string(template).render(values)


@pytest.fixture(scope="module")
def answer(tiny_model_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """What a server answers to the address in the configuration."""
    folder = tmp_path_factory.mktemp("images")
    red = image.encode_jpeg(np.full((40, 60, 3), (250, 10, 20), np.uint8), quality=90)
    (folder / "front-door.jpg").write_bytes(red)
    with (
        edgecls.serve(tiny_model_path, image_root=folder) as url,
        urllib.request.urlopen(REST["resource"].replace("http://raspberrypi.local:8000", url)) as response,
    ):
        yield json.loads(response.read())


def test_the_sensors_show_what_the_server_answers(answer: dict[str, Any]) -> None:
    label, probability = REST["sensor"]

    assert _evaluated(label["value_template"], value_json=answer) == "red"
    shown = float(_evaluated(probability["value_template"], value_json=answer))
    assert shown == pytest.approx(100 * answer["probability"], abs=0.1)
    assert probability["unit_of_measurement"] == "%"
    assert set(label["json_attributes"]) <= answer.keys()
    for sensor in REST["sensor"]:
        assert _evaluated(sensor["availability"], value_json=answer) == "True"


def test_an_unknown_image_and_an_error_are_no_label(answer: dict[str, Any]) -> None:
    label, _ = REST["sensor"]

    unknown = {**answer, "label": "unknown", "known": False}
    assert _evaluated(label["value_template"], value_json=unknown) == "not recognized"
    refused = {"error": {"type": "ImageReadError", "message": "there is no image"}}
    assert _evaluated(label["availability"], value_json=refused) == "False"


def test_the_webhook_takes_what_the_camera_script_sends() -> None:
    sent = {"label": "red", "known": True, "probability": 0.98, "time": "2026-01-01T00:00:00+0000"}
    (sensor,) = TEMPLATE["sensor"]

    assert _evaluated(sensor["state"], trigger={"json": sent}) == "red"
    assert _evaluated(sensor["attributes"]["probability"], trigger={"json": sent}) == "0.98"
    assert TEMPLATE["trigger"][0]["webhook_id"] in FILE.with_name("..").joinpath("raspberry-pi/camera.py").read_text()


def test_every_sensor_can_be_told_from_the_others() -> None:
    identities = [sensor["unique_id"] for sensor in (*REST["sensor"], *TEMPLATE["sensor"])]

    assert len(set(identities)) == len(identities) == 3
