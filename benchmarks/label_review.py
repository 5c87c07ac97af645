"""Does `edgecls data review` find wrong labels?

A share of the labels of a dataset is changed at random, in several draws, and the images are ranked by how probably
their label is wrong: by the review, and by five folds of plain logistic regression on the same features, the usual way
(--baseline). The table shows which share of the changed images is in the first 10 % of the ranking, which share of its
first 5 % was changed, and how many of the listed images were expected to be wrong, and how many were.

    python benchmarks/label_review.py --data FOLDER [--share 0.05] [--draws 10] [--baseline]
"""

import argparse
import os
import time
import warnings
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
import numpy.typing as npt
from measure import machine_facts, write_results

from edgecls.dataset.formats.read import read_dataset
from edgecls.dataset.similarity.groups import keep_together
from edgecls.labelling.doubt import doubts, nearest_neighbours
from edgecls.labelling.features import compare_by_features
from edgecls.labelling.review import LISTED_FROM
from edgecls.runtime.machine.cores import usable_cores

Array = npt.NDArray[Any]


def changed_labels(label_ids: Array, labels: int, share: float, seed: int) -> tuple[Array, Array]:
    """Return labels of which a share is changed to any other, and which."""
    rng = np.random.default_rng(seed)
    chosen = rng.choice(len(label_ids), round(share * len(label_ids)), replace=False)
    given = label_ids.copy()
    given[chosen] = (given[chosen] + rng.integers(1, labels, len(chosen))) % labels
    return given, np.isin(np.arange(len(label_ids)), chosen)


def _plain(rows: Array, given: Array, groups: Array) -> Array:
    """Return how doubtful labels are by five folds of logistic regression: another label's probability less theirs."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedGroupKFold
    from threadpoolctl import threadpool_limits

    probabilities = np.zeros((len(given), int(given.max()) + 1))
    folds = StratifiedGroupKFold(5, shuffle=True, random_state=0)
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore")
        for train, test in folds.split(rows, given, groups):
            found = LogisticRegression(max_iter=100).fit(rows[train], given[train])
            probabilities[test] = found.predict_proba(rows[test])
    places = np.arange(len(given))
    own = probabilities[places, given].copy()
    probabilities[places, given] = -1
    return np.asarray(probabilities.max(axis=1) - own)


def _shares(doubt: Array, changed: Array) -> dict[str, float]:
    order = np.argsort(-doubt, kind="stable")
    tenth, twentieth = round(0.1 * len(order)), round(0.05 * len(order))
    return {
        "found_in_first_tenth": float(changed[order[:tenth]].sum() / changed.sum()),
        "changed_of_first_twentieth": float(changed[order[:twentieth]].mean()),
    }


def main() -> None:
    """Change labels, rank, print and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="a folder with one folder of images for each label")
    parser.add_argument("--share", type=float, default=0.05, help="of the labels, changed at random")
    parser.add_argument("--draws", type=int, default=10)
    parser.add_argument("--baseline", action="store_true", help="also rank by plain logistic regression")
    arguments = parser.parse_args()
    facts = machine_facts()
    print(facts["processor"], "load", os.getloadavg()[0])
    images = read_dataset(arguments.data).whole
    kept = keep_together(images.paths, workers=usable_cores())
    started = time.perf_counter()
    compared = compare_by_features(images)
    features_s = time.perf_counter() - started
    groups = np.asarray(kept.groups)[compared.positions]
    near = nearest_neighbours(compared.rows, groups)
    rows: list[dict[str, Any]] = []
    for seed in range(arguments.draws):
        given, changed = changed_labels(compared.label_ids, len(images.labels), arguments.share, seed)
        started = time.perf_counter()
        judged = doubts(compared.rows, given, groups, near, labels=len(images.labels))
        row: dict[str, Any] = {"seed": seed, "judging_s": round(time.perf_counter() - started, 2)}
        row |= _shares(judged.wrong, changed)
        listed = (judged.wrong >= LISTED_FROM) & (judged.probabilities.argmax(axis=1) != given)
        row |= {"listed": int(listed.sum()), "expected_wrong": float(judged.wrong[listed].sum())}
        row |= {"listed_changed": int(changed[listed].sum()), "noise": judged.noise}
        if arguments.baseline:
            row["plain"] = _shares(_plain(compared.rows, given, groups), changed)
        print(row, flush=True)
        rows.append(row)
    keys = ("found_in_first_tenth", "changed_of_first_twentieth", "listed", "expected_wrong", "listed_changed")
    summary = {key: mean(row[key] for row in rows) for key in keys}
    summary |= {f"least_{key}": min(row[key] for row in rows) for key in keys[:2]}
    if arguments.baseline:
        summary["plain"] = {key: mean(row["plain"][key] for row in rows) for key in keys[:2]}
    print(summary)
    results = {
        "images": len(groups),
        "changed_share": arguments.share,
        "listed_from": LISTED_FROM,
        "features_s": round(features_s, 1),
        "load_average": round(os.getloadavg()[0], 1),
        "summary": summary,
        "rows": rows,
    }
    print(f"wrote {write_results('label_review', results)}")


if __name__ == "__main__":
    main()
