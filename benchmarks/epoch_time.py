"""How long does an epoch of `edgecls train` take beside a plain Keras script, and how accurate is the network then?

The script is what tutorials have: `image_dataset_from_directory` with cache and prefetch, Adam, `fit`, no augmentation.
Both train the same network from random weights on the same images, validate on the same others after every epoch, and
run in turns, each in a process of its own. An epoch is the median of those after the first, in which the script decodes
its images (edgecls does so before). Beside it stands the time of the whole process: that of edgecls also
calibrates, exports, checks the file and writes a report.

    python benchmarks/epoch_time.py --data FOLDER [--arch simple_cnn] [--side 128] [--epochs 6] [--rounds 5]
"""

import argparse
import csv
import dataclasses
import itertools
import json
import os
import statistics
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from measure import byte_compile, machine_facts, write_results
from quick_training import is_for_testing, link_images, timed

from edgecls.dataset.formats.read import read_dataset
from edgecls.measuring.turns import ratio_of, take_turns
from edgecls.runtime.machine.cores import usable_cores

SCRIPT = """
import json, sys, time
import keras, tensorflow as tf
from edgecls.image_spec import ImageSpec
from edgecls.models import build_model

data, arch, side, epochs, seed, out = sys.argv[1:]
side, epochs, seed = int(side), int(epochs), int(seed)
options = {"image_size": (side, side), "batch_size": 32, "seed": seed, "verbose": False}
train = keras.utils.image_dataset_from_directory(f"{data}/train", **options)
val = keras.utils.image_dataset_from_directory(f"{data}/val", shuffle=False, **options)
num_classes = len(train.class_names)
train = train.cache().shuffle(1000, seed=seed).prefetch(tf.data.AUTOTUNE)
val = val.cache().prefetch(tf.data.AUTOTUNE)

class Clock(keras.callbacks.Callback):
    ends = [time.perf_counter()]
    def on_epoch_end(self, epoch, logs=None):
        self.ends.append(time.perf_counter())

keras.utils.set_random_seed(seed)
model = build_model(arch, num_classes=num_classes, spec=ImageSpec(side, side))  # the same network
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
Clock.ends[0] = time.perf_counter()
history = model.fit(train, validation_data=val, epochs=epochs, verbose=0, callbacks=[Clock()]).history
with open(out, "w") as file:
    seconds = [end - start for start, end in zip(Clock.ends, Clock.ends[1:])]
    json.dump({"epoch_s": seconds, "validation_accuracy": history["val_accuracy"]}, file)
"""


@dataclasses.dataclass(frozen=True)
class Training:
    """What one training took and came to.

    Attributes:
        epoch_s: Median seconds of an epoch with its validation, the first left out.
        process_s: Seconds from start to end of the process.
        accuracy: The best on the validation images, 0 to 1.
    """

    epoch_s: float
    process_s: float
    accuracy: float


def _with_edgecls(root: Path, options: argparse.Namespace, seed: int) -> Training:
    with tempfile.TemporaryDirectory() as scratch:
        command = [sys.executable, "-m", "edgecls", "train", str(root), "-o", str(Path(scratch) / "model.onnx"), "-q"]
        command += ["--arch", options.arch, "--weights", "none", "--image-size", str(options.side), "--fit", "stretch"]
        command += ["--epochs", str(options.epochs), "--no-augment", "--seed", str(seed)]
        process_s = timed([*command, "--run-dir", str(Path(scratch) / "run")])["wall_s"]
        rows = list(csv.DictReader((Path(scratch) / "run" / "history.csv").open(encoding="utf-8")))
    times, accuracies = ([float(row[name]) for row in rows] for name in ("duration_s", "validation_accuracy"))
    return Training(statistics.median(times[1:]), process_s, max(accuracies))


def _with_keras(root: Path, options: argparse.Namespace, seed: int) -> Training:
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch) / "found.json"
        command = [sys.executable, "-c", SCRIPT, str(root), options.arch, str(options.side), str(options.epochs)]
        process_s = timed([*command, str(seed), str(out)])["wall_s"]
        found = json.loads(out.read_text(encoding="utf-8"))
    return Training(statistics.median(found["epoch_s"][1:]), process_s, max(found["validation_accuracy"]))


def _with_seeds(train: Callable[[int], Training]) -> Callable[[], Training]:
    """Return what trains with the next seed each time."""
    seeds = itertools.count()
    return lambda: train(next(seeds))


def main() -> None:
    """Train in turns, print and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="a folder with one folder of images for each label")
    parser.add_argument("--arch", default="simple_cnn")
    parser.add_argument("--side", type=int, default=128)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    byte_compile()
    os.environ |= {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"}  # of what is started
    print(f"{machine_facts()['processor']}, {usable_cores()} cores, {options.arch}, {options.side} pixels")
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        images = read_dataset(options.data).whole
        splits: dict[str, list[int]] = {"train": [], "val": []}
        for index, path in enumerate(images.paths):
            splits["val" if is_for_testing(path) else "train"].append(index)
        for split, indices in splits.items():
            link_images(images, indices, root / split)
        ways = {"edgecls train": _with_edgecls, "Keras script": _with_keras}
        turns = {name: _with_seeds(partial(way, root, options)) for name, way in ways.items()}
        taken = take_turns(turns, rounds=options.rounds, warm_up=0)
    results: dict[str, Any] = {
        "arch": options.arch,
        "side": options.side,
        "epochs": options.epochs,
        "rounds": options.rounds,
        "images": {split: len(indices) for split, indices in splits.items()},
        "rows": {name: [dataclasses.asdict(one) for one in trainings] for name, trainings in taken.items()},
    }
    edgecls, script = taken["edgecls train"], taken["Keras script"]
    for key in ("epoch_s", "process_s"):
        ratio = ratio_of([getattr(one, key) for one in edgecls], [getattr(one, key) for one in script])
        results[f"{key}_ratio"] = dataclasses.asdict(ratio)
        print(f"{key}: edgecls train is {ratio} of the Keras script")
    for name, trainings in taken.items():
        epoch_s, process_s, accuracy = (
            statistics.median(getattr(one, field.name) for one in trainings) for field in dataclasses.fields(Training)
        )
        print(f"{name}: {epoch_s:.2f} s an epoch, {process_s:.1f} s in all, accuracy {accuracy:.3f}")
    print(f"wrote {write_results('epoch_time', results)}")


if __name__ == "__main__":
    main()
