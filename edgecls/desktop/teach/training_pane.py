"""Training: what stands in its way, how far it is, and how it went."""

from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from edgecls.desktop.shared.words import Words
from edgecls.desktop.teach.shown import ALIKE, DOUBTFUL, warnings_of
from edgecls.teaching.training_process import TrainingProgress

__all__ = ["TrainingPane"]

WARNINGS = 4  # about look-alikes with different labels, of which each is named
_PARTS = {
    "starting": 0.0,
    "reading": 0.05,
    "comparing": 0.05,
    "decoding": 0.15,
    "prepared": 0.25,
    "features": 0.25,
    "fitting": 0.8,
}
"""Where each step of a training begins, of the whole; the others are nearly the end."""

_LENGTHS = {"comparing": 0.1, "decoding": 0.1, "features": 0.55, "evaluating": 0.1}


class TrainingPane(QWidget):
    """Warnings, the button, and the progress."""

    def __init__(self) -> None:
        super().__init__()
        self.title, self.warnings, self.said = QLabel(), QLabel(), QLabel()
        self.title.setObjectName("section")
        for label in (self.warnings, self.said):
            label.setWordWrap(True)
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.warnings.setObjectName("soft")
        self.train_button, self.cancel_button, self.corrections_button = QPushButton(), QPushButton(), QPushButton()
        self.train_button.setObjectName("primary")
        self.progress = QProgressBar()
        self.progress.setTextVisible(False)
        self.progress.setRange(0, 100)
        line = QHBoxLayout()
        line.addWidget(self.train_button)
        line.addWidget(self.cancel_button)
        line.addStretch()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        for widget in (self.title, self.warnings, self.corrections_button):
            column.addWidget(widget)
        column.addLayout(line)
        column.addWidget(self.progress)
        column.addWidget(self.said)

    def show_state(self, state: Mapping[str, Any], progress: TrainingProgress, corrections: int, words: Words) -> None:
        """Show how things are; `corrections` are images of the other tab that could be added."""
        is_running = progress.state == "running"
        count = state.get("corrections", 0)
        self.title.setText(words("teach.training"))
        self.train_button.setText(words("teach.learn", count=count) if count else words("teach.train"))
        self.train_button.setEnabled(not is_running and bool(state.get("can_train")))
        self.cancel_button.setText(words("cancel"))
        self.cancel_button.setVisible(is_running)
        self.corrections_button.setText(words("teach.corrections", count=corrections))
        self.corrections_button.setVisible(bool(state) and corrections > 0)
        self.progress.setVisible(is_running)
        if is_running:
            part = progress.done / progress.total if progress.total else 0.0
            whole = _PARTS.get(progress.step, 0.9) + part * _LENGTHS.get(progress.step, 0.0)
            self.progress.setValue(round(100 * whole))
        text = self._told(progress, words)
        if text != self.said.text():
            self.said.setText(text)
            self.progress.setAccessibleName(text)
        self.said.setVisible(bool(text))
        self.said.setProperty("kind", "fault" if progress.state == "failed" else "")
        self.said.style().polish(self.said)
        self.warnings.setText("\n".join(_warnings(state, words)))
        self.warnings.setVisible(bool(self.warnings.text()))

    def _told(self, progress: TrainingProgress, words: Words) -> str:
        key = f"teach.step_{progress.step}"
        return {
            "running": words("teach.running", step=words(key) if words.has(key) else progress.step),
            "finished": words("teach.finished", seconds=progress.elapsed_s),
            "cancelled": words("teach.cancelled"),
            "failed": words("teach.failed", reason=progress.message),
        }.get(progress.state, "")


def _warnings(state: Mapping[str, Any], words: Words) -> list[str]:
    """Return what stands in the way of a good model, a line each."""
    if not state.get("labels"):
        return []
    found = [words("teach.warn_labels")] if warnings_of(state, "labels") else []
    if few := warnings_of(state, "few"):
        labels = words("comma").join(f"{one['label']} ({one['images']})" for one in few)
        found.append(words("teach.warn_few", labels=labels, enough=few[0]["enough"]))
    alike = warnings_of(state, ALIKE)
    for one in [one for one in alike if len(one["labels"]) > 1][:WARNINGS]:
        labels = words("comma").join(one["labels"])
        found.append(words("teach.warn_alike_labels", count=len(one["images"]), labels=labels))
    if same := [one for one in alike if len(one["labels"]) == 1]:
        found.append(words("teach.warn_alike", count=sum(len(one["images"]) for one in same), groups=len(same)))
    if doubtful := warnings_of(state, DOUBTFUL):
        found.append(words("teach.warn_doubtful_count", count=len(doubtful)))
    return [f"• {text}" for text in found]
