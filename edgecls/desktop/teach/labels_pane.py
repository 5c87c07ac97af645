"""The left of the tab: the folder, its classes with their counts, what needs a look, and the last step to undo."""

from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QPoint, Qt, Signal
from PySide6.QtGui import QFontMetrics, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from edgecls.desktop.shared.counted_list import COUNT_ROLE, KEY_ROLE, TONE_ROLE, CountedList
from edgecls.desktop.shared.thumbnail_grid import Index
from edgecls.desktop.shared.words import Words
from edgecls.desktop.teach.shown import ALIKE, DOUBTFUL, LABEL, Shown, warnings_of

__all__ = ["ElidedButton", "LabelsPane"]

KEYED = 9  # labels that have a key
_NO_INDEX = QModelIndex()


@dataclass(frozen=True)
class _Row:
    shown: Shown
    name: str
    count: int
    key: str = ""
    tone: str = ""


class _Rows(QAbstractListModel):
    """The classes, then what needs a look."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[_Row] = []

    def show(self, rows: list[_Row]) -> None:
        """Show other rows."""
        if [row.shown for row in rows] == [row.shown for row in self.rows]:
            self.rows = rows
            if rows:
                self.dataChanged.emit(self.index(0), self.index(len(rows) - 1))
            return
        self.beginResetModel()
        self.rows = rows
        self.endResetModel()

    def rowCount(self, parent: Index = _NO_INDEX) -> int:  # noqa: N802  Qt's name
        """Return the number of rows."""
        return 0 if parent.isValid() else len(self.rows)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Return what is drawn or read out of a row."""
        if not index.isValid() or index.row() >= len(self.rows):
            return None
        row = self.rows[index.row()]
        if role in (Qt.ItemDataRole.AccessibleTextRole, Qt.ItemDataRole.ToolTipRole):
            return f"{row.name}: {row.count}"
        return {
            Qt.ItemDataRole.DisplayRole: row.name,
            COUNT_ROLE: row.count,
            KEY_ROLE: row.key,
            TONE_ROLE: row.tone,
        }.get(role)


class ElidedButton(QPushButton):
    """A button whose text is cut where there is too little space for it; all of it is in its tip."""

    def __init__(self) -> None:
        super().__init__()
        self._whole = ""
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def set_whole_text(self, text: str) -> None:
        """Show a text, or as much of it as fits."""
        self._whole = text
        self.setToolTip(text)
        self.setAccessibleName(text)
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802  Qt's name
        """Fit the text to the width."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        width = max(40, self.width() - 32)
        self.setText(QFontMetrics(self.font()).elidedText(self._whole, Qt.TextElideMode.ElideRight, width))


class LabelsPane(QWidget):
    """Shows what images there are, and makes classes."""

    chosen = Signal(object)
    """Other images are to be shown: a Shown."""

    made = Signal(str)
    """A class is to be made, of this name."""

    def __init__(self) -> None:
        super().__init__()
        self._rows = _Rows()
        self._is_showing = False
        self.list = CountedList(self._rows)
        self.list.setObjectName("labels")
        self.folder_button, self.undo_button = ElidedButton(), ElidedButton()
        self.edit, self.make_button = QLineEdit(), QPushButton()
        self.edit.setMaxLength(100)
        line = QHBoxLayout()
        line.setSpacing(6)
        line.addWidget(self.edit, 1)
        line.addWidget(self.make_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(10, 10, 10, 10)
        column.setSpacing(8)
        column.addWidget(self.folder_button)
        column.addLayout(line)
        column.addWidget(self.list, 1)
        column.addWidget(self.undo_button)
        self.setMinimumWidth(210)
        self.list.selectionModel().currentChanged.connect(lambda current, _: self._choose(current))
        self.make_button.clicked.connect(self._make)
        self.edit.returnPressed.connect(self._make)

    def label_at(self, place: QPoint) -> str | None:
        """Return the class at a place of this widget; None for none."""
        index = self.list.indexAt(self.list.mapFrom(self, place))
        if not index.isValid():
            return None
        shown = self._rows.rows[index.row()].shown
        return shown.label if shown.kind == LABEL else None

    def show_state(self, state: dict[str, Any], shown: Shown, words: Words) -> None:
        """Show the classes, and mark what is shown of them."""
        few = {warning["label"] for warning in warnings_of(state, "few")}
        rows = [
            _Row(
                Shown(LABEL, entry["label"]),
                entry["label"],
                entry["images"],
                str(number) if number <= KEYED else "",
                "gold" if entry["label"] in few else "",
            )
            for number, entry in enumerate(state.get("labels", ()), 1)
        ]
        if doubtful := warnings_of(state, DOUBTFUL):
            rows.append(_Row(Shown(DOUBTFUL), words("teach.doubtful"), len(doubtful), tone="fault"))
        if alike := warnings_of(state, ALIKE):
            count = sum(len(warning["images"]) for warning in alike)
            rows.append(_Row(Shown(ALIKE), words("teach.alike"), count, tone="soft"))
        self._is_showing = True  # what changes now was not chosen by anybody
        self._rows.show(rows)
        number = next((number for number, row in enumerate(rows) if row.shown == shown), None)
        if number is not None and self.list.currentIndex().row() != number:
            self.list.setCurrentIndex(self._rows.index(number))
        self._is_showing = False

    def retranslate(self, words: Words) -> None:
        """Show everything in a language."""
        self.edit.setPlaceholderText(words("teach.new_label"))
        self.edit.setAccessibleName(words("teach.new_label"))
        self.make_button.setText(words("teach.make"))
        self.make_button.setAccessibleName(words("teach.make_label"))
        self.list.setAccessibleName(words("teach.labels"))

    def _choose(self, index: QModelIndex) -> None:
        if index.isValid() and not self._is_showing:
            self.chosen.emit(self._rows.rows[index.row()].shown)

    def _make(self) -> None:
        if name := self.edit.text().strip():
            self.edit.clear()
            self.made.emit(name)
