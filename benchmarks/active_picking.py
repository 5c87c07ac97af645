"""Is what `edgecls data pick` picks worth more than images picked at random?

Simulated on labelled images: half of them, by the hash of their names, are for testing, the others are the pool. Ten of
each label are labelled at first; then a head is fitted as by `edgecls train --quick`, 25 images of the rest are picked
and labelled, and so on for five rounds. Once picked by `pick_diverse`, once by the doubt alone, once at random; each
with ten different beginnings, the same for all ways.

    python benchmarks/active_picking.py --data FOLDER [--seeds 10] [--rounds 5] [--count 25]
"""

import argparse
import hashlib
import os
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
import numpy.typing as npt
from measure import machine_facts, write_results

from edgecls.dataset.cache_kind import Cache
from edgecls.dataset.formats.read import read_dataset
from edgecls.dataset.pixel_cache import Views, cache_images
from edgecls.export.familiarity.backbone import BUNDLED_SIDE, bundled_backbone
from edgecls.export.familiarity.features import compute_features
from edgecls.export.familiarity.prototypes import fit_prototypes
from edgecls.export.familiarity.thresholds import choose_thresholds, cross_fitted
from edgecls.image_spec import ImageSpec
from edgecls.labelling.pick import pick_diverse
from edgecls.models.classical.features import Features, features_network
from edgecls.models.classical.linear import fit_and_cross_validate
from edgecls.models.classical.registry import TrainingRows
from edgecls.runtime.machine.cores import usable_cores

Array = npt.NDArray[Any]
WAYS = ("random", "doubt", "picked")
RESAMPLES = 10_000


def _features(data: Path) -> tuple[Array, Array, Array]:
    """Return the features of all images and of their mirror images, their labels, and which are for testing."""
    images = read_dataset(data).whole
    spec = ImageSpec(BUNDLED_SIDE, BUNDLED_SIDE)
    cached = cache_images(images, spec, workers=usable_cores(), cache=Cache.STREAM)
    count = len(cached.label_ids)
    network = features_network(Features.BACKBONE, spec, bundled_backbone(spec))
    rows, _ = compute_features(network, Views(cached.pixels, count), range(2 * count), name="backbone")
    names = [Path(name).name.encode() for name in cached.names]
    return np.asarray(rows), cached.label_ids, np.array([hashlib.sha256(name).digest()[0] < 128 for name in names])


def _doubts(rows: Array, label_ids: Array, labelled: Array, rest: Array, probabilities: Array) -> Array:
    """Return the doubt about the images of the pool, as `edgecls data pick` has it."""
    labels = int(label_ids.max()) + 1
    groups = label_ids[labelled].astype(np.int64)
    threshold = choose_thresholds(cross_fitted(rows[labelled], groups, labels=labels)).threshold
    familiarity = fit_prototypes(rows[labelled], groups, labels=labels).familiarity(rows[rest])
    ordered = np.sort(probabilities, axis=1)
    doubts = 1 - (ordered[:, -1] - ordered[:, -2])
    return np.where(familiarity < threshold, 1.0, doubts)


def _run(rows: Array, label_ids: Array, is_test: Array, way: str, seed: int, rounds: int, count: int) -> list[float]:
    """Return the accuracy on the test images, at first and after each round."""
    images = len(label_ids)
    pool, test = np.flatnonzero(~is_test), np.flatnonzero(is_test)
    rng = np.random.default_rng(seed)
    labels = range(int(label_ids.max()) + 1)
    labelled = np.concatenate([rng.choice(pool[label_ids[pool] == label], 10, replace=False) for label in labels])
    rng = np.random.default_rng([seed, WAYS.index(way)])
    accuracies = []
    for number in range(rounds + 1):
        given = TrainingRows(
            features=np.concatenate([rows[labelled], rows[images + labelled]]),
            label_ids=np.tile(label_ids[labelled], 2),
            seed=0,
            threads=usable_cores(),
            groups=np.tile(np.arange(len(labelled)), 2),
            views=2,
        )
        fitted, _ = fit_and_cross_validate(given, folds=10)
        accuracies.append(float((fitted.probabilities(rows[test]).argmax(axis=1) == label_ids[test]).mean()))
        if number == rounds:
            break
        rest = np.setdiff1d(pool, labelled)
        if way == "random":
            chosen = rng.choice(len(rest), count, replace=False)
        else:
            doubts = _doubts(rows, label_ids, labelled, rest, fitted.probabilities(rows[rest]))
            if way == "doubt":
                chosen = np.argsort(-doubts, kind="stable")[:count]
            else:
                chosen = pick_diverse(rows[rest], doubts, count, seed=seed + number)
        labelled = np.concatenate([labelled, rest[chosen]])
    return accuracies


def _interval(differences: Array) -> list[float]:
    rng = np.random.default_rng(0)
    means = rng.choice(differences, (RESAMPLES, len(differences))).mean(axis=1)
    return [float(value) for value in np.percentile(means, [2.5, 97.5])]


def main() -> None:
    """Simulate, print and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="a folder with one folder of images for each label")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--count", type=int, default=25)
    arguments = parser.parse_args()
    facts = machine_facts()
    print(facts["processor"], "load", os.getloadavg()[0])
    rows, label_ids, is_test = _features(arguments.data)
    found: dict[str, list[list[float]]] = {way: [] for way in WAYS}
    for seed in range(arguments.seeds):
        for way in WAYS:
            found[way].append(_run(rows, label_ids, is_test, way, seed, arguments.rounds, arguments.count))
        print(seed, {way: round(runs[-1][-1], 4) for way, runs in found.items()}, flush=True)
    last = {way: np.array([run[-1] for run in runs]) for way, runs in found.items()}
    results: list[dict[str, Any]] = []
    for way, runs in found.items():
        row: dict[str, Any] = {"way": way, "accuracy": mean(last[way]), "by_round": np.mean(runs, axis=0).tolist()}
        if way != "random":
            differences = last[way] - last["random"]
            row |= {"better_seeds": int((differences > 0).sum()), "difference": float(differences.mean())}
            row["interval"] = _interval(differences)
        print(row)
        results.append(row)
    made = {
        "seeds": arguments.seeds,
        "rounds": arguments.rounds,
        "picked_each_round": arguments.count,
        "pool": int((~is_test).sum()),
        "test": int(is_test.sum()),
        "load_average": round(os.getloadavg()[0], 1),
        "rows": results,
    }
    print(f"wrote {write_results('active_picking', made)}")


if __name__ == "__main__":
    main()
