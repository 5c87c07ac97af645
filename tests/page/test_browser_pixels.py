"""The page's own modules for pixels do what edgecls's do in Python: under Node, where it is installed."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from icc_profiles import ADOBE_RGB, DISPLAY_P3, SRGB_PROFILE, TONE_CURVES, profile_of

from edgecls import image
from edgecls.image_formats.color_profile import profile_of_primaries, srgb_conversion
from edgecls.image_spec import Color, Fit, ImageSpec
from edgecls.resize import resize

OFFLINE = Path(image.__file__).parent / "web" / "offline"
NODE = shutil.which("node")

pytestmark = pytest.mark.skipif(
    NODE is None and "EDGECLS_REQUIRE_PAGE" not in os.environ, reason="needs Node.js (Debian: apt install nodejs)"
)

SIZES = [(1, 1), (3, 2), (7, 41), (24, 24), (25, 23), (47, 48), (48, 48), (49, 50), (97, 31), (130, 200), (301, 97)]
TARGETS = [(24, 24), (32, 20), (17, 33), (1, 5)]


def _node(program: str, given: Any, folder: Path) -> Any:
    """Run a program with the modules of the page; it gets `given` and returns what is JSON."""
    script = folder / "program.mjs"
    source = f'import {{ readFileSync }} from "node:fs";\nconst given = JSON.parse(readFileSync(0));\n{program}\n'
    script.write_text(source.replace("@/", OFFLINE.as_uri() + "/"), encoding="utf-8")
    command = [str(NODE), "--experimental-default-type=module", str(script)]
    done = subprocess.run(command, input=json.dumps(given), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def _pixels(height: int, width: int, channels: int) -> npt.NDArray[np.uint8]:
    rng = np.random.default_rng(height * 1000 + width)
    y, x = np.mgrid[0:height, 0:width]
    smooth = np.dstack([127 + 120 * np.sin((channel + 1) * x / 9 + y / 7) for channel in range(channels)])
    return np.clip(smooth + rng.integers(-40, 40, smooth.shape), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("fit", list(Fit))
@pytest.mark.parametrize("channels", [1, 3])
def test_fitting_gives_the_same_pixels_to_within_one_level(fit: Fit, channels: int, tmp_path: Path) -> None:
    cases = [(size, target) for size in SIZES for target in TARGETS]
    given = [
        {
            "data": _pixels(*size, channels).ravel().tolist(),
            "height": size[0],
            "width": size[1],
            "channels": channels,
            "spec": {"height": target[0], "width": target[1], "fit": str(fit)},
        }
        for size, target in cases
    ]
    program = (
        'import { fit } from "@/fit.js";\n'
        "const fitted = ({ spec, ...pixels }) => fit({ ...pixels, data: Uint8Array.from(pixels.data) }, spec).data;\n"
        "const results = given.map((one) => [...fitted(one)]);\n"
        "console.log(JSON.stringify(results));"
    )

    results = _node(program, given, tmp_path)

    color = Color.RGB if channels == 3 else Color.GRAY
    for (size, target), result in zip(cases, results, strict=True):
        expected = image.fit(_pixels(*size, channels), ImageSpec(*target, color, fit))
        difference = np.abs(expected.astype(int) - np.array(result).reshape(expected.shape))
        assert difference.max() <= 1, (size, target)


def test_resizing_from_a_true_size_that_ends_within_a_pixel_is_the_same(tmp_path: Path) -> None:
    pixels = _pixels(61, 83, 3)
    given = {"data": pixels.ravel().tolist(), "height": 61, "width": 83, "channels": 3}
    program = (
        'import { resize } from "@/fit.js";\n'
        "const pixels = { ...given, data: Uint8Array.from(given.data) };\n"
        "console.log(JSON.stringify([...resize(pixels, 30, 20, 82.4, 60.7).data]));"
    )

    result = _node(program, given, tmp_path)

    expected = resize(pixels, 20, 30, extent_hw=(60.7, 82.4))
    assert np.abs(expected.astype(int) - np.array(result).reshape(expected.shape)).max() <= 1


@pytest.mark.parametrize(
    "profile",
    [DISPLAY_P3, ADOBE_RGB, SRGB_PROFILE, b"no profile", DISPLAY_P3[:200], *map(profile_of, TONE_CURVES)],
)
def test_colour_profiles_are_converted_alike(profile: bytes, tmp_path: Path) -> None:
    pixels = _pixels(40, 50, 3)
    program = (
        'import { applied, conversionOf } from "@/color_profile.js";\n'
        "const conversion = conversionOf(Uint8Array.from(given.profile));\n"
        "console.log(JSON.stringify(conversion && [...applied(conversion, Uint8Array.from(given.data))]));"
    )

    result = _node(program, {"profile": list(profile), "data": pixels.ravel().tolist()}, tmp_path)

    conversion = srgb_conversion(profile)
    assert (result is None) == (conversion is None)
    if conversion is not None:
        difference = np.abs(conversion(pixels).astype(int) - np.array(result).reshape(pixels.shape))
        assert difference.max() <= 1
        assert difference.mean() < 0.02


@pytest.mark.parametrize(("primaries", "transfer"), [(9, 14), (9, 16), (12, 13), (1, 13)])
def test_colours_that_are_given_by_numbers_are_converted_alike(primaries: int, transfer: int, tmp_path: Path) -> None:
    pixels = _pixels(40, 50, 3)
    file = _box(b"ftyp", b"avif") + _box(
        b"meta",
        bytes(4) + _box(b"iprp", _box(b"ipco", _box(b"colr", b"nclx" + bytes((0, primaries, 0, transfer, 0, 1, 0))))),
    )
    program = (
        'import { applied, conversionByNumbers } from "@/color_profile.js";\n'
        "const conversion = conversionByNumbers(Uint8Array.from(given.file));\n"
        "console.log(JSON.stringify(conversion && [...applied(conversion, Uint8Array.from(given.data))]));"
    )

    result = _node(program, {"file": list(file), "data": pixels.ravel().tolist()}, tmp_path)

    profile = profile_of_primaries(primaries, transfer)
    conversion = srgb_conversion(profile) if profile else None
    assert (result is None) == (conversion is None)
    if conversion is not None:
        difference = np.abs(conversion(pixels).astype(int) - np.array(result).reshape(pixels.shape))
        assert difference.max() <= 1
        assert difference.mean() < 0.02


def _box(kind: bytes, body: bytes) -> bytes:
    return (8 + len(body)).to_bytes(4, "big") + kind + body
