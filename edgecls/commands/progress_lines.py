"""Progress of quick training as lines of JSON on standard output, for programs that start `edgecls train --quick`."""

import json
import time
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import click

from edgecls.commands.train_options import found_text, prepared_text
from edgecls.errors import EdgeclsError

if TYPE_CHECKING:
    from edgecls.training.quick.job import QuickListener, QuickResult

__all__ = ["ProgressLines"]

EVERY_S = 0.1  # within a step; its first and last line are always written


class ProgressLines:
    """Writes a line for each step; docs/how-to/quick-training.md describes them.

    As a context manager it writes the last line of a run that fails.
    """

    def __init__(self) -> None:
        self._step = ""
        self._written_s = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, EdgeclsError):
            self._write({"step": "failed", "done": 0, "total": 0, "message": str(error), "error": error.as_dict()})

    def listener(self) -> "QuickListener":
        """Return what quick training reports its progress to."""
        from edgecls.training.quick.job import QuickListener

        return QuickListener(
            on_found=lambda dataset: self._say("reading", found_text(dataset)),
            on_compared=lambda done, total: self._advance("comparing", done, total, "looking for duplicates"),
            on_remarks=self._remark,
            on_decoded=lambda done, total: self._advance("decoding", done, total, "decoding images"),
            on_prepared=lambda images: self._say("prepared", prepared_text(images)),
            on_features=lambda done, total: self._advance("features", done, total, "computing features"),
            on_fitting=lambda: self._say("fitting", "fitting"),
            on_exporting=lambda: self._say("exporting", "exporting and comparing with the fitted model"),
            on_evaluated=lambda done, total: self._advance("evaluating", done, total, "classifying images"),
        )

    def finish(self, result: "QuickResult") -> None:
        """Write the last line, with the results."""
        self._write(
            {
                "step": "finished",
                "done": 1,
                "total": 1,
                "message": f"wrote {result.onnx_path}",
                "result": _facts(result),
            }
        )

    def _remark(self, remarks: Sequence[str]) -> None:
        for remark in remarks:
            self._say("remark", remark)

    def _say(self, step: str, message: str) -> None:
        self._step = step
        self._write({"step": step, "done": 0, "total": 0, "message": message})

    def _advance(self, step: str, done: int, total: int, message: str) -> None:
        now_s = time.monotonic()
        if step == self._step and done < total and now_s - self._written_s < EVERY_S:
            return
        self._step, self._written_s = step, now_s
        self._write({"step": step, "done": done, "total": total, "message": message})

    def _write(self, line: dict[str, Any]) -> None:
        click.echo(json.dumps(line, ensure_ascii=True, allow_nan=False))


def _facts(result: "QuickResult") -> dict[str, Any]:
    """Return the results as the last line holds them."""
    evaluation, card = result.evaluation, result.export.card
    low, high = evaluation.accuracy_interval
    return {
        "model": str(result.onnx_path),
        "report": str(result.run.report_path),
        "labels": list(card.labels),
        "images_per_label": None if card.dataset is None else dict(card.dataset.images_per_label),
        "training_accuracy": result.metrics["accuracy"],
        "accuracy": evaluation.accuracy,
        "accuracy_interval": [low, high],
        "accuracy_of": "test" if result.has_test else "validation" if result.folds is None else "cross-validation",
        "evaluated": [
            {
                "image": str(path),
                "label": evaluation.labels[label],
                "predicted": evaluation.labels[best],
                "probability": round(float(probability), 6),
                "label_probability": round(float(of_label), 6),
            }
            for path, label, best, probability, of_label in zip(
                evaluation.paths,
                evaluation.label_ids,
                evaluation.top_ids[:, 0],
                evaluation.confidences,
                evaluation.true_probabilities,
                strict=True,
            )
        ],
    }
