"""Predictions as a pandas table."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from edgecls.client.client import RemoteOutcome, RemotePrediction
from edgecls.errors import ImageError, MissingExtraError
from edgecls.runtime.prediction import LabelScore, Outcome, Prediction

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["to_dataframe"]

Answer = Prediction | Outcome | RemotePrediction | RemoteOutcome


def to_dataframe(predictions: Iterable[Answer] | Answer, *, top: int = 1) -> "pd.DataFrame":
    """Return predictions as a table, a row for each, with the columns of `edgecls run --format csv`.

    Args:
        predictions: Of `Classifier` or `Client`: predictions, or the outcomes of `predict_many`; or just one.
        top: Number of best labels, each with its probability; of a client's predictions, only those that were asked for
            are known.

    Returns:
        A pandas.DataFrame with the columns image, label, known, probability, then label_2, probability_2 and so on up
        to `top`, best_label, familiarity, reason ("unlike" or "undecided" where the label is not known), time_ms and
        error. An image that could not be used has an error, and nothing else.

    Raises:
        MissingExtraError: pandas is not installed.
        TypeError: An item is not a prediction.
        ValueError: `top` is below 1.
    """
    try:
        import pandas as pd
    except ModuleNotFoundError as error:
        if error.name != "pandas":
            raise
        raise MissingExtraError(
            "a table of predictions needs the package 'pandas', which is not installed; install it with: "
            "pip install pandas"
        ) from error
    if top < 1:
        raise ValueError(f"top must be at least 1, got {top}")
    further = [f"{column}_{rank}" for rank in range(2, top + 1) for column in ("label", "probability")]
    columns = [
        "image",
        "label",
        "known",
        "probability",
        *further,
        "best_label",
        "familiarity",
        "reason",
        "time_ms",
        "error",
    ]
    if isinstance(predictions, Answer):
        predictions = [predictions]
    table = pd.DataFrame([_row(answer, top) for answer in predictions], columns=columns)
    numbers = [column for column in columns if column.startswith("probability")] + ["familiarity", "time_ms"]
    return table.astype({**dict.fromkeys(numbers, "float64"), "known": "boolean"})


def _row(answer: Answer, top: int) -> dict[str, Any]:
    if isinstance(answer, Outcome | RemoteOutcome):
        if isinstance(answer.result, ImageError):
            return {"image": answer.name, "error": str(answer.result)}
        answer = answer.result
    if not isinstance(answer, Prediction | RemotePrediction):
        raise TypeError(f"a table is made of predictions and outcomes, not of {type(answer).__name__}")
    scores: tuple[LabelScore, ...] = answer.top(top) if isinstance(answer, Prediction) else answer.top
    row: dict[str, Any] = {
        "image": answer.image,
        "label": answer.label,
        "known": answer.is_known,
        "probability": answer.probability,
        "best_label": scores[0].label if scores else answer.label,
        "familiarity": answer.familiarity,
        "reason": answer.unknown_reason,
        "time_ms": answer.time_ms,
    }
    for rank, score in enumerate(scores[1:top], 2):
        row[f"label_{rank}"], row[f"probability_{rank}"] = score.label, score.probability
    return row
