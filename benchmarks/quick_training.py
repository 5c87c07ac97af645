"""What does quick training give, in how much time, beside training a whole network and beside a script of tutorials?

Three ways from the same folders of images to a classifier, each in a process of its own, timed from start to end:

- `edgecls train --quick`, with all images and with few of each label (the mean of several draws);
- `edgecls train`, the network fine-tuned from pretrained weights (--full WEIGHTS);
- a plain Keras script as tutorials have it: image_dataset_from_directory, three convolutions, 180 pixels, 10 epochs
  (--keras).

The images whose file names have a SHA-256 that begins with a byte below 26, a tenth, are for testing, as
docs/explanation/bundled-model.md has it; nothing is trained or chosen on them.

    python benchmarks/quick_training.py --data FOLDER [--few 10] [--draws 5] [--full WEIGHTS] [--keras] [--no-quick]

Rows of earlier results that are not measured again stay: with --no-quick, those of quick training.
"""

import argparse
import contextlib
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection, Sequence
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
from measure import earlier_results, machine_facts, write_results

from edgecls.dataset.formats.labelled_images import LabelledImages
from edgecls.dataset.formats.read import read_dataset
from edgecls.evaluation.evaluate import evaluate
from edgecls.runtime.machine.cores import usable_cores
from edgecls.runtime.opening import load

KERAS_SCRIPT = """
import json, sys
import keras
from keras import layers

train, test, out = sys.argv[1:]
options = {"image_size": (180, 180), "batch_size": 32}
split = {"validation_split": 0.1, "seed": 123, **options}
train_ds = keras.utils.image_dataset_from_directory(train, subset="training", **split)
val_ds = keras.utils.image_dataset_from_directory(train, subset="validation", **split)
test_ds = keras.utils.image_dataset_from_directory(test, shuffle=False, **options)
model = keras.Sequential([layers.Input((180, 180, 3)), layers.Rescaling(1 / 255)])
for filters in (16, 32, 64):
    model.add(layers.Conv2D(filters, 3, padding="same", activation="relu"))
    model.add(layers.MaxPooling2D())
for layer in (layers.Flatten(), layers.Dense(128, activation="relu"), layers.Dense(len(train_ds.class_names))):
    model.add(layer)
loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
model.compile("adam", loss, metrics=["accuracy"])
model.fit(train_ds, validation_data=val_ds, epochs=10, verbose=0)
with open(out, "w") as file:
    json.dump(model.evaluate(test_ds, verbose=0)[1], file)
"""


def is_for_testing(path: Path) -> bool:
    """Return whether an image belongs to the tenth that nothing is trained on."""
    return hashlib.sha256(path.name.encode()).digest()[0] < 26


def timed(command: Sequence[str | Path]) -> dict[str, float]:
    """Run a command to its end, and return its time, its processor time and its largest memory."""
    start_s = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    errors = process.stderr.read() if process.stderr is not None else ""
    _, status, used = os.wait4(process.pid, 0)
    wall_s = time.perf_counter() - start_s
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{command[0]} failed: {errors}")
    return {
        "wall_s": round(wall_s, 2),
        "processor_s": round(used.ru_utime + used.ru_stime, 2),
        "memory_mb": round(used.ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6),
    }


def link_images(images: LabelledImages, indices: Sequence[int], root: Path) -> Path:
    """Make class folders of some of the images, out of symbolic links."""
    for index in indices:
        folder = root / images.labels[images.label_ids[index]]
        folder.mkdir(parents=True, exist_ok=True)
        (folder / images.paths[index].name).symlink_to(images.paths[index].absolute())
    return root


def _accuracy(model: Path, images: LabelledImages, test: Sequence[int]) -> float:
    with contextlib.closing(load(model, "cpu")) as classifier:
        return evaluate(classifier, images.chosen(test), workers=usable_cores()).accuracy


def _train(data: Path, out: Path, *options: str) -> dict[str, float]:
    return timed([sys.executable, "-m", "edgecls", "train", data, "-o", out, *options])


def _row(
    name: str, accuracies: Sequence[float], costs: Sequence[dict[str, float]], model: Path | None
) -> dict[str, Any]:
    row: dict[str, Any] = {"way": name, "accuracy": mean(accuracies), "accuracies": list(accuracies)}
    row |= {key: mean(cost[key] for cost in costs) for key in costs[0]}
    row["file_mb"] = None if model is None else model.stat().st_size / 1e6
    row["load_average"] = round(os.getloadavg()[0], 1)
    size = "" if model is None else f", {row['file_mb']:.1f} MB"
    print(
        f"{name:24} accuracy {row['accuracy']:.3f}, {row['wall_s']:.1f} s, {row['processor_s']:.1f} s of processors, "
        f"{row['memory_mb']:.0f} MB of memory{size}",
        flush=True,
    )
    return row


def _earlier_rows(measured: Collection[str]) -> list[dict[str, Any]]:
    """Return the rows of the earlier results, without those that are measured now."""
    return [row for row in earlier_results("quick_training").get("rows", []) if row["way"] not in measured]


def main() -> None:
    """Train in all ways, print and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="a folder with one folder of images for each label")
    parser.add_argument("--few", type=int, action="append", help="images of each label in a draw; 10 unless given")
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--full", metavar="WEIGHTS", help="also train a whole network from these weights")
    parser.add_argument("--keras", action="store_true", help="also run the script of tutorials")
    parser.add_argument("--no-quick", action="store_true", help="leave quick training out")
    arguments = parser.parse_args()
    facts = machine_facts()
    print(facts["processor"], "load", os.getloadavg()[0])
    images = read_dataset(arguments.data).whole
    test = [index for index, path in enumerate(images.paths) if is_for_testing(path)]
    rest = sorted(set(range(len(images.paths))) - set(test))
    label_ids = np.asarray(images.label_ids)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        everything = link_images(images, rest, root / "all")
        model = root / "all.onnx"
        if not arguments.no_quick:
            cost = _train(everything, model, "--quick")
            rows.append(_row(f"quick, {len(rest)} images", [_accuracy(model, images, test)], [cost], model))
        for few in [] if arguments.no_quick else arguments.few or [10]:
            accuracies, costs = [], []
            for draw in range(arguments.draws):
                rng = np.random.default_rng(draw)
                ids = np.array(rest)
                of_label = [ids[label_ids[rest] == label] for label in range(len(images.labels))]
                chosen = [int(index) for found in of_label for index in rng.choice(found, few, replace=False)]
                model = root / f"{few}-{draw}.onnx"
                costs.append(_train(link_images(images, chosen, root / f"{few}-{draw}"), model, "--quick"))
                accuracies.append(_accuracy(model, images, test))
            rows.append(_row(f"quick, {few} a label", accuracies, costs, model))
        if arguments.full:
            model = root / "full.onnx"
            cost = _train(everything, model, "--weights", arguments.full, "--epochs", "15")
            rows.append(_row("whole network", [_accuracy(model, images, test)], [cost], model))
        if arguments.keras:
            script, answer = root / "tutorial.py", root / "tutorial.json"
            script.write_text(KERAS_SCRIPT, encoding="utf-8")
            held_out = link_images(images, test, root / "test")
            cost = timed([sys.executable, script, everything, held_out, answer])
            rows.append(_row("Keras script", [json.loads(answer.read_text())], [cost], None))
    results = {"test_images": len(test), "rows": [*_earlier_rows({row["way"] for row in rows}), *rows]}
    print(f"wrote {write_results('quick_training', results)}")


if __name__ == "__main__":
    main()
