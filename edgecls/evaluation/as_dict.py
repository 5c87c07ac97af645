"""An evaluation as JSON holds it."""

from dataclasses import asdict
from typing import Any

import numpy as np

from edgecls.evaluation.record import Evaluation

__all__ = ["evaluation_to_dict"]

MISTAKES_LISTED = 100


def evaluation_to_dict(evaluation: Evaluation, *, top: int) -> dict[str, Any]:
    """Return all figures of an evaluation; docs/evaluation.md explains them.

    Args:
        evaluation: What was found.
        top: The largest number of labels to give the accuracy for, among which the right one is.
    """
    low, high = evaluation.accuracy_interval
    label, baseline = evaluation.baseline
    unknown = evaluation.unknown
    return {
        "pictures": evaluation.pictures,
        "accuracy": evaluation.accuracy,
        "accuracy_interval": [low, high],
        "top_accuracy": {
            str(count): evaluation.top_accuracy(count) for count in range(1, min(top, len(evaluation.labels)) + 1)
        },
        "baseline": {"label": label, "accuracy": baseline},
        "macro": asdict(evaluation.macro),
        "weighted": asdict(evaluation.weighted),
        "negative_log_likelihood": evaluation.loss,
        "expected_calibration_error": evaluation.calibration_error,
        "unknown": None if unknown is None else asdict(unknown),
        "time_ms": {
            "median": float(np.median(evaluation.times_ms)),
            "p95": float(np.percentile(evaluation.times_ms, 95)),
        },
        "provider": evaluation.provider,
        "workers": evaluation.workers,
        "duration_s": evaluation.duration_s,
        "labels": [asdict(entry) for entry in evaluation.per_label],
        "confusion_matrix": evaluation.confusion.tolist(),
        "reliability": [asdict(entry) for entry in evaluation.reliability],
        "worst_mistakes": [
            {
                "image": str(evaluation.paths[index]),
                "shown": evaluation.labels[evaluation.label_ids[index]],
                "said": evaluation.labels[evaluation.top_ids[index, 0]],
                "probability": float(evaluation.confidences[index]),
            }
            for index in evaluation.worst_mistakes(MISTAKES_LISTED)
        ],
        "failures": [{"image": name, "error": error.as_dict()} for name, error in evaluation.failures.items()],
    }
