"""Writing a report: one HTML file that needs nothing else."""

import os
import platform
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version

import numpy as np

import edgecls
from edgecls import image
from edgecls.atomic_write import whole_files
from edgecls.evaluation.calibration import Calibration
from edgecls.evaluation.foreign import ForeignImages
from edgecls.evaluation.history import EpochReport
from edgecls.evaluation.mirroring import Mirroring
from edgecls.evaluation.record import Evaluation, ImagePath
from edgecls.evaluation.report.html import HTML, STYLE, Html, joined
from edgecls.evaluation.report.sections import all_sections
from edgecls.evaluation.report.words import (
    Subject,
    cross_validation_text,
    is_cross_validated,
    number,
    percent,
)
from edgecls.model_card import ModelCard

__all__ = ["write_report"]

_PACKAGES = ("onnxruntime", "onnxruntime-gpu", "numpy", "opencv-python-headless", "matplotlib")


def write_report(
    path: str | os.PathLike[str],
    evaluation: Evaluation,
    *,
    card: ModelCard,
    data_name: str = "",
    split: str = "",
    model_bytes: int | None = None,
    history: Sequence[EpochReport] | None = None,
    calibration: Calibration | None = None,
    mirroring: Mirroring | None = None,
    foreign: ForeignImages | None = None,
    folds: int | None = None,
    settings: Mapping[str, object] | None = None,
    read: Callable[[ImagePath], bytes] = image.read_file,
) -> None:
    """Write an evaluation as one HTML file: no scripts, nothing loaded, for light and dark, large and small screens.

    Args:
        path: Where to write; an existing file is replaced once the new one is complete.
        evaluation: The evaluation; the images in the report are read again from its paths.
        card: The card of the model.
        data_name: Where the images come from, as the user named it.
        split: The split of the dataset, such as "test".
        model_bytes: Size of the model file.
        history: The epochs it was trained for; without it there are no training curves.
        calibration: The effect of the temperature, if it was fitted in this run.
        mirroring: The effect of mirroring the validation images, if it was measured in this run.
        foreign: The answers for foreign images, if there were any.
        folds: Of the cross-validation that the temperature, and the answers without a test split, come from; None for
            held-out images.
        settings: The training settings, if more is known than the card records.
        read: Returns the bytes of an image by its path, or raises an ImageError.

    Raises:
        OutputError: The file cannot be written there.
        MissingExtraError: matplotlib is not installed.
    """
    subject = Subject(
        evaluation=evaluation,
        card=card,
        data_name=data_name,
        split=split,
        model_bytes=model_bytes,
        history=tuple(history or ()),
        calibration=calibration,
        mirroring=mirroring,
        foreign=foreign,
        folds=folds,
        settings=card.training if settings is None else settings,
        versions=_versions(),
        read=read,
    )
    page = _page(subject)
    with whole_files(path) as (temporary,):
        # File names need not be valid Unicode; a page has to be.
        temporary.write_bytes((page + "\n").encode("utf-8", "replace"))


def _page(subject: Subject) -> Html:
    sections = all_sections(subject)
    found = subject.evaluation
    baseline_label, baseline = found.baseline
    return HTML.fill(
        "page",
        title=subject.card.name,
        style=STYLE,
        architecture=subject.card.architecture,
        day=subject.card.created.partition("T")[0] or "undated",
        lede=HTML.fill(
            "lede",
            how=cross_validation_text(subject),
            images=number(found.images),
            right=number(int(found.right.sum())),
            baseline_label=baseline_label,
            baseline_right=number(round(baseline * found.images)),
        ),
        figures=_figures(subject),
        links=joined(HTML.fill("link", id=key, title=title) for key, title, _ in sections),
        sections=joined(section for _, _, section in sections),
        version=edgecls.__version__,
    )


def _figures(subject: Subject) -> Html:
    found = subject.evaluation
    low, high = found.accuracy_interval
    figures = [
        ("Accuracy", percent(found.accuracy), f"{100 * low:.1f} to {100 * high:.1f} at 95 %"),
        ("Macro F1", f"{found.macro.f1:.3f}", f"{len(found.labels)} labels"),
        ("Calibration error", percent(found.calibration_error), "lower is better"),
    ]
    if not is_cross_validated(subject):
        figures.append(
            ("Time per image", f"{np.median(found.times_ms):.1f} ms", f"{found.provider}, {found.workers} at once")
        )
    if subject.model_bytes is not None:
        figures.append(("Size", f"{subject.model_bytes / 1e6:.1f} MB", subject.card.precision))
    return joined(HTML.fill("figure", name=name, value=value, note=note) for name, value, note in figures)


def _versions() -> dict[str, str]:
    found = {
        "edgecls": edgecls.__version__,
        "python": platform.python_version(),
        "system": platform.platform(terse=True),
    }
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
