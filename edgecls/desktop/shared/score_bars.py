"""The most probable labels as bars."""

from collections.abc import Sequence

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from edgecls.desktop.shared.counted_list import draw_key
from edgecls.desktop.shared.theme import colors
from edgecls.desktop.shared.thumbnail_grid import draw_between
from edgecls.runtime.prediction import LabelScore

__all__ = ["ROW", "ScoreBars"]

ROW = 30  # pixels of a bar with its text


class ScoreBars(QWidget):
    """The most probable labels as bars, each with the key that sets it."""

    def __init__(self) -> None:
        super().__init__()
        self._scores: Sequence[LabelScore] = ()
        self._keys: Sequence[str] = ()

    def set_scores(self, scores: Sequence[LabelScore], keys: Sequence[str], *, name: str) -> None:
        """Show labels with their probabilities.

        Args:
            scores: The most probable labels, best first.
            keys: The labels of the keys 1 to 9.
            name: What screen readers call it.
        """
        self._scores, self._keys = scores, keys
        self.setFixedHeight(ROW * len(scores))
        spoken = ", ".join(f"{score.label} {100 * score.probability:.1f} %" for score in scores)
        self.setAccessibleName(f"{name}: {spoken}")
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802  Qt's name
        """Draw the bars."""
        painter, chosen = QPainter(self), colors()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for row, score in enumerate(self._scores):
            top = row * ROW
            line = QRectF(0, top, self.width(), ROW - 9)
            if score.label in self._keys:
                draw_key(painter, QRectF(0.5, top + 2.5, 16, 16), str(self._keys.index(score.label) + 1))
                line.setLeft(24)
            draw_between(painter, line, score.label, f"{100 * score.probability:.1f} %", chosen.ink)
            track = QRectF(0, top + ROW - 8, self.width(), 4)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(chosen.line))
            painter.drawRoundedRect(track, 2, 2)
            painter.setBrush(QColor(chosen.accent if row == 0 else chosen.soft))
            track.setWidth(max(2.0, track.width() * score.probability))
            painter.drawRoundedRect(track, 2, 2)
