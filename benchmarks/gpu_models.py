"""The model files that benchmarks/bench_gpu.py carries to a machine with a GPU, where there is no TensorFlow.

Untrained networks with seeded weights, in float32 and float16, and the first one as Keras saves it, too, for PyTorch;
before them a model of quick training, on patches of colour. An upload is bounded, so what does not fit is left out, and
models.json in the folder says why. It takes some minutes.
"""

import dataclasses
import json
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

__all__ = ["ARCHITECTURES", "LIMIT_MIB", "QUICK_NAME", "Carried", "carried_models", "prepare_models"]

ARCHITECTURES = ("efficientnet_lite0", "mobilenet_v2", "mobilenet_v3_small", "efficientnet_b0", "resnet50v2")
"""Those asked for where none are named; everything is measured with the first, golden samples with all."""

LIMIT_MIB = 54
"""So that an upload of 64 MiB takes them beside the repository."""

MANIFEST = "models.json"
PHOTOS = 3  # golden samples of each network

QUICK_NAME = "quick.onnx"
"""The model file of quick training, in the folder itself."""

QUICK_IMAGES = 100
QUICK_LABELS = 5
PATCHES = 6  # in a row and in a column of an image


@dataclasses.dataclass(frozen=True)
class Carried:
    """The files of one network.

    Attributes:
        float32: The model file.
        float16: The model file in float16.
        keras: As Keras saves it; None where it is not carried.
    """

    float32: Path
    float16: Path
    keras: Path | None


def prepare_models(folder: Path, architectures: Sequence[str], *, limit_mib: float) -> None:
    """Write the model files and models.json, and print a line for each network.

    Args:
        folder: Made anew for every network; what else is in there stays.
        architectures: Names in the registry, the most important first.
        limit_mib: Of all files together, in MiB.
    """
    from folder import write_photos  # a machine that only reads the files may lack what this needs
    from untrained_network import write_untrained

    folder.mkdir(parents=True, exist_ok=True)
    manifest: dict[str, object] = {"limit_mib": limit_mib}
    quick_mib = _write_quick(folder / QUICK_NAME) / (1 << 20)
    print(f"{QUICK_NAME}: {quick_mib:.1f} MiB", flush=True)
    carried: dict[str, float] = {}
    skipped: dict[str, str] = {}
    for arch in architectures:
        with tempfile.TemporaryDirectory() as scratch:
            photos = Path(scratch) / "photos"
            photos.mkdir()
            write_photos(photos, PHOTOS)
            shutil.rmtree(folder / arch, ignore_errors=True)
            try:
                made = write_untrained(photos, Path(scratch), arch=arch, precision="float16")
            except RuntimeError as error:
                skipped[arch] = " ".join(str(error).split())
            else:
                float32, float16, keras = _names(arch)
                files = {float32: made.float32, float16: made.reduced}
                if arch == architectures[0]:
                    files[keras] = made.keras
                mib = sum(path.stat().st_size for path in files.values()) / (1 << 20)
                left = limit_mib - quick_mib - sum(carried.values())
                if mib > left:
                    skipped[arch] = f"takes {mib:.1f} MiB, and {left:.1f} of {limit_mib:g} are left"
                else:
                    carried[arch] = round(mib, 1)
                    (folder / arch).mkdir()
                    for name, path in files.items():
                        shutil.copy(path, folder / arch / name)
        print(f"{arch}: {f'{carried[arch]} MiB' if arch in carried else f'skipped: {skipped[arch]}'}", flush=True)
        manifest |= {"mib": carried, "skipped": skipped}
        (folder / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")


def _write_quick(path: Path) -> int:
    """Write a model file of quick training, and return its size in bytes."""
    import cv2
    import numpy as np

    from edgecls.from_python import train_quick

    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as scratch:
        for number in range(QUICK_IMAGES):  # no two alike, as near duplicates are left out
            label = number % QUICK_LABELS
            patches = rng.integers(0, 200, (PATCHES, PATCHES, 3), np.uint8)
            patches[..., label % 3] //= 1 + label // 3
            image = Path(scratch) / "images" / f"label {label}" / f"{number}.jpg"
            image.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(image), cv2.resize(patches, (500, 375), interpolation=cv2.INTER_CUBIC))
        train_quick(Path(scratch) / "images", Path(scratch) / path.name)
        shutil.copy(Path(scratch) / path.name, path)
    return path.stat().st_size


def carried_models(folder: Path) -> tuple[dict[str, Carried], dict[str, str]]:
    """Return the networks in a folder that `prepare_models` wrote, by architecture, and why others are not there.

    A folder without models.json holds none.
    """
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}, {}
    found = {}
    for arch in manifest["mib"]:
        float32, float16, keras = (folder / arch / name for name in _names(arch))
        found[arch] = Carried(float32, float16, keras if keras.exists() else None)
    return found, manifest["skipped"]


def _names(arch: str) -> tuple[str, str, str]:
    return f"{arch}.onnx", f"{arch}-float16.onnx", f"{arch}.keras"
