"""What does a model of reduced precision gain, and what does it lose?

A model file in float32 and the one that `edgecls quantize` made of it: images a second on one thread, of the network
alone and with decoding, and accuracy on labelled images. Give images that neither training nor calibration
has seen. Without files, a MobileNetV2 of 224 pixels with random weights and made-up photos take their place; then
only speed and size are reported, as there is no accuracy to lose.

    python benchmarks/int8.py [--rounds 30]
    edgecls quantize flowers.onnx -o int8.onnx --calibrate seen
    python benchmarks/int8.py flowers.onnx int8.onnx unseen [--rounds 30]
"""

import argparse
import itertools
import statistics
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from folder import write_photos
from measure import byte_compile, machine_facts, write_results
from untrained_network import write_untrained

import edgecls
from edgecls import image
from edgecls.dataset.formats.read import read_dataset
from edgecls.evaluation.evaluate import AUTO, choose_split, evaluate
from edgecls.image_files import find_images
from edgecls.measuring.turns import ratio_of, time_rounds
from edgecls.runtime.classifier import Classifier
from edgecls.runtime.machine.cores import usable_cores

IMAGES = 50  # that are timed
IMAGES_A_ROUND = 25
SIDE = 224  # of the untrained network's images, in pixels


def main() -> None:
    """Measure, print and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("float32", type=Path, nargs="?")
    parser.add_argument("reduced", type=Path, nargs="?")
    parser.add_argument("images", type=Path, nargs="?")
    parser.add_argument("--rounds", type=int, default=30)
    arguments = parser.parse_args()
    if arguments.float32 and not arguments.images:
        parser.error("give a file in float32, a reduced one and images; or none of them, for an untrained network")
    byte_compile()
    print(f"{machine_facts()['processor']}, 1 thread, {arguments.rounds} rounds of {IMAGES_A_ROUND} images")
    if arguments.float32:
        _compare_trained(arguments.float32, arguments.reduced, arguments.images, arguments.rounds)
    else:
        _compare_untrained(arguments.rounds)


def _compare_trained(float32: Path, reduced: Path, folder: Path, rounds: int) -> None:
    split, images = choose_split(read_dataset(folder), AUTO)
    order = np.random.default_rng(0).permutation(len(images.paths))[:IMAGES]
    classifiers, results = _compare_speed(float32, reduced, [images.paths[index] for index in order], rounds)
    results["accuracy"] = _accuracy(classifiers, split, images)
    print(f"wrote {write_results(classifiers['reduced'].card.precision, results)}")


def _compare_untrained(rounds: int) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        photos = Path(scratch) / "photos"
        photos.mkdir()
        write_photos(photos, IMAGES)
        network = write_untrained(photos, Path(scratch), side=SIDE)
        _, results = _compare_speed(network.float32, network.reduced, find_images(photos), rounds)
    print(f"wrote {write_results('int8_untrained', results)}")


def _compare_speed(
    float32: Path, reduced: Path, paths: Sequence[Path], rounds: int
) -> tuple[dict[str, Classifier], dict[str, Any]]:
    classifiers = {"float32": edgecls.load(float32, "cpu"), "reduced": edgecls.load(reduced, "cpu")}
    card = classifiers["reduced"].card
    print(f"{card.architecture}, {card.image}, {card.precision}")
    encoded = [image.read_file(path) for path in paths]
    fitted = [image.decode_to_fit(data, card.image)[np.newaxis] for data in encoded]
    results: dict[str, Any] = {
        "architecture": card.architecture,
        "image": str(card.image),
        "precision": card.precision,
        "rounds": rounds,
        "bytes": {"float32": float32.stat().st_size, "reduced": reduced.stat().st_size},
    }
    print(f"size           float32 {results['bytes']['float32']}, reduced {results['bytes']['reduced']} bytes")
    for what, subjects in {
        "network": {name: _taking_turns(each.probabilities, fitted) for name, each in classifiers.items()},
        "with decoding": {name: _taking_turns(each.predict_bytes, encoded) for name, each in classifiers.items()},
    }.items():
        times = time_rounds(subjects, rounds=rounds, warm_up=2)
        rates = {name: IMAGES_A_ROUND / statistics.median(seconds) for name, seconds in times.items()}
        gain = ratio_of(times["float32"], times["reduced"])
        print(f"{what:14} float32 {rates['float32']:.0f}, reduced {rates['reduced']:.0f} images/s: {gain} times")
        results[what] = {
            "images_per_second": {name: round(rate, 1) for name, rate in rates.items()},
            "times_as_fast": asdict(gain),
            "seconds": times,
        }
    return classifiers, results


def _taking_turns(run: Callable[..., object], images: list[object]) -> Callable[[], object]:
    """Return a function that runs over the next few images."""
    endless = itertools.cycle(images)

    def repeat() -> None:
        for each in itertools.islice(endless, IMAGES_A_ROUND):
            run(each)

    return repeat


def _accuracy(classifiers: dict[str, Classifier], split: str, images: object) -> dict[str, object]:
    found = {name: evaluate(each, images, workers=usable_cores()) for name, each in classifiers.items()}
    said = {name: evaluation.top_ids[:, 0] for name, evaluation in found.items()}
    same = float((said["float32"] == said["reduced"]).mean())
    accuracy = {name: evaluation.accuracy for name, evaluation in found.items()}
    count = found["float32"].images
    print(
        f"accuracy       float32 {accuracy['float32']:.4f}, reduced {accuracy['reduced']:.4f} "
        f"on {count} images ({split}); same label {same:.4f}"
    )
    return {"images": count, **accuracy, "same_label": same}


if __name__ == "__main__":
    main()
