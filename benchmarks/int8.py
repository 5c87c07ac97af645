"""What does a model of reduced precision gain, and what does it lose?

A model file in float32 and the one that `edgecls quantize` made of it: pictures a second on one thread, of the network
alone and with decoding, and accuracy on labelled pictures. Give pictures that neither training nor calibration
has seen.

Without files, an untrained MobileNetV2 is exported and reduced, which tells the speed, and the accuracy is left out.

    edgecls quantize flowers.onnx -o int8.onnx --calibrate seen
    python benchmarks/int8.py [flowers.onnx int8.onnx unseen] [--rounds 30]
"""

import argparse
import itertools
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
from folder import write_photos
from measure import byte_compile, machine_facts, write_results

import edgecls
from edgecls import image
from edgecls.dataset.forms.read import read_dataset
from edgecls.evaluation.evaluate import evaluate
from edgecls.evaluation.parts import AUTO, choose_part
from edgecls.export.precision.activation_ranges import CalibrationMethod, observe_extremes, ranges_from
from edgecls.export.precision.float_network import read_float_network
from edgecls.export.precision.int8_graph import int8_onnx
from edgecls.export.precision.recipe import recipe_for
from edgecls.modelfile import read_model, write_model
from edgecls.rounds import ratio_of, time_rounds
from edgecls.runtime.classifier import Classifier
from edgecls.runtime.cores import usable_cores
from edgecls.runtime.processor import read_processor

PICTURES = 50  # that are timed
PICTURES_A_ROUND = 25
MAKE = """
import sys, keras
keras.utils.set_random_seed(0)
keras.applications.MobileNetV2(weights=None, classes=5).save(sys.argv[1])
"""


def main() -> None:
    """Measure, print and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("float32", type=Path, nargs="?")
    parser.add_argument("reduced", type=Path, nargs="?")
    parser.add_argument("pictures", type=Path, nargs="?")
    parser.add_argument("--rounds", type=int, default=30)
    arguments = parser.parse_args()
    if arguments.float32 and not arguments.pictures:
        parser.error("give both model files and the pictures, or none of them")
    byte_compile()
    if arguments.float32:
        results, precision = _measure(arguments.float32, arguments.reduced, arguments.pictures, arguments.rounds)
        print(f"wrote {write_results(precision, results)}")
        return
    with tempfile.TemporaryDirectory() as scratch:
        results, _ = _measure(*_made(Path(scratch)), arguments.rounds, with_accuracy=False)
        print(f"wrote {write_results('int8_untrained', results)}")


def _made(folder: Path) -> tuple[Path, Path, Path]:
    """Return an untrained MobileNetV2 in float32 and in int8, and pictures."""
    for label in range(5):
        (folder / "photos" / f"label {label}").mkdir(parents=True)
        write_photos(folder / "photos" / f"label {label}", PICTURES // 5)
    keras, float32, reduced, labels = (folder / name for name in ("net.keras", "net.onnx", "int8.onnx", "labels.txt"))
    labels.write_text("\n".join(f"label {index}" for index in range(5)))
    _run([sys.executable, "-c", MAKE, str(keras)])
    edgecls = [sys.executable, "-m", "edgecls"]
    photos = str(folder / "photos" / "label 0")
    export = ["export", str(keras), "-o", str(float32), "--labels", str(labels), "--samples", photos]
    _run([*edgecls, *export, "--pixel-range", "-1", "1"])
    _reduce(float32, reduced)
    return float32, reduced, folder / "photos"


def _reduce(float32: Path, reduced: Path) -> None:
    """Make int8 of a model that has learned nothing, which `edgecls quantize` would refuse."""
    model = read_model(float32)
    network = read_float_network(model)
    pixels = np.random.default_rng(0).integers(0, 256, (8, *model.card.image.shape_hwc), dtype=np.uint8)
    ranges = ranges_from(observe_extremes(network, pixels, workers=usable_cores()), CalibrationMethod.MIN_MAX)
    onnx = int8_onnx(network, network.layers, ranges, recipe_for(read_processor()))
    write_model(reduced, onnx, replace(model.card, precision="int8"))


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr.strip())


def _measure(
    float32: Path, reduced: Path, pictures_path: Path, rounds: int, *, with_accuracy: bool = True
) -> tuple[dict[str, object], str]:
    """Return the figures of a pair of files, and the reduced precision's name."""
    machine = machine_facts()
    classifiers = {"float32": edgecls.load(float32, "cpu"), "reduced": edgecls.load(reduced, "cpu")}
    card = classifiers["reduced"].card
    part, pictures = choose_part(read_dataset(pictures_path), AUTO)
    print(f"{machine['processor']}, 1 thread, {rounds} rounds of {PICTURES_A_ROUND} pictures")
    print(f"{card.architecture}, {card.image}, {card.precision}")
    order = np.random.default_rng(0).permutation(len(pictures.paths))[:PICTURES]
    encoded = [image.read_file(pictures.paths[index]) for index in order]
    fitted = [image.decode_to_fit(data, card.image)[np.newaxis] for data in encoded]
    results: dict[str, object] = {
        "architecture": card.architecture,
        "image": str(card.image),
        "precision": card.precision,
        "rounds": rounds,
        "bytes": {"float32": float32.stat().st_size, "reduced": reduced.stat().st_size},
    }
    for what, subjects in {
        "network": {name: _taking_turns(each.probabilities, fitted) for name, each in classifiers.items()},
        "with decoding": {name: _taking_turns(each.predict_bytes, encoded) for name, each in classifiers.items()},
    }.items():
        times = time_rounds(subjects, rounds=rounds, warm_up=2)
        rates = {name: PICTURES_A_ROUND / statistics.median(seconds) for name, seconds in times.items()}
        gain = ratio_of(times["float32"], times["reduced"])
        print(f"{what:14} float32 {rates['float32']:.0f}, reduced {rates['reduced']:.0f} pictures/s: {gain} times")
        results[what] = {
            "pictures_per_second": {name: round(rate, 1) for name, rate in rates.items()},
            "times_as_fast": asdict(gain),
            "seconds": times,
        }
    if with_accuracy:
        results["accuracy"] = _accuracy(classifiers, part, pictures)
    return results, card.precision


def _taking_turns(run: Callable[..., object], pictures: list[object]) -> Callable[[], object]:
    """Return a function that runs over the next few pictures."""
    endless = itertools.cycle(pictures)

    def repeat() -> None:
        for picture in itertools.islice(endless, PICTURES_A_ROUND):
            run(picture)

    return repeat


def _accuracy(classifiers: dict[str, Classifier], part: str, pictures: object) -> dict[str, object]:
    found = {name: evaluate(each, pictures, workers=usable_cores()) for name, each in classifiers.items()}
    said = {name: evaluation.top_ids[:, 0] for name, evaluation in found.items()}
    same = float((said["float32"] == said["reduced"]).mean())
    accuracy = {name: evaluation.accuracy for name, evaluation in found.items()}
    count = found["float32"].pictures
    print(
        f"accuracy       float32 {accuracy['float32']:.4f}, reduced {accuracy['reduced']:.4f} "
        f"on {count} pictures ({part}); same label {same:.4f}"
    )
    return {"pictures": count, **accuracy, "same_label": same}


if __name__ == "__main__":
    main()
