"""The outcome of a sweep: the best model, its accuracy on the test split, charts, and all of it as JSON."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edgecls.atomic_write import whole_files
from edgecls.dataset.formats.labelled_images import LabelledImages
from edgecls.errors import OutputError
from edgecls.evaluation.evaluate import evaluate
from edgecls.evaluation.report import write_report
from edgecls.json_text import parse_json
from edgecls.plots.sweep import Run, epochs_chart, setting_chart, swept_settings
from edgecls.regular_file import read_regular
from edgecls.runtime.machine.cores import usable_cores
from edgecls.runtime.opening import load
from edgecls.training.sweep.record import SweepTrial

__all__ = ["RESULT_NAME", "SUFFIXES", "SweepOutcome", "TestScore", "conclude", "trial_facts"]

RESULT_NAME = "result.json"
REPORT_NAME = "report.html"
SUFFIXES = (".onnx", ".keras")


@dataclass(frozen=True)
class TestScore:
    """How the best trial does on the test split, which no trial used.

    Attributes:
        trial: Its number.
        of_trials: Number of trials that had ended, from which it was chosen.
        images: Number of images.
        unused: Number of images that cannot be used.
        accuracy: Fraction that is classified correctly, 0 to 1.
        low: Lower end of the 95 % confidence interval.
        high: Its upper end.
    """

    trial: int
    of_trials: int
    images: int
    unused: int
    accuracy: float
    low: float
    high: float


@dataclass(frozen=True)
class SweepOutcome:
    """The outcome of a sweep whose trials have all ended.

    Attributes:
        trials: All trials, by number.
        best: The best of them, whose model was written.
        validation_images: Number of images on which it was chosen.
        test: Its score on the test split; None if there is none.
        earlier_test: An earlier best trial's, if the sweep had ended before and went on with more trials.
        files: Where charts and report are.
    """

    trials: tuple[SweepTrial, ...]
    best: SweepTrial
    validation_images: int
    test: TestScore | None
    earlier_test: TestScore | None
    files: tuple[Path, ...]

    @property
    def metrics(self) -> dict[str, float]:
        """The few figures of the best trial."""
        report = self.best.best
        metrics = {"best_trial": float(self.best.number)}
        if report is not None:
            metrics["best_validation_accuracy"] = report.validation_accuracy
            metrics["best_validation_loss"] = report.validation_loss
        return metrics if self.test is None else {**metrics, "final_test_accuracy": self.test.accuracy}

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON takes it."""
        return {
            "best": self.best.number,
            "trials": [trial_facts(trial) for trial in self.trials],
            "validation_images": self.validation_images,
            "test": None if self.test is None else asdict(self.test),
            "earlier_test": None if self.earlier_test is None else asdict(self.earlier_test),
        }


def trial_facts(trial: SweepTrial) -> dict[str, Any]:
    """Return a trial as the JSON of a sweep has it: without all its epochs."""
    best = trial.best
    return {
        "number": trial.number,
        "state": trial.state,
        "settings": dict(trial.settings),
        "epochs": len(trial.history),
        "best_epoch": best.epoch if best else None,
        "validation_accuracy": best.validation_accuracy if best else None,
        "validation_loss": best.validation_loss if best else None,
        "duration_s": trial.duration_s,
        "error": trial.error or None,
    }


def conclude(
    folder: Path,
    onnx_path: Path,
    trials: Sequence[SweepTrial],
    best: SweepTrial,
    model: Path,
    *,
    data: Path,
    test: LabelledImages | None,
    on_evaluated: Callable[[int, int], None] = lambda done, total: None,
) -> SweepOutcome:
    """Write the best model, evaluate it once on the test split, and write charts and result.json.

    A sweep that ended before is not evaluated again, unless another trial has become the best.

    Args:
        folder: The sweep's folder.
        onnx_path: Where the best model goes, as .onnx and .keras.
        trials: All trials.
        best: The best of them.
        model: Its .onnx file in the folder.
        data: The dataset, as the user named it.
        test: Its test split; None if there is none.
        on_evaluated: Called with the number of test images classified and the number of all.

    Raises:
        OutputError: A file cannot be written.
        MissingExtraError: matplotlib is not installed.
    """
    _copy_model(model, onnx_path)
    classifier = load(onnx_path, "cpu")
    earlier = _earlier_score(folder / RESULT_NAME)
    score = earlier if earlier is not None and earlier.trial == best.number else None
    files = _draw_charts(folder, trials)
    if test is not None:
        report = folder / REPORT_NAME
        if score is None or not report.exists():
            found = evaluate(classifier, test, workers=usable_cores(), on_progress=on_evaluated)
            low, high = found.accuracy_interval
            unused = len(found.failures)
            score = TestScore(best.number, len(trials), found.images, unused, found.accuracy, low, high)
            write_report(
                report,
                found,
                card=classifier.card,
                data_name=str(data),
                split="test",
                model_bytes=onnx_path.stat().st_size,
                history=best.history,
            )
        files += (report,)
    facts = classifier.card.dataset
    outcome = SweepOutcome(
        tuple(trials),
        best,
        0 if facts is None else facts.validation_images,
        score,
        earlier if earlier is not None and earlier.trial != best.number else None,
        files,
    )
    with whole_files(folder / RESULT_NAME) as (staged,):
        staged.write_text(json.dumps(outcome.as_dict(), ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    return outcome


def _earlier_score(path: Path) -> TestScore | None:
    """Return the score of the best trial when the sweep ended before; None if it did not."""
    try:
        facts = parse_json(read_regular(path))["test"]
        return None if facts is None else TestScore(**facts)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise OutputError(f"cannot read {str(path)!r}: {error}; delete it to have it written again") from error


def _draw_charts(folder: Path, trials: Sequence[SweepTrial]) -> tuple[Path, ...]:
    runs = [_as_run(trial) for trial in trials if trial.best]
    charts = {"epochs.png": epochs_chart(runs)}
    for setting in swept_settings(runs):
        charts[f"by-{setting.replace('_', '-').replace('.', '-')}.png"] = setting_chart(runs, setting)
    paths = tuple(folder / name for name in charts)
    with whole_files(*paths) as temporary:
        for path, image in zip(temporary, charts.values(), strict=True):
            path.write_bytes(image)
    return paths


def _as_run(trial: SweepTrial) -> Run:
    return Run(
        trial.settings,
        accuracies=[report.validation_accuracy for report in trial.history],
        losses=[report.validation_loss for report in trial.history],
        best=trial.best.epoch - 1 if trial.best else 0,
        is_pruned=trial.pruned,
    )


def _copy_model(source: Path, target: Path) -> None:
    present = [suffix for suffix in SUFFIXES if source.with_suffix(suffix).exists()]
    with whole_files(*(target.with_suffix(suffix) for suffix in present)) as temporary:
        for suffix, path in zip(present, temporary, strict=True):
            path.write_bytes(source.with_suffix(suffix).read_bytes())
