"""A small dataset of drawn shapes, to try everything out without a photo or a download."""

import json
import re
from collections.abc import Callable
from math import cos, pi, sin
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from edgecls.atomic_write import whole_files
from edgecls.errors import OutputError
from edgecls.image import Pixels, encode_jpeg
from edgecls.image_files import is_hidden

__all__ = ["MANIFEST", "SHAPES", "check_shapes_writable", "draw_shape", "write_shapes"]

MANIFEST = "drawn.json"
"""The file that says what a folder was drawn with, so that it can be drawn anew."""

FORMAT = 1
MIN_SIDE, MAX_SIDE = 160, 288  # pixels
SMALLEST, LARGEST = 0.4, 0.85  # diameter of a shape, as a share of the image's shorter side
MAX_SQUASH = 0.18  # how much shorter one axis of a shape gets
MIN_CONTRAST = 70.0  # Euclidean distance of a shape's colour from the mean of the background, of 442 at most
FINE = 4  # shapes are drawn on a grid that is finer by this factor, and averaged
JPEG_QUALITY = 88

Floats = npt.NDArray[np.float64]


def _regular(corners: int) -> Floats:
    angles = 2 * pi * np.arange(corners) / corners
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def _star() -> Floats:
    corners = _regular(10)
    corners[1::2] *= 0.42
    return corners


SHAPES = {"circle": _regular(180), "square": _regular(4), "star": _star(), "triangle": _regular(3)}
"""The labels, and the corners of each shape in a circle of radius 1, float64 ``[corners, 2]``."""


def draw_shape(shape: str, *, seed: int, number: int) -> Pixels:
    """Draw one image of a shape: of any colour, size, place and angle, on a varied background, blurred and noisy.

    Args:
        shape: One of `SHAPES`.
        seed: Of the dataset.
        number: Of the image; with the same seed each number gives the same image, however many there are.

    Returns:
        uint8, ``[H, W, 3]`` RGB, with sides from 160 to 288 pixels.
    """
    rng = np.random.default_rng([seed, list(SHAPES).index(shape), number])
    height, width = (int(side) for side in rng.integers(MIN_SIDE, MAX_SIDE + 1, 2))
    ground = _background(rng, height, width)
    color = _color_unlike(rng, ground.mean(axis=(0, 1)))
    mask = _mask(rng, SHAPES[shape], height, width)[..., np.newaxis]
    surface = color + rng.uniform(0, 26) * _cloud(rng, height, width, cells=6)
    scene = (ground * (1 - mask) + surface * mask) * _light(rng, height, width)
    pixels = np.asarray(cv2.GaussianBlur(scene, (0, 0), rng.uniform(0.4, 1.6)))
    pixels = pixels + rng.normal(0, rng.uniform(1, 11), pixels.shape)
    return np.clip(np.rint(pixels), 0, 255).astype(np.uint8)


def write_shapes(
    folder: Path,
    *,
    per_label: int = 40,
    seed: int = 0,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> int:
    """Draw a dataset: a folder of JPEG images for each shape, and a manifest that says how they were drawn.

    A folder that was drawn before is drawn anew; nothing else is ever overwritten or removed.

    Args:
        folder: Where to write: a new or empty folder, or one that was drawn before.
        per_label: Number of images of each shape, at least 1.
        seed: Same seed, same images.
        on_progress: Called with the number of images drawn, and the number of all.

    Returns:
        The number of images.

    Raises:
        OutputError: The folder has files that were not drawn, or cannot be written.
    """
    names = {
        f"{shape}/{shape}-{number:03d}.jpg": (shape, number) for shape in SHAPES for number in range(1, per_label + 1)
    }
    outdated = [path for path in check_shapes_writable(folder) if path.relative_to(folder).as_posix() not in names]
    settings = {"edgecls_shapes": FORMAT, "seed": seed, "per_label": per_label}
    try:
        for path in outdated:
            path.unlink()
        folder.mkdir(parents=True, exist_ok=True)
        with whole_files(folder / MANIFEST) as (staged,):  # before the images: what is interrupted can be repeated
            staged.write_text(json.dumps(settings) + "\n", encoding="utf-8")
        for done, (name, (shape, number)) in enumerate(names.items(), 1):
            (folder / shape).mkdir(exist_ok=True)
            with whole_files(folder / name) as (staged,):
                staged.write_bytes(encode_jpeg(draw_shape(shape, seed=seed, number=number), quality=JPEG_QUALITY))
            on_progress(done, len(names))
    except OSError as error:
        raise OutputError(
            f"cannot write into {str(folder)!r}: {error.strerror or error}; choose another place"
        ) from error
    return len(names)


def check_shapes_writable(folder: Path) -> list[Path]:
    """Return the images of a folder that was drawn before; none if it is new or empty.

    Raises:
        OutputError: It has files that were not drawn, or is no folder.
    """
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"cannot draw into {str(folder)!r}: it is no folder; choose another name")
    per_label = _drawn_per_label(folder)
    images = []
    for path in sorted(folder.rglob("*")):
        if (path.is_dir() and not path.is_symlink()) or is_hidden(path.name):
            continue
        if path == folder / MANIFEST and per_label:
            continue
        name = path.relative_to(folder).as_posix()
        found = re.fullmatch(r"(\w+)/\1-(\d{3,6})\.jpg", name)
        if path.is_symlink() or not found or found[1] not in SHAPES or not 1 <= int(found[2]) <= per_label:
            raise OutputError(
                f"cannot draw into {str(folder)!r}: {name!r} is there, which was not drawn; choose another folder, "
                "as nothing of yours is overwritten"
            )
        images.append(path)
    return images


def _drawn_per_label(folder: Path) -> int:
    """Return how many images of each shape a folder was drawn with, by its manifest; 0 without one."""
    try:
        settings = json.loads((folder / MANIFEST).read_bytes())
        return int(settings["per_label"]) if settings["edgecls_shapes"] == FORMAT else 0
    except (OSError, ValueError, KeyError, TypeError):
        return 0


def _background(rng: np.random.Generator, height: int, width: int) -> Floats:
    """Return a plain, clouded, striped, checked or dotted background, float64 ``[H, W, 3]``."""
    first, second = rng.uniform(20, 235, (2, 3))
    kind = rng.integers(5)
    y, x = np.mgrid[:height, :width]
    angle, period = rng.uniform(0, pi), rng.uniform(14, 60)
    across = (x * cos(angle) + y * sin(angle)) / period
    along = (y * cos(angle) - x * sin(angle)) / period
    if kind == 0:
        share = np.zeros((height, width))
    elif kind == 1:
        share = 0.5 + 0.5 * _cloud(rng, height, width, cells=int(rng.integers(2, 7)))[..., 0]
    elif kind == 2:
        share = 0.5 + 0.5 * np.sin(2 * pi * across)
    elif kind == 3:
        share = ((np.floor(across) + np.floor(along)) % 2).astype(np.float64)
    else:
        share = (np.hypot(across % 1 - 0.5, along % 1 - 0.5) < 0.28).astype(np.float64)
    share *= rng.uniform(0.15, 0.6)  # or the pattern would hide the shape
    return np.asarray(first + (second - first) * share[..., np.newaxis], np.float64)


def _color_unlike(rng: np.random.Generator, other: Floats) -> Floats:
    """Return a colour that can be told from another one."""
    color = rng.uniform(10, 245, 3)
    while np.linalg.norm(color - other) < MIN_CONTRAST:
        color = rng.uniform(10, 245, 3)
    return color


def _mask(rng: np.random.Generator, corners: Floats, height: int, width: int) -> Floats:
    """Return how much of each pixel a shape covers, float64 ``[H, W]`` from 0 to 1."""
    turn, axis = rng.uniform(0, 2 * pi, 2)
    squash = 1 - rng.uniform(0, MAX_SQUASH)
    # Turned, then made shorter along an axis of any direction, as seen from aside.
    shape = corners @ _turned(turn) @ _turned(axis) @ np.diag([1.0, squash]) @ _turned(-axis)
    shape *= rng.uniform(SMALLEST, LARGEST) * min(height, width) / 2
    low, high = shape.min(axis=0), shape.max(axis=0)
    middle = np.array([width, height]) / 2  # whole within the square in the middle, which is what a model sees
    shape += middle + rng.uniform(1 - low - min(middle), min(middle) - 1 - high)
    fine = np.zeros((FINE * height, FINE * width), np.uint8)
    cv2.fillPoly(fine, [np.rint(FINE * shape).astype(np.int32)], (255,))
    if rng.random() < 0.3:  # an outline alone
        inner = (shape - shape.mean(axis=0)) * rng.uniform(0.6, 0.8) + shape.mean(axis=0)
        cv2.fillPoly(fine, [np.rint(FINE * inner).astype(np.int32)], (0,))
    return np.asarray(cv2.resize(fine, (width, height), interpolation=cv2.INTER_AREA) / 255.0, np.float64)


def _turned(angle: float) -> Floats:
    return np.array([[cos(angle), -sin(angle)], [sin(angle), cos(angle)]])


def _light(rng: np.random.Generator, height: int, width: int) -> Floats:
    """Return light that falls off to one side, as factors, float64 ``[H, W, 1]``."""
    angle, strength = rng.uniform(0, 2 * pi), rng.uniform(0, 0.4)
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    light = rng.uniform(0.75, 1.15) + strength * (x * cos(angle) + y * sin(angle)) / 2
    return np.asarray(light[..., np.newaxis], np.float64)


def _cloud(rng: np.random.Generator, height: int, width: int, *, cells: int) -> Floats:
    """Return smooth noise of so many hills in either direction, float64 ``[H, W, 1]`` from -1 to 1."""
    coarse = rng.uniform(-1, 1, (cells, cells))
    smooth = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.asarray(np.clip(smooth, -1, 1)[..., np.newaxis], np.float64)
