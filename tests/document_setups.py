"""What pages of the documents suppose to be there: photos, models, datasets. `<!-- test: setup NAME ARGUMENT... -->`.

Each function takes the folder of the page and the words behind its name, which are names of files or folders.
"""

import csv
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

REPOSITORY = Path(__file__).parent.parent
CACHE = "EDGECLS_DOCS_CACHE"
"""The environment variable that names a folder where models stay for other pages."""

_BUNDLED = REPOSITORY / "edgecls" / "assets" / "flowers.onnx"
_EXAMPLE = REPOSITORY / "examples" / "dandelion.jpg"
_EDGECLS = (sys.executable, "-m", "edgecls")
_PER_LABEL = 12
_COLORS = {"grass": (50, 180, 60), "roses": (200, 40, 50), "sky": (60, 90, 210)}


def _checkout(folder: Path) -> None:
    """Copy what a page that runs in the root of a clone uses: examples, bundled models, benchmarks, deploy."""
    for name in ("benchmarks", "deploy", "examples", "edgecls/assets"):
        shutil.copytree(REPOSITORY / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))


def _tests(folder: Path) -> None:
    """Copy the tests, with the settings that they need."""
    for name in ("tests", "examples"):
        shutil.copytree(REPOSITORY / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "setup.cfg"):
        shutil.copy(REPOSITORY / name, folder / name)


def _empty(folder: Path, *names: str) -> None:
    """Remove folders that the blocks above have made, so that another setup can use the name."""
    for name in names:
        shutil.rmtree(folder / name, ignore_errors=True)


def _venv(folder: Path) -> None:
    """Make the programs of .venv that a clone has after `make`, which are those of the environment of the tests."""
    programs = folder / ".venv" / "bin"
    programs.mkdir(parents=True)
    for name, arguments in (("python", ""), ("edgecls", "-m edgecls ")):
        (programs / name).write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {arguments}"$@"\n')
        (programs / name).chmod(0o755)


def _photo(folder: Path, *names: str) -> None:
    """Copy the example photo, a dandelion."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(_EXAMPLE, folder / name)


def _photos(folder: Path, name: str) -> None:
    """Write the example photo, a part of it in a subfolder, and an image that shows none of the bundled labels."""
    from edgecls import image
    from edgecls.dataset.drawn_shapes import draw_shape

    _photo(folder, f"{name}/IMG_1.jpg")
    part = image.decode(_EXAMPLE.read_bytes())[40:, 30:]
    star = draw_shape("star", seed=0, number=1)
    for path, pixels in (("garden/IMG_2.jpg", part), ("star.jpg", star)):
        (folder / name / path).parent.mkdir(exist_ok=True)
        (folder / name / path).write_bytes(image.encode_jpeg(np.ascontiguousarray(pixels), quality=90))


def _model(folder: Path, *names: str) -> None:
    """Copy the bundled model."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(_BUNDLED, folder / name)


def _shapes(folder: Path, name: str, per_label: str = str(_PER_LABEL)) -> None:
    """Draw a dataset of four labels: class folders of shapes."""
    from edgecls.dataset.drawn_shapes import write_shapes

    write_shapes(folder / name, per_label=int(per_label))


def _held_out(folder: Path, name: str) -> None:
    """Draw a dataset of the same labels, of other images."""
    from edgecls.dataset.drawn_shapes import write_shapes

    write_shapes(folder / name, per_label=_PER_LABEL, seed=1)


def _split(folder: Path, name: str) -> None:
    """Draw a dataset in folders for its splits, as other tools have it."""
    from edgecls.dataset.drawn_shapes import write_shapes

    write_shapes(folder / name / "train", per_label=_PER_LABEL)
    write_shapes(folder / name / "val", per_label=5, seed=1)


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
    subprocess.run([*_EDGECLS, *arguments], cwd=folder, check=True, capture_output=True, env=_environment())


def _environment() -> dict[str, str]:
    return {**os.environ, "EDGECLS_OFFLINE": "1", "PYTHONPATH": str(REPOSITORY), "PYTHONUNBUFFERED": "1"}


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


def _interrupted(folder: Path, data: str, name: str) -> None:
    """Kill a training after its first epoch."""
    training = subprocess.Popen(
        [*_EDGECLS, "train", data, "-o", f"{name}.onnx", "--arch", "simple_cnn", "--image-size", "32", "--epochs", "2"],
        cwd=folder,
        env=_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    with training:
        for line in training.stdout or ():
            if line.startswith("epoch 1/2"):
                training.kill()


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


def _mislabelled(folder: Path, name: str) -> None:
    """Draw a dataset, with an image in the folder of another label."""
    _shapes(folder, name)
    (folder / name / "circle/circle-003.jpg").rename(folder / name / "star/circle-003.jpg")


def _decisions(folder: Path, name: str) -> None:
    """Fill in the decisions of a review as somebody would who looked: only the first is labelled wrongly."""
    with (folder / name).open(newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    for number, row in enumerate(rows):
        row["decision"] = "keep" if number else "remove"
    with (folder / name).open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


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
                f"birds/{label}/{label} nest {number // 3}/{number}.jpg",
            ]
            for name in (*names, f"scans/{label}-{number}.jpg"):
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / name).write_bytes(encoded)
            rows.append(f"scans/{label}-{number}.jpg,{label},{number // 2}")
    (folder / "scans.csv").write_text("\n".join(rows) + "\n")


def _keys(folder: Path, name: str) -> None:
    """Write a file of API keys."""
    (folder / name).write_text("0123456789abcdef0123456789abcdef somebody\n")


def _certificate(folder: Path) -> None:
    """Write server.crt and server.key."""
    from issued_certificate import issue

    issue(folder)


def _colors(folder: Path, *names: str) -> None:
    """Write datasets of three labels that colours tell apart."""
    from edgecls import image

    for seed, name in enumerate(names):
        rng = np.random.default_rng(seed)
        for label, color in _COLORS.items():
            (folder / name / label).mkdir(parents=True)
            for number in range(8):
                coarse = rng.normal(0, 35, (12, 16, 1)).repeat(16, axis=0).repeat(16, axis=1)
                pixels = np.clip(color + coarse + rng.normal(0, 8, (192, 256, 3)), 0, 255).astype(np.uint8)
                encoded = image.encode_jpeg(pixels, quality=88)
                (folder / name / label / f"{label}-{number + 1}.jpg").write_bytes(encoded)


def _nearest(low: float, high: float) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Return the weights and the bias of logits by which the nearest colour wins, for pixels in that range."""
    centers = np.array(list(_COLORS.values())) / 255 * (high - low) + low
    sharpness = 30 / (high - low) ** 2
    return (2 * sharpness * centers.T).astype(np.float32), (-sharpness * (centers**2).sum(axis=1)).astype(np.float32)


def _foreign_nets(folder: Path) -> None:
    """Export classifiers of the colours as other frameworks would: resnet, mobilenet, inception and digits.onnx."""
    import onnx
    from foreign_nets import FILTERS, net

    mean, deviation = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    for name, layout, outputs in (("resnet", "nchw", 3), ("mobilenet", "nhwc", 3), ("inception", "nhwc", 4)):
        model = net(layout=layout, batch=1, size=(224, 224), outputs=outputs)
        dense, bias = _nearest(0, 1) if name == "resnet" else _nearest(-1, 1)
        if name == "resnet":  # of standardised pixels
            dense, bias = dense * deviation[:, None], bias + mean @ dense
        # Each channel and its negative, as a ReLU follows.
        kernel = np.zeros((FILTERS, 3, 3, 3))
        kernel[range(0, FILTERS, 2), range(3), 1, 1], kernel[range(1, FILTERS, 2), range(3), 1, 1] = 1, -1
        dense = np.stack([dense, -dense], axis=1).reshape(FILTERS, -1)
        if outputs == 4:
            dense, bias = np.pad(dense, ((0, 0), (1, 0))), np.pad(bias, (1, 0), constant_values=-9)
        for initializer in model.graph.initializer:
            values = {"kernel": kernel, "dense": dense, "bias": bias}.get(initializer.name)
            if values is not None:
                initializer.CopyFrom(onnx.numpy_helper.from_array(values.astype(np.float32), initializer.name))
        onnx.save(model, folder / f"{name}.onnx")
    onnx.save(net(channels=1, size=(28, 28)), folder / "digits.onnx")
    (folder / "labels.txt").write_text("\n".join(_COLORS) + "\n")


def _keras_files(folder: Path) -> None:
    """Save keras_model.h5 as Teachable Machine exports it, model.h5 for pixels from 0 to 1, and their labels.txt."""
    import keras
    from teachable_machine import teachable_machine

    teachable_machine().save(folder / "keras_model.h5")
    layers = [keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(3, activation="softmax")]
    network = keras.Sequential([keras.Input((96, 96, 3)), *layers])
    network.layers[-1].set_weights(list(_nearest(0, 1)))
    network.save(folder / "model.h5")
    (folder / "labels.txt").write_text("".join(f"{number} {label}\n" for number, label in enumerate(_COLORS)))


def _video(folder: Path, name: str) -> None:
    """Write three seconds of video that move over the example photo."""
    import cv2

    pixels = cv2.resize(cv2.imread(str(_EXAMPLE)), (800, 600))
    writer = cv2.VideoWriter(str(folder / name), cv2.VideoWriter.fourcc(*"mp4v"), 10, (640, 480))
    for number in range(30):
        writer.write(np.ascontiguousarray(pixels[4 * number : 4 * number + 480, 5 * number : 5 * number + 640]))
    writer.release()


def _yolo(folder: Path) -> None:
    """Export a classifier of the shapes as ultralytics does, best.onnx, and write its labels.txt."""
    import onnx
    from foreign_nets import net

    from edgecls.dataset.drawn_shapes import SHAPES

    network = net(batch=1, size=(224, 224), outputs=len(SHAPES), ending="Softmax", input_name="images")
    onnx.save(network, folder / "best.onnx")
    (folder / "labels.txt").write_text("\n".join(SHAPES) + "\n")


SETUPS: dict[str, Callable[..., None]] = {
    "certificate": _certificate,
    "checkout": _checkout,
    "colors": _colors,
    "decisions": _decisions,
    "empty": _empty,
    "faulty": _faulty,
    "foreign-nets": _foreign_nets,
    "interrupted": _interrupted,
    "keys": _keys,
    "keras-files": _keras_files,
    "held-out": _held_out,
    "mislabelled": _mislabelled,
    "model": _model,
    "photo": _photo,
    "photos": _photos,
    "quantized": _quantized,
    "series": _series,
    "shapes": _shapes,
    "shapes-model": _shapes_model,
    "shapes-network": _shapes_network,
    "split": _split,
    "tests": _tests,
    "unlabelled": _unlabelled,
    "venv": _venv,
    "video": _video,
    "yolo": _yolo,
}
