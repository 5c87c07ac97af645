"""After how many images does a model notice that they have changed, and how often does it say so for no reason?

A quick model is trained on a part of a dataset without one of its labels. Of the other photos, some are drawn as
held-out ones, and some as a window of images that come one after the other: as they are, or changed. The comparison is
made again and again while they come, as by someone who looks at the page all day; a window is noticed at the first look
that finds a change. Held-out photos and window are drawn anew for each window, without any photo twice. Also what
measuring costs for each image.

    python benchmarks/drift.py --data flowers --new-label roses [--windows 1000] [--held-out 250] [--images 500]
"""

import argparse
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from measure import machine_facts, write_results

from edgecls import image
from edgecls.dataset.formats.labelled_images import LabelledImages
from edgecls.dataset.formats.read import read_dataset
from edgecls.dataset.splits.write import SplitFormat, write_splits
from edgecls.evaluation.drift import Tally
from edgecls.evaluation.metrics import wilson_interval
from edgecls.in_order import map_in_order
from edgecls.measuring.turns import ratio_of, time_rounds
from edgecls.reference import VALUES, reference_of
from edgecls.runtime.appearance import appearance_of
from edgecls.runtime.classifier import Classifier
from edgecls.runtime.machine.cores import usable_cores
from edgecls.runtime.opening import load
from edgecls.runtime.prediction import Prediction
from edgecls.training.quick.config import QuickConfig
from edgecls.training.quick.job import run_quick_training

TRAINED = 0.4  # of the photos
NEW_SHARE = 0.3  # of the window, where a new label comes
MORE = 0.5  # of the window is of one label, where the mix of labels changes
LOOKS = (*range(30, 101, 5), *range(110, 100_000, 10))

Pixels = image.Pixels
Draw = Callable[[np.random.Generator, Sequence[int]], list[Prediction]]


def _darker(pixels: Pixels) -> Pixels:
    return (pixels * 0.7).astype(np.uint8)


def _blurred(pixels: Pixels) -> Pixels:
    return np.asarray(cv2.GaussianBlur(pixels, (0, 0), 2), np.uint8)


def _other_camera(pixels: Pixels) -> bytes:
    """Return a JPEG of 16:9, 160 pixels high."""
    height, width = pixels.shape[:2]
    rows = min(height, width * 9 // 16)
    columns = min(width, height * 16 // 9)
    top, left = (height - rows) // 2, (width - columns) // 2
    small = cv2.resize(pixels[top : top + rows, left : left + columns], (284, 160), interpolation=cv2.INTER_AREA)
    return image.encode_jpeg(np.asarray(small, np.uint8), quality=60)


def main() -> None:
    """Train, classify, draw windows, print and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--new-label", required=True, help="a label that is left out in training")
    parser.add_argument("--windows", type=int, default=1000)
    parser.add_argument("--held-out", type=int, default=250, help="images of the reference")
    parser.add_argument("--images", type=int, default=500, help="in a window")
    parser.add_argument("--rounds", type=int, default=200, help="of timing")
    options = parser.parse_args()
    whole = read_dataset(options.data).whole
    new = whole.labels.index(options.new_label)
    known = whole.of_labels({index for index in range(len(whole.labels)) if index != new})
    strangers = whole.of_labels({new}).paths
    chance = np.random.default_rng(0)
    order = chance.permutation(len(known.paths)).tolist()
    trained, others = order[: int(TRAINED * len(order))], order[int(TRAINED * len(order)) :]
    with tempfile.TemporaryDirectory() as folder:
        classifier = _trained(known, trained, Path(folder))
        unseen = [known.paths[index] for index in others]
        variants: dict[str, Callable[[Pixels], Pixels | bytes] | None] = {
            "unchanged": None,
            "darker": _darker,
            "blurred": _blurred,
            "other camera": _other_camera,
        }
        answers = {name: _classified(classifier, unseen, change) for name, change in variants.items()}
        foreign = _classified(classifier, strangers, None)
        cost = _cost(classifier, unseen[0], options.rounds)
    plain = answers["unchanged"]
    most = Counter(prediction.best_index for prediction in plain).most_common(1)[0][0]
    changes: dict[str, Draw] = {
        name: lambda chance, rest, found=found: [found[index] for index in rest]  # type: ignore[misc]
        for name, found in answers.items()
    }
    changes["a new label"] = lambda chance, rest: [
        foreign[chance.integers(len(foreign))] if chance.random() < NEW_SHARE else plain[index] for index in rest
    ]
    of_most = [index for index, prediction in enumerate(plain) if prediction.best_index == most]
    changes["other mix of labels"] = lambda chance, rest: _mixed(chance, rest, plain, set(of_most))
    rows = [
        _row(name, draw, plain, classifier.labels, options, np.random.default_rng(1)) for name, draw in changes.items()
    ]
    results = {
        "photos": {"trained": len(trained), "unseen": len(unseen), "new_label": len(strangers)},
        "held_out": options.held_out,
        "images": options.images,
        "windows": options.windows,
        "rows": rows,
        "cost": cost,
    }
    _print(results)
    print(f"wrote {write_results('drift', results)}")


def _trained(known: LabelledImages, trained: Sequence[int], folder: Path) -> Classifier:
    write_splits(folder / "data", known, {"train": list(trained)}, SplitFormat.LISTS)
    run_quick_training(folder / "data", folder / "model.onnx", QuickConfig())
    classifier = load(folder / "model.onnx", "cpu")
    classifier.measures_appearance = True
    return classifier


def _classified(
    classifier: Classifier, paths: Sequence[Path], change: Callable[[Pixels], Pixels | bytes] | None
) -> list[Prediction]:
    def classify(path: Path) -> Prediction:
        data = image.read_file(path)
        return classifier.predict(data if change is None else change(image.decode(data)))

    return list(map_in_order(classify, paths, workers=usable_cores()))


def _mixed(
    chance: np.random.Generator, rest: Sequence[int], plain: list[Prediction], of_most: set[int]
) -> list[Prediction]:
    """Return a window in which MORE of the images have one label, in random order."""
    one, other = [index for index in rest if index in of_most], [index for index in rest if index not in of_most]
    count = min(len(one), int(len(other) * MORE / (1 - MORE)))
    drawn = [*one[:count], *other[: round(count * (1 - MORE) / MORE)]]
    return [plain[index] for index in chance.permutation(drawn)]


def _row(
    name: str,
    draw: Draw,
    plain: list[Prediction],
    labels: tuple[str, ...],
    options: argparse.Namespace,
    chance: np.random.Generator,
) -> dict[str, Any]:
    """Return after how many images windows with a change are noticed."""
    noticed, by = [], Counter[str]()
    lengths = []
    for _ in range(options.windows):
        order = chance.permutation(len(plain)).tolist()
        reference = _reference([plain[index] for index in order[: options.held_out]], len(labels))
        window = draw(chance, order[options.held_out :])[: options.images]
        lengths.append(len(window))
        tally = Tally(reference)
        for number, prediction in enumerate(window, 1):
            tally.add(prediction)
            if number in LOOKS and (changed := tally.drift(labels).changed):
                noticed.append(number)
                by.update(one.what for one in changed)
                break
    low, high = wilson_interval(len(noticed), options.windows)
    quantiles = np.quantile([*noticed, *[np.inf] * (options.windows - len(noticed))], [0.5, 0.9], method="higher")
    return {
        "change": name,
        "windows": options.windows,
        "images": int(np.median(lengths)),
        "noticed": len(noticed),
        "share": {"value": len(noticed) / options.windows, "low": low, "high": high},
        "median": None if np.isinf(quantiles[0]) else int(quantiles[0]),
        "p90": None if np.isinf(quantiles[1]) else int(quantiles[1]),
        "by": dict(by.most_common()),
    }


def _reference(predictions: Sequence[Prediction], labels: int) -> Any:
    values: dict[str, list[float]] = {name: [] for name in VALUES}
    for prediction in predictions:
        assert prediction.appearance is not None
        found = {"probability": prediction.probability, "familiarity": prediction.familiarity}
        for name, value in {**found, **prediction.appearance._asdict()}.items():
            assert value is not None
            values[name].append(value)
    return reference_of(values, [prediction.best_index for prediction in predictions], labels=labels)


def _cost(classifier: Classifier, path: Path, rounds: int) -> dict[str, Any]:
    """Return the time of measuring and counting an image, alone and relative to a prediction."""
    data = image.read_file(path)
    pixels = image.decode_to_fit(data, classifier.card.image)
    prediction, reference = classifier.predict_bytes(data), classifier.card.reference
    assert reference is not None
    tally = Tally(reference)
    classifier.measures_appearance = False

    def measure() -> None:
        appearance_of(pixels, (3, 4))
        tally.add(prediction)

    seconds = time_rounds(
        {"measuring": measure, "predicting": lambda: classifier.predict_bytes(data)}, rounds=rounds, warm_up=5
    )
    return {
        "us": 1e6 * float(np.median(seconds["measuring"])),
        "of_prediction": asdict(ratio_of(seconds["measuring"], seconds["predicting"])),
        "rounds": rounds,
    }


def _print(results: dict[str, Any]) -> None:
    print(f"{machine_facts()['processor']}; {results['held_out']} held-out photos, {results['windows']} windows")
    for row in results["rows"]:
        half, most = (row[key] or "-" for key in ("median", "p90"))
        print(
            f"{row['change']}: {row['noticed']} of {row['windows']} windows of {row['images']} images noticed, "
            f"half of them after {half}, 90 % after {most}; by {row['by']}"
        )
    cost = results["cost"]
    print(f"measuring an image takes {cost['us']:.0f} us, {cost['of_prediction']['value']:.4f} of a prediction")


if __name__ == "__main__":
    main()
