"""Trying a model beside the one before: an image, both answers, and what is right."""

import os
from collections.abc import Callable, Sequence

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtGui import QPixmap
from PySide6.QtWidgets import QComboBox, QFrame, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from edgecls.desktop.shared.entries import Answer
from edgecls.desktop.shared.score_bars import ScoreBars
from edgecls.desktop.shared.thumbnails import Thumbnails
from edgecls.desktop.shared.words import Words
from edgecls.desktop.teach.trying import Trial

__all__ = ["TriesPane"]

MOST = 24  # tries that are shown
BARS = 3  # labels of each answer
SIDE = 84  # logical pixels of an image


class TriesPane(QWidget):
    """The images that were tried, the newest first.

    Args:
        words: The language.
        thumbnails: Makes the thumbnails.
    """

    corrected = Signal(object, str)
    """An answer was wrong: the Trial, and the right label."""

    def __init__(self, words: Words, thumbnails: Thumbnails) -> None:
        super().__init__()
        self._words, self._thumbnails = words, thumbnails
        self._labels: Sequence[str] = ()
        self._tries: list[_Try] = []
        self.title, self.hint = QLabel(), QLabel()
        self.title.setObjectName("section")
        self.hint.setObjectName("soft")
        self.hint.setWordWrap(True)
        self.images_button, self.camera_button = QPushButton(), QPushButton()
        line = QHBoxLayout()
        line.addWidget(self.images_button)
        line.addWidget(self.camera_button)
        line.addStretch()
        self._list = QVBoxLayout()
        self._list.setSpacing(10)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addWidget(self.title)
        column.addWidget(self.hint)
        column.addLayout(line)
        column.addLayout(self._list)
        thumbnails.ready.connect(self._on_thumbnail)

    def __len__(self) -> int:
        """Return how many tries are shown."""
        return len(self._tries)

    def add(self, trial: Trial) -> None:
        """Show a try."""
        row = _Try(trial, self._words, self._labels, self.corrected.emit)
        row.show_image(self._thumbnails)
        self._tries.insert(0, row)
        self._list.insertWidget(0, row)
        for old in self._tries[MOST:]:
            self._list.removeWidget(old)
            old.deleteLater()
        del self._tries[MOST:]

    def clear(self) -> None:
        """Forget all tries."""
        for row in self._tries:
            self._list.removeWidget(row)
            row.deleteLater()
        self._tries = []

    def show_labels(self, labels: Sequence[str]) -> None:
        """Offer labels for corrections."""
        if list(labels) != list(self._labels):
            self._labels = list(labels)
            for row in self._tries:
                row.show_labels(self._labels)

    def show_kept(self, trial: Trial, label: str) -> None:
        """Say of a try that it was corrected."""
        for row in self._tries:
            if row.trial is trial:
                row.show_kept(label)

    def retranslate(self, words: Words) -> None:
        """Show everything in a language."""
        self._words = words
        self.title.setText(words("teach.try"))
        self.hint.setText(words("teach.try_hint"))
        self.images_button.setText(words("teach.choose"))
        self.camera_button.setText(words("teach.camera"))
        for row in self._tries:
            row.retranslate(words, self._labels)

    def _on_thumbnail(self, path: str) -> None:
        for row in self._tries:
            if row.trial.path == path:
                row.show_image(self._thumbnails)


class _Try(QFrame):
    """An image with both answers."""

    def __init__(
        self, trial: Trial, words: Words, labels: Sequence[str], correct: Callable[[Trial, str], object]
    ) -> None:
        super().__init__()
        self.setObjectName("try")
        self.trial = trial
        self._correct = correct
        self._kept = ""
        self.image, self.note = QLabel(), QLabel()
        self.image.setFixedSize(SIDE, SIDE)
        self.image.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.note.setWordWrap(True)
        self.note.setTextFormat(Qt.TextFormat.PlainText)
        self.box = QComboBox()
        self.box.activated.connect(self._choose)
        answers = QVBoxLayout()
        answers.setSpacing(4)
        self._answers: list[tuple[QLabel, QLabel, ScoreBars, Answer, int | str | None]] = []
        for answer, which in ((trial.answer, trial.number), (trial.other, trial.beside)):
            if answer is not None:
                title, said, bars = QLabel(), QLabel(), ScoreBars()
                title.setObjectName("soft")
                if self._answers:
                    answers.addSpacing(8)
                said.setWordWrap(True)
                for widget in (title, said, bars):
                    answers.addWidget(widget)
                self._answers.append((title, said, bars, answer, which))
        answers.addWidget(self.note)
        answers.addWidget(self.box)
        line = QHBoxLayout(self)
        line.setContentsMargins(10, 10, 10, 10)
        line.addWidget(self.image, 0, Qt.AlignmentFlag.AlignTop)
        line.addLayout(answers, 1)
        self.retranslate(words, labels)

    def show_image(self, thumbnails: Thumbnails) -> None:
        """Show the image, once there is one."""
        pixmap = thumbnails.get(self.trial.path)
        if pixmap is not None:
            ratio = self.devicePixelRatioF()
            side = round(SIDE * ratio)
            smooth = Qt.TransformationMode.SmoothTransformation
            scaled: QPixmap = pixmap.scaled(side, side, Qt.AspectRatioMode.KeepAspectRatio, smooth)
            scaled.setDevicePixelRatio(ratio)
            self.image.setPixmap(scaled)
        elif thumbnails.is_broken(self.trial.path):
            self.image.setText(self._words("no_preview"))

    def show_labels(self, labels: Sequence[str]) -> None:
        """Offer labels."""
        with QSignalBlocker(self.box):
            self.box.clear()
            self.box.addItem(self._words("teach.wrong"))
            self.box.addItems(list(labels))
        self.box.setVisible(bool(labels) and not self.trial.fault)

    def show_kept(self, label: str) -> None:
        """Say that the image was added."""
        self._kept = label
        self._show_note()

    def retranslate(self, words: Words, labels: Sequence[str]) -> None:
        """Show everything in a language."""
        self._words = words
        for title, said, bars, answer, which in self._answers:
            title.setText(words("teach.model", number=which) if isinstance(which, int) else str(which or ""))
            said.setText(words.answer(answer))
            said.setVisible(answer.reason is not None)
            bars.set_scores(answer.scores[:BARS], (), name=title.text())
        self.box.setAccessibleName(words("teach.wrong"))
        self.setAccessibleName(os.path.basename(self.trial.path))
        self.show_labels(labels)
        self._show_note()

    def _show_note(self) -> None:
        text = self.trial.fault or (self._words("teach.kept", label=self._kept) if self._kept else "")
        self.note.setText(text)
        self.note.setVisible(bool(text))

    def _choose(self, index: int) -> None:
        if index > 0:
            self._correct(self.trial, self.box.itemText(index))
            self.box.setCurrentIndex(0)
