"""What a report is about: the evaluation, the model, and what else is known."""

from collections.abc import Mapping
from dataclasses import dataclass

from edgecls.evaluation.calibration import Calibration
from edgecls.evaluation.history import HistoryRow
from edgecls.evaluation.mirroring import Mirroring
from edgecls.evaluation.record import Evaluation
from edgecls.evaluation.report.html import Html
from edgecls.model_card import ModelCard

__all__ = ["Content", "Subject"]

Content = tuple[str, Html] | None
"""Introduction and body of a section; None where there is nothing to say."""


@dataclass(frozen=True)
class Subject:
    """All that goes into a report; `write_report` explains the fields."""

    evaluation: Evaluation
    card: ModelCard
    data_name: str
    part: str
    model_bytes: int | None
    history: tuple[HistoryRow, ...]
    best_epoch: int | None
    calibration: Calibration | None
    mirroring: Mirroring | None
    settings: Mapping[str, object]
    versions: Mapping[str, str]
