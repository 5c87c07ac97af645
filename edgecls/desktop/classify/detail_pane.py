"""The pane beside the grid: the image at full size, its answer as bars, familiarity, and the heat map."""

import html
import os
from collections.abc import Callable, Sequence

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetrics, QImage, QPainter, QPaintEvent, QPixmap
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from edgecls.desktop.shared.entries import Entry
from edgecls.desktop.shared.jobs import Jobs
from edgecls.desktop.shared.score_bars import ROW, ScoreBars
from edgecls.desktop.shared.theme import colors
from edgecls.desktop.shared.thumbnails import decode_preview, to_qimage
from edgecls.desktop.shared.words import Words
from edgecls.runtime.classifier import Classifier

__all__ = ["DetailPane"]


class DetailPane(QScrollArea):
    """Shows one image and what the model says of it.

    Args:
        words: The language.
        classifier: Returns the model that explains, or None.
    """

    def __init__(self, words: Words, classifier: Callable[[], Classifier | None]) -> None:
        super().__init__()
        self.words = words
        self._classifier = classifier
        self._entry: Entry | None = None
        self._keys: Sequence[str] = ()
        self._previews, self._heats = Jobs("previews"), Jobs("heat")
        self._explained = ""  # the label that the heat map on the screen explains
        self._wanted = 0  # number of the last request for a preview or heat map
        self.picture = _Picture()
        self.headline, self.said, self.note = QLabel(), QLabel(), QLabel()
        self.headline.setObjectName("headline")
        for label, name in ((self.said, "soft"), (self.note, "soft")):
            label.setObjectName(name)
        self.bars = ScoreBars()
        self.familiarity = _Familiarity()
        self.facts, self.hint = QLabel(), QLabel()
        self.facts.setObjectName("soft")
        self.hint.setObjectName("hint")
        self.heat_button, self.unsure_button = QPushButton(), QPushButton()
        self.heat_button.setCheckable(True)
        self.heat_button.toggled.connect(lambda _: self._load())
        for label in (self.headline, self.said, self.note, self.facts, self.hint):
            label.setWordWrap(True)
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            label.setTextFormat(Qt.TextFormat.PlainText)
        self.facts.setTextFormat(Qt.TextFormat.RichText)
        inner = QWidget()
        column = QVBoxLayout(inner)
        column.setContentsMargins(18, 18, 18, 18)
        column.setSpacing(10)
        column.addWidget(self.picture)
        buttons = QHBoxLayout()
        buttons.addWidget(self.heat_button)
        buttons.addWidget(self.unsure_button)
        buttons.addStretch()
        for widget in (self.note, self.headline, self.said, self.bars, self.familiarity):
            column.addWidget(widget)
        column.addLayout(buttons)
        column.addWidget(self.facts)
        column.addStretch()
        column.addWidget(self.hint)
        self.setWidget(inner)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setMinimumWidth(300)
        self.retranslate(words)

    @property
    def entry(self) -> Entry | None:
        """The image that is shown."""
        return self._entry

    def set_keys(self, labels: Sequence[str]) -> None:
        """Say which labels the keys 1 to 9 set."""
        self._keys = labels

    def show_entry(self, entry: Entry | None) -> None:
        """Show an image, or nothing."""
        if entry is None or self._entry is None or entry.path != self._entry.path:
            self.picture.set_image(None)
            self._entry = entry
            self._load()
        self._entry = entry
        self.refresh()

    def refresh(self) -> None:
        """Show what is known of the image by now."""
        words, entry = self.words, self._entry
        for widget in (self.headline, self.said, self.bars, self.familiarity, self.facts):
            widget.setVisible(entry is not None)
        self.heat_button.setEnabled(entry is not None and entry.fault is None and self._classifier() is not None)
        if entry is None:
            return
        answer = entry.answer
        if entry.fault is not None:
            self.headline.setText(words("group.failed") if entry.correction is None else words.entry(entry))
        elif entry.correction is not None:
            self.headline.setText(words.entry(entry))
        else:
            self.headline.setText(words("group.waiting") if answer is None else words.answer(answer))
        if entry.fault is not None:
            self.said.setText(entry.fault)
        elif entry.correction is not None and answer is not None:
            self.said.setText(words("model_said", answer=words.answer(answer)))
        else:
            self.said.setText("")
        self.said.setVisible(bool(self.said.text()))
        scores = () if answer is None else answer.scores
        self.bars.set_scores(scores, self._keys, name=words("probabilities"))
        has_familiarity = answer is not None and answer.familiarity is not None
        self.familiarity.setVisible(has_familiarity)
        if answer is not None and answer.familiarity is not None:
            least, value = answer.min_familiarity, answer.familiarity
            text = f"{value:.2f}" if least is None else words("familiarity.of", value=value, least=least)
            self.familiarity.set_value(value, least, f"{words('familiarity')}: {text}")
        facts = [(words("file"), os.path.basename(entry.path))]
        if answer is not None:
            facts.append((words("time"), f"{answer.time_ms:.1f} ms"))
        self.facts.setText("<br>".join(f"{name}: {html.escape(value)}" for name, value in facts))
        self.facts.setToolTip(entry.path)
        self.picture.setAccessibleName(f"{os.path.basename(entry.path)}: {words.entry(entry)}")

    def retranslate(self, words: Words) -> None:
        """Show everything in a language."""
        self.words = words
        self.setAccessibleName(words("details"))
        self.heat_button.setText(words("heat").replace("&", "").replace("(H)", ""))
        self.unsure_button.setText(words("next_unsure").replace("&", "").replace("(N)", ""))
        self.hint.setText(words("keys"))
        self.picture.nothing = words("no_preview")
        self.refresh()
        if self._explained:
            self._say(words("heat.note", label=self._explained))
        elif self.heat_button.isChecked():
            self._load()

    def forget_heat(self) -> None:
        """Compute the heat map anew, as there is another model."""
        self._load()

    def close_jobs(self) -> None:
        """End the threads."""
        self._previews.close()
        self._heats.close()

    def _say(self, text: str) -> None:
        self.note.setText(text)
        self.note.setVisible(bool(text))

    def _load(self) -> None:
        """Decode the image in the thread, with its heat map if that is wanted."""
        self._wanted += 1
        self._explained = ""
        wanted, entry, classifier = self._wanted, self._entry, self._classifier()
        self._say("")
        if entry is None:
            return
        path = entry.path
        label = entry.correction if classifier is not None and entry.correction in classifier.labels else None

        def preview() -> tuple[QImage, str] | None:
            return (to_qimage(decode_preview(path)), "") if wanted == self._wanted else None

        def heat() -> tuple[QImage, str] | None:
            if wanted != self._wanted or classifier is None:
                return None
            explanation = classifier.explain(path, label=label)
            return to_qimage(explanation.overlay()), explanation.label

        def show(result: tuple[QImage, str] | None) -> None:
            if result is None or wanted != self._wanted:
                return
            image, explained = result
            if not explained and self._explained:
                return  # the heat map was quicker
            self._explained = explained
            self.picture.set_image(image)
            if explained:
                self._say(self.words("heat.note", label=explained))

        def fail(message: str) -> None:
            if wanted == self._wanted:
                self.picture.set_failed()
                self._say(message if self.heat_button.isChecked() else "")

        self._previews.run(preview, then=show, failed=fail)
        if self.heat_button.isChecked() and entry.fault is None and classifier is not None:
            self._say(self.words("heat.busy"))
            self._heats.run(heat, then=show, failed=fail)


class _Picture(QWidget):
    """An image, as large as fits."""

    def __init__(self) -> None:
        super().__init__()
        self._pixmap: QPixmap | None = None
        self._is_broken = False
        self.nothing = ""
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self.setMinimumHeight(180)

    def set_image(self, image: QImage | None) -> None:
        self._pixmap = None if image is None else QPixmap.fromImage(image)
        self._is_broken = False
        self.updateGeometry()
        self.update()

    def set_failed(self) -> None:
        self._is_broken = True
        self.update()

    @property
    def has_image(self) -> bool:
        return self._pixmap is not None

    def sizeHint(self) -> QSize:  # noqa: N802  Qt's name
        return QSize(320, 260)

    def hasHeightForWidth(self) -> bool:  # noqa: N802  Qt's name
        return True

    def heightForWidth(self, width: int) -> int:  # noqa: N802  Qt's name
        if self._pixmap is None:
            return round(width * 0.75)
        return min(round(width * self._pixmap.height() / self._pixmap.width()), round(width * 1.1))

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802  Qt's name
        painter = QPainter(self)
        painter.setRenderHints(QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform)
        if self._pixmap is None:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(colors().line))
            painter.drawRoundedRect(QRectF(self.rect()), 10, 10)
            if self._is_broken:
                painter.setPen(QColor(colors().soft))
                painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, self.nothing)
            return
        size = self._pixmap.size().scaled(self.size(), Qt.AspectRatioMode.KeepAspectRatio)
        x, y = (self.width() - size.width()) / 2, (self.height() - size.height()) / 2
        painter.drawPixmap(QRectF(x, y, size.width(), size.height()), self._pixmap, QRectF(self._pixmap.rect()))


class _Familiarity(QWidget):
    """The familiarity as a meter, with a mark at the least that is needed for an answer."""

    def __init__(self) -> None:
        super().__init__()
        self._value, self._least, self._text = 0.0, None, ""  # type: tuple[float, float | None, str]
        self.setFixedHeight(ROW + 2)

    def set_value(self, value: float, least: float | None, text: str) -> None:
        self._value, self._least, self._text = value, least, text
        self.setAccessibleName(text)
        self.setToolTip(text)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802  Qt's name
        painter, chosen = QPainter(self), colors()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QColor(chosen.soft))
        text = QRectF(0, 0, self.width(), ROW - 10)
        shown = QFontMetrics(painter.font()).elidedText(self._text, Qt.TextElideMode.ElideRight, self.width())
        painter.drawText(text, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, shown)
        track = QRectF(0, ROW - 6, self.width(), 4)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(chosen.line))
        painter.drawRoundedRect(track, 2, 2)
        is_enough = self._least is None or self._value >= self._least
        painter.setBrush(QColor(chosen.accent if is_enough else chosen.gold))
        part = QRectF(track)
        part.setWidth(track.width() * min(1.0, max(0.0, self._value)))
        painter.drawRoundedRect(part, 2, 2)
        if self._least is not None:
            painter.setBrush(QColor(chosen.ink))
            painter.drawRect(QRectF(self.width() * min(1.0, max(0.0, self._least)) - 1, ROW - 10, 2, 12))
