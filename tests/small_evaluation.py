"""An evaluation made by hand, whose figures can be worked out on paper."""

from pathlib import Path

import numpy as np

from edgecls.evaluation.record import Evaluation


def small_evaluation(**changes: object) -> Evaluation:
    """Return six images of three labels: four right, two wrong; a fourth label has none."""
    rows = np.array(
        [
            # cat    dog   猫头鹰 <none>
            [0.90, 0.05, 0.03, 0.02],
            [0.55, 0.30, 0.10, 0.05],
            [0.70, 0.20, 0.06, 0.04],  # a dog taken for a cat
            [0.10, 0.80, 0.06, 0.04],
            [0.30, 0.02, 0.63, 0.05],
            [0.45, 0.10, 0.40, 0.05],  # an owl taken for a cat
        ]
    )
    label_ids = np.array([0, 0, 1, 1, 2, 2])
    order = np.argsort(-rows, axis=1)
    facts: dict[str, object] = {
        "labels": ("cat", "dog", "猫头鹰", "<b>none</b>"),
        "paths": tuple(Path(f"folder/{index}.png") for index in range(6)),
        "label_ids": label_ids,
        "ranks": (order == label_ids[:, np.newaxis]).argmax(axis=1),
        "true_probabilities": rows[np.arange(6), label_ids],
        "top_ids": order[:, :3],
        "top_probabilities": np.take_along_axis(rows, order, axis=1)[:, :3],
        "times_ms": np.array([1.0, 2.0, 3.0, 4.0, 5.0, 60.0]),
        "failures": {},
        "unknown_threshold": None,
        "provider": "cpu",
        "workers": 2,
        "duration_s": 0.5,
    }
    return Evaluation(**{**facts, **changes})  # type: ignore[arg-type]
