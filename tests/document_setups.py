"""What pages of the documents suppose to be there: photos, models, datasets. `<!-- test: setup NAME ARGUMENT... -->`.

Each function takes the folder of the page and the words behind its name, which are names of files or folders.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

REPOSITORY = Path(__file__).parent.parent
CACHE = "EDGECLS_DOCS_CACHE"
"""The environment variable that names a folder where models stay for other pages."""

_BUNDLED = REPOSITORY / "edgecls" / "assets" / "flowers.onnx"
_EXAMPLE = REPOSITORY / "examples" / "dandelion.jpg"
_PER_LABEL = 12


def _checkout(folder: Path) -> None:
    """Copy what a page that runs in the root of a clone uses: examples, bundled models, benchmarks, deploy."""
    for name in ("benchmarks", "deploy", "examples", "edgecls/assets"):
        ignored = shutil.ignore_patterns("__pycache__", "results")
        shutil.copytree(REPOSITORY / name, folder / name, ignore=ignored)


def _photo(folder: Path, *names: str) -> None:
    """Copy the example photo, a dandelion."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(_EXAMPLE, folder / name)


def _model(folder: Path, *names: str) -> None:
    """Copy the bundled model."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(_BUNDLED, folder / name)


def _shapes(folder: Path, name: str, per_label: str = str(_PER_LABEL)) -> None:
    """Draw a dataset of four labels: class folders of shapes."""
    from edgecls.dataset.drawn_shapes import write_shapes

    write_shapes(folder / name, per_label=int(per_label))


def _unlabelled(folder: Path, name: str, count: str = "12") -> None:
    """Draw shapes of all labels into one folder."""
    from edgecls import image
    from edgecls.dataset.drawn_shapes import SHAPES, draw_shape

    (folder / name).mkdir(parents=True, exist_ok=True)
    for number in range(int(count)):
        pixels = draw_shape(list(SHAPES)[number % len(SHAPES)], seed=1, number=number)
        (folder / name / f"IMG_{number + 1}.jpg").write_bytes(image.encode_jpeg(pixels, quality=88))


def _shapes_model(folder: Path, *names: str) -> None:
    """Give models that tell the shapes apart, with what their training left: NAME.onnx and NAME.run."""
    _trained(folder, names, "quick", "--quick")


def _shapes_network(folder: Path, *names: str) -> None:
    """Give small networks, hardly trained: NAME.onnx, NAME.keras and NAME.run."""
    _trained(folder, names, "network", "--arch", "simple_cnn", "--image-size", "32", "--epochs", "1")


def _cache() -> Path:
    return Path(os.environ.setdefault(CACHE, tempfile.mkdtemp()))


def _edgecls(folder: Path, *arguments: str) -> None:
    environment = {**os.environ, "EDGECLS_OFFLINE": "1", "PYTHONPATH": str(REPOSITORY)}
    command = [sys.executable, "-m", "edgecls", *arguments]
    subprocess.run(command, cwd=folder, check=True, capture_output=True, env=environment)


def _trained(folder: Path, names: tuple[str, ...], kind: str, *options: str) -> None:
    cache = _cache()
    if not (cache / f"{kind}.onnx").exists():
        _shapes(cache, "shapes")
        _edgecls(cache, "train", "shapes", "-o", f"{kind}.onnx", *options)
    for name in names:
        for suffix in (".onnx", ".keras"):
            if (cache / kind).with_suffix(suffix).exists():
                shutil.copy((cache / kind).with_suffix(suffix), (folder / name).with_suffix(suffix))
        shutil.copytree(cache / f"{kind}.run", (folder / name).with_suffix(".run"), dirs_exist_ok=True)


def _quantized(folder: Path, name: str) -> None:
    """Quantize a model of the shapes to int8."""
    cache = _cache()
    if not (cache / "int8.onnx").exists():
        _shapes_model(cache, "float32")
        _edgecls(cache, "quantize", "float32.onnx", "-o", "int8.onnx", "--calibrate", "shapes", "--max-drop", "50")
    shutil.copy(cache / "int8.onnx", folder / name)


def _faulty(folder: Path, name: str) -> None:
    """Draw a dataset, with a duplicate, a conflict of labels, a truncated file and one of another format in it."""
    _shapes(folder, name, "8")
    dataset = folder / name
    shutil.copy(dataset / "circle/circle-003.jpg", dataset / "circle/copy of circle-003.jpg")
    shutil.copy(dataset / "star/star-002.jpg", dataset / "square/star-002.jpg")
    whole = (dataset / "square/square-005.jpg").read_bytes()
    (dataset / "square/square-005.jpg").write_bytes(whole[: len(whole) // 2])
    (dataset / "triangle/triangle-001.jpg").rename(dataset / "triangle/triangle-001.png")


def _series(folder: Path) -> None:
    """Draw datasets whose images belong to series: signs and birds by their names, scans.csv by a column."""
    from edgecls import image
    from edgecls.dataset.drawn_shapes import SHAPES, draw_shape

    rows = ["image,label,patient"]
    for label in SHAPES:
        for number in range(12):
            encoded = image.encode_jpeg(draw_shape(label, seed=2, number=number), quality=88)
            names = [
                f"signs/{label}/{number // 3:05d}_{number % 3:05d}.jpg",
                f"birds/{label}/nest {number // 3}/{number}.jpg",
            ]
            for name in (*names, f"scans/{label}-{number}.jpg"):
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / name).write_bytes(encoded)
            rows.append(f"scans/{label}-{number}.jpg,{label},{number // 2}")
    (folder / "scans.csv").write_text("\n".join(rows) + "\n")


SETUPS: dict[str, Callable[..., None]] = {
    "checkout": _checkout,
    "faulty": _faulty,
    "model": _model,
    "photo": _photo,
    "quantized": _quantized,
    "series": _series,
    "shapes": _shapes,
    "shapes-model": _shapes_model,
    "shapes-network": _shapes_network,
    "unlabelled": _unlabelled,
}
