"""A network with seeded random weights, as .keras and as model files in float32 and in fewer bits: for speed and size.

`edgecls quantize` refuses an untrained network, as it has no accuracy to lose; so its steps are combined here:
calibration on the images that are given, every layer in int8, the recipe for this processor; or all in float16.

    python benchmarks/untrained_network.py IMAGES FOLDER [--arch mobilenet_v2] [--side 224] [--precision int8]
"""

import argparse
import os
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edgecls.export.precision.recipe import ReducedPrecision
    from edgecls.modelfile import ModelFile

__all__ = ["UNTRAINED_NAME", "UntrainedNetwork", "write_untrained"]

UNTRAINED_NAME = "untrained"
LABELS = tuple(f"label {index}" for index in range(10))
CALIBRATED_ON = 16  # images


@dataclass(frozen=True)
class UntrainedNetwork:
    """The files of one network.

    Attributes:
        keras: As Keras saves it.
        float32: The model file.
        reduced: The model file in fewer bits.
    """

    keras: Path
    float32: Path
    reduced: Path


def write_untrained(
    images: Path, folder: Path, *, arch: str = "mobilenet_v2", side: int | None = None, precision: str = "int8"
) -> UntrainedNetwork:
    """Write the files, in a process of its own, as TensorFlow would stay in the memory of this one.

    Args:
        images: A folder of images to calibrate on.
        folder: Where the files go.
        arch: An architecture of the registry.
        side: Height and width of the image that it takes, in pixels; None for what it was designed for.
        precision: "int8" or "float16".

    Raises:
        RuntimeError: They cannot be made; with the last words of that process.
    """
    command = [sys.executable, __file__, str(images), str(folder), "--arch", arch, "--precision", precision]
    command += [] if side is None else ["--side", str(side)]
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "KERAS_BACKEND": "tensorflow"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        raise RuntimeError(f"cannot make an untrained {arch}: {done.stderr.strip()[-400:]}")
    return _files(folder, precision)


def _files(folder: Path, precision: str) -> UntrainedNetwork:
    return UntrainedNetwork(folder / "network.keras", folder / "float32.onnx", folder / f"{precision}.onnx")


def _write_here(images: Path, files: UntrainedNetwork, arch: str, side: int | None, precision: str) -> None:
    import keras

    from edgecls import modelfile
    from edgecls.export.from_keras.export import export_float32, golden_from
    from edgecls.export.from_keras.file import save_keras
    from edgecls.export.precision.recipe import ReducedPrecision
    from edgecls.export.samples import read_samples
    from edgecls.image_spec import ImageSpec
    from edgecls.model_card import ModelCard
    from edgecls.models import build_model, get_architecture

    default_side, color = get_architecture(arch).default_image
    spec = ImageSpec(side or default_side, side or default_side, color)
    keras.utils.set_random_seed(0)
    network = build_model(arch, num_classes=len(LABELS), spec=spec)
    golden = golden_from(network, read_samples(images, spec))
    card = ModelCard(name=UNTRAINED_NAME, labels=LABELS, image=spec, architecture=arch, golden=golden)
    export = export_float32(network, card)
    save_keras(files.keras, network, export.card)
    files.float32.write_bytes(export.onnx)
    _write_reduced(modelfile.read_model(files.float32), files.reduced, images, ReducedPrecision(precision))


def _write_reduced(source: "ModelFile", path: Path, images: Path, precision: "ReducedPrecision") -> None:
    import numpy as np

    from edgecls import modelfile
    from edgecls.export.graph.float16 import float16_onnx
    from edgecls.export.precision.budget import NARROWEST
    from edgecls.export.precision.float_network import read_float_network
    from edgecls.export.precision.int8_graph import CalibrationMethod, int8_onnx, observe_extremes, ranges_from
    from edgecls.export.precision.measurement import open_network
    from edgecls.export.precision.recipe import ReducedPrecision, recipe_for
    from edgecls.export.proof import golden_answers
    from edgecls.export.samples import read_samples
    from edgecls.image import decode_to_fit, read_file
    from edgecls.image_files import find_images
    from edgecls.runtime.machine.cores import usable_cores
    from edgecls.runtime.machine.processor import read_processor

    network, spec = read_float_network(source), source.card.image
    facts: dict[str, str | float | bool] = {}
    if precision is ReducedPrecision.INT8:
        recipe = recipe_for(read_processor())
        pixels = np.stack([decode_to_fit(read_file(path), spec) for path in find_images(images)[:CALIBRATED_ON]])
        ranges = ranges_from(observe_extremes(network, pixels, workers=usable_cores()), CalibrationMethod.MIN_MAX)
        onnx = int8_onnx(network, network.layers, ranges, recipe)
        facts = {"int8_recipe": recipe.name, "int8_calibration_images": len(pixels)}
    else:
        onnx = float16_onnx(network.proto)
    card = replace(source.card, name=f"{UNTRAINED_NAME}-{precision}", precision=precision.value)
    # Its own answers are the golden ones: how far they are from those in float32 means nothing here.
    golden = golden_answers(open_network(onnx, card), read_samples(images, spec), name=card.name)
    golden = replace(golden, tolerance=NARROWEST[precision])
    modelfile.write_model(path, onnx, replace(card, golden=golden, training=facts))


def main() -> None:
    """Write the files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("images", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--arch", default="mobilenet_v2")
    parser.add_argument("--side", type=int)
    parser.add_argument("--precision", choices=["int8", "float16"], default="int8")
    arguments = parser.parse_args()
    files = _files(arguments.folder, arguments.precision)
    _write_here(arguments.images, files, arguments.arch, arguments.side, arguments.precision)


if __name__ == "__main__":
    main()
