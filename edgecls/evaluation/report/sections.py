"""The sections of a report: each function returns one, or None where there is nothing to report."""

from collections.abc import Iterable, Mapping

import numpy as np

from edgecls.evaluation.calibration import ReliabilityBin
from edgecls.evaluation.history import best_of, training_curves
from edgecls.evaluation.metrics import LabelMetrics
from edgecls.evaluation.record import Evaluation
from edgecls.evaluation.report.cards import examples, mistakes
from edgecls.evaluation.report.foreign import foreign_section
from edgecls.evaluation.report.html import HTML, Html, data_uri, joined, plot_figure
from edgecls.evaluation.report.words import (
    FEW_IMAGES,
    Content,
    Subject,
    conclusions,
    is_cross_validated,
    mirroring_text,
    number,
    percent,
    unknown_text,
)
from edgecls.plots.confusion import MAX_NUMBERED, confused_block_png, confusion_png, full_confusion_png
from edgecls.plots.curves import ReliabilityCurve, reliability_png

__all__ = ["all_sections"]

OPEN_ROWS = 30  # rows of a table that are visible without opening the rest
CONFUSIONS_SHOWN = 9
MIN_IN_RANGE = 5  # images, for a point in the calibration plot; with fewer it is mostly chance
FAULTS_LISTED = 50


def all_sections(subject: Subject) -> list[tuple[str, str, Html]]:
    """Return the sections in their order: id, title, HTML."""
    made = [
        ("overview", "Overview", _overview(subject)),
        ("labels", "Labels", _labels(subject)),
        ("confusion", "Confusion matrix", _confusion(subject)),
        ("mistakes", "The worst mistakes", mistakes(subject)),
        ("examples", "Examples", examples(subject)),
        ("calibration", "Calibration", _calibration(subject)),
        ("foreign", "Foreign images", foreign_section(subject)),
        ("training", "Training", _training(subject)),
        ("data", "The images", _data(subject)),
        ("model", "The model", _model(subject)),
    ]
    return [
        (key, title, HTML.fill("section", id=key, title=title, intro=content[0], body=content[1]))
        for key, title, content in made
        if content is not None
    ]


def _overview(subject: Subject) -> Content:
    found = subject.evaluation
    low, high = found.accuracy_interval
    scale = HTML.fill(
        "scale",
        accuracy=percent(found.accuracy),
        at=f"{100 * found.accuracy:.2f}",
        low=f"{100 * low:.2f}",
        width=f"{100 * (high - low):.2f}",
        baseline=f"{100 * found.baseline[1]:.2f}",
    )
    items = (HTML.fill("conclusion", headline=entry.headline, sentence=entry.sentence) for entry in conclusions(found))
    return (
        f"On more images of the same kind, expect an accuracy between {percent(low)} and {percent(high)} "
        "(95 % interval by Wilson).",
        joined([scale, HTML.fill("conclusions", items=joined(items))]),
    )


def _labels(subject: Subject) -> Content:
    found = subject.evaluation
    ranked = sorted(found.per_label, key=_weakness)
    rows = [_label_row(found, entry) for entry in ranked]
    parts = [HTML.fill("label_table", rows=joined(rows[:OPEN_ROWS]))]
    if rows[OPEN_ROWS:]:
        rest = HTML.fill("label_table", rows=joined(rows[OPEN_ROWS:]))
        parts.append(HTML.fill("more", summary=f"{len(rows) - OPEN_ROWS} more labels", body=rest))
    return (
        "Lowest F1 first. Precision: the fraction of the images predicted as this label that have it. Recall: the "
        "fraction of the images with this label that are predicted as it. F1 is the harmonic mean of the two."
        + (
            f" Labels with fewer than {FEW_IMAGES} images come last: their metrics are mostly chance."
            if any(0 < entry.support < FEW_IMAGES for entry in ranked)
            else ""
        ),
        joined(parts),
    )


def _weakness(entry: LabelMetrics) -> tuple[int, float]:
    """Sort key: the weakest first, then labels with too few images to judge, then those without any."""
    if entry.f1 is None:
        return 2, 0.0
    return int(entry.support < FEW_IMAGES), entry.f1


def _label_row(found: Evaluation, entry: LabelMetrics) -> Html:
    place = found.labels.index(entry.label)
    others = found.confusion[place].copy()
    others[place] = 0
    most = int(np.argmax(others))
    return HTML.fill(
        "label_row",
        label=entry.label,
        support=number(entry.support),
        precision=_score(entry.precision if entry.support else None),
        recall=_score(entry.recall),
        f1=_score(entry.f1),
        confused_with=f"{found.labels[most]} ({number(int(others[most]))})" if others[most] else "",
    )


def _score(value: float | None) -> Html:
    if value is None:
        return HTML.fill("no_score")
    return HTML.fill("score", percent=f"{100 * value:.1f}", value=f"{value:.3f}")


def _confusion(subject: Subject) -> Content:
    found = subject.evaluation
    items = [
        HTML.fill("confusion_item", true=entry.true_label, predicted=entry.predicted_label, count=number(entry.images))
        for entry in found.confusions(CONFUSIONS_SHOWN)
    ]
    intro = (
        "A row for each true label, a column for each predicted one. Correct predictions are blue, mistakes orange; "
        "the darker, the larger the fraction of the row."
    )
    about = "Confusion matrix: a row for each true label, a column for each predicted label"
    if len(found.labels) <= MAX_NUMBERED:
        plot: Html | None = plot_figure(confusion_png(found.confusion, found.labels), about)
        rest = []
    else:
        block = confused_block_png(found.confusion, found.labels)
        plot = None if block is None else plot_figure(block, "Confusion matrix of the most frequently confused labels")
        uri = data_uri(full_confusion_png(found.confusion, found.labels), "image/png")
        rest = [HTML.fill("zoomed", uri=uri, alt=f"{about}, all labels", labels=number(len(found.labels)))]
        if plot is not None:
            intro += " These are the labels of the most frequent mistakes; all labels are below."
    if plot is not None:
        parts = (
            [HTML.fill("columns", plot=plot, text=HTML.fill("confusion_list", items=joined(items)))]
            if items
            else [plot]
        )
        rest = parts + rest
    return intro, joined(rest)


def _calibration(subject: Subject) -> Content:
    found, fitted = subject.evaluation, subject.calibration
    curves = [_curve("these images", found.reliability)]
    intro = (
        "Where the line is below the diagonal, the model is overconfident; above it, underconfident. "
        f"The expected calibration error of these images is {percent(found.calibration_error)}."
    )
    parts = []
    if fitted is not None:
        curves = [
            _curve("before", fitted.bins_before),
            _curve("after", fitted.bins_after),
        ]
        parts.append(
            HTML.fill(
                "paragraph",
                text=f"A temperature of {fitted.temperature:.3f} was fitted on {_whose(subject, fitted.images)} "
                f"and is part of the network. On them it changed the expected calibration error from "
                f"{percent(fitted.error_before)} to {percent(fitted.error_after)} and the loss from "
                f"{fitted.loss_before:.3f} to {fitted.loss_after:.3f}; it changes no predicted label. Fitted without "
                f"the images that it is measured on, the error is {percent(fitted.held_out_error)} and the loss "
                f"{fitted.held_out_loss:.3f}. The plot shows before and after.",
            )
        )
    elif subject.card.temperature != 1:
        parts.append(
            HTML.fill(
                "paragraph", text=f"A calibration temperature of {subject.card.temperature:.3f} is part of the network."
            )
        )
    if found.unknown is not None:
        parts.append(HTML.fill("paragraph", text=unknown_text(found.unknown, found.images)))
    plot = plot_figure(reliability_png(curves), "Calibration plot: accuracy against probability")
    return intro, HTML.fill("columns", plot=plot, text=joined(parts)) if parts else plot


def _whose(subject: Subject, images: int) -> str:
    if subject.folds is None:
        return f"{number(images)} validation images"
    return f"the answers of {subject.folds}-fold cross-validation to {number(images)} training images"


def _curve(name: str, bins: Iterable[ReliabilityBin]) -> ReliabilityCurve:
    filled = [entry for entry in bins if entry.images]
    used = [entry for entry in filled if entry.images >= MIN_IN_RANGE] or filled
    return ReliabilityCurve(
        name,
        [entry.confidence for entry in used],
        [entry.accuracy for entry in used],
        [entry.images for entry in used],
    )


def _training(subject: Subject) -> Content:
    rows = subject.history
    if not rows:
        return None
    plots = [
        plot_figure(png, f"Training curve: {title} over the epochs") for title, png in training_curves(rows).items()
    ]
    parts = [HTML.fill("plots", plots=joined(plots))]
    if subject.mirroring is not None:
        text = mirroring_text(subject.mirroring)
        if subject.mirroring.changes_meaning:
            text += " For some labels, a mirrored image seems to have another meaning"
            was_mirrored = subject.settings.get("augmentation_flip") is True
            text += ": train with --no-augment-flip." if was_mirrored else ". No image was mirrored in training."
        parts.append(HTML.fill("paragraph", text=text))
    seconds = sum(row.duration_s for row in rows)
    best = best_of(rows)
    kept = "" if best is None else f" The weights are those of epoch {best.epoch}, marked by the dot."
    took = f"{seconds:.0f} seconds" if seconds < 120 else f"{seconds / 60:.0f} minutes"
    return (
        f"{len(rows)} epochs in {took}.{kept}",
        joined(parts),
    )


def _data(subject: Subject) -> Content:
    found, trained = subject.evaluation, subject.card.dataset
    facts = {
        "source": subject.data_name,
        "split": subject.split,
        "folds": subject.folds if is_cross_validated(subject) and subject.folds else "",
        "images": number(found.images),
        "not usable": number(len(found.failures)) if found.failures else "",
        "labels": number(len(found.labels)),
        "trained on": number(trained.train_images) if trained else "",
        "validated on": number(trained.validation_images) if trained and trained.validation_images else "",
        "their fingerprint": f"{trained.sha256[:16]}…" if trained else "",
    }
    parts = [_facts(facts)]
    most = max(entry.support for entry in found.per_label)
    rows = [
        HTML.fill(
            "count_row",
            label=entry.label,
            count=number(entry.support),
            percent=f"{100 * entry.support / most:.1f}",
            trained=number(trained.images_per_label.get(entry.label, 0)) if trained else "",
        )
        for entry in found.per_label
    ]
    table = HTML.fill("count_table", rows=joined(rows))
    parts.append(table if len(rows) <= OPEN_ROWS else HTML.fill("more", summary="Images of each label", body=table))
    if found.failures:
        faults = [HTML.fill("fault", fault=error) for error in list(found.failures.values())[:FAULTS_LISTED]]
        more = f", the first {FAULTS_LISTED} of them" if len(found.failures) > FAULTS_LISTED else ""
        summary = f"Why {number(len(found.failures))} could not be used{more}"
        parts.append(HTML.fill("fault_list", summary=summary, items=joined(faults)))
    return "The evaluated images, and those that the model was trained on.", joined(parts)


def _model(subject: Subject) -> Content:
    card, found = subject.card, subject.evaluation
    facts = {
        "architecture": card.architecture,
        "input": str(card.image),
        "precision": card.precision,
        "file": "" if subject.model_bytes is None else f"{subject.model_bytes / 1e6:.2f} MB",
        "created": card.created,
        "temperature": f"{card.temperature:.4g}",
        "unknown below": "" if card.unknown_threshold is None else f"{card.unknown_threshold:g}",
        "unfamiliar below": "" if card.familiarity is None else f"{card.familiarity.threshold:.4g}",
    }
    if not is_cross_validated(subject):
        facts |= {
            "provider": found.provider,
            "images at once": str(found.workers),
            "duration": f"{found.duration_s:.1f} s",
        }
    parts = [_facts(facts)]
    for title, rows in (
        ("Training settings", subject.settings),
        ("Metrics recorded at export", {key: f"{value:.6g}" for key, value in card.metrics.items()}),
        ("Versions at export", card.versions),
        ("Versions of this evaluation", subject.versions),
    ):
        if rows:
            parts += [HTML.fill("heading", text=title), _facts(rows)]
    return "What the model file records, and how it was evaluated.", joined(parts)


def _facts(facts: Mapping[str, object]) -> Html:
    rows = [HTML.fill("fact", name=name, value=value) for name, value in facts.items() if value != ""]
    return HTML.fill("facts", rows=joined(rows))
