"""The models that were taught: how good each is, what got better or worse; using one, and saving it."""

from typing import Any

from PySide6.QtCore import QSignalBlocker, Qt
from PySide6.QtGui import QColor
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from edgecls.desktop.shared.theme import colors
from edgecls.desktop.shared.words import Words

__all__ = ["VersionsPane"]

ROWS = 8  # of the table that are seen at once
_NONE = "–"


class VersionsPane(QWidget):
    """Shows the versions, and for one of them each label.

    Attributes:
        number: The version that is chosen; None if there is none.
    """

    def __init__(self) -> None:
        super().__init__()
        self.number: int | None = None
        self._newest: int | None = None
        self._state: dict[str, Any] = {}
        self._key: object = None
        self.title, self.accuracy = QLabel(), QLabel()
        self.title.setObjectName("section")
        self.accuracy.setObjectName("soft")
        self.accuracy.setWordWrap(True)
        self.box = QComboBox()
        self.use_button, self.model_button, self.zip_button = QPushButton(), QPushButton(), QPushButton()
        self.table = QTableWidget(0, 4)
        self.table.verticalHeader().hide()
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.table.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.table.setShowGrid(False)
        header = self.table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        header.setHighlightSections(False)
        buttons = QHBoxLayout()
        for button in (self.use_button, self.model_button, self.zip_button):
            buttons.addWidget(button)
        buttons.addStretch()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        for widget in (self.title, self.box, self.accuracy, self.table):
            column.addWidget(widget)
        column.addLayout(buttons)
        self.box.activated.connect(lambda _: self._choose())

    def show_state(self, state: dict[str, Any], words: Words) -> None:
        """Show the versions; a new one is chosen."""
        versions = state.get("versions", [])
        self.setVisible(bool(versions))
        self._state = state
        if not versions:
            self.number = self._newest = self._key = None
            return
        last = versions[-1]["number"]
        if last != self._newest or self.number not in [version["number"] for version in versions]:
            self._newest = self.number = last
        key = (words.language, [version["number"] for version in versions], self.number, state["in_use"], colors())
        if key != self._key:
            self._key = key
            self._show(versions, state["in_use"], words)

    def _show(self, versions: list[dict[str, Any]], in_use: int | None, words: Words) -> None:
        self._words = words
        self.title.setText(words("teach.versions"))
        with QSignalBlocker(self.box):
            self.box.clear()
            for version in reversed(versions):
                self.box.addItem(_name(version, in_use, words), version["number"])
            self.box.setCurrentIndex(self.box.findData(self.number))
        self.box.setAccessibleName(words("teach.version_choice"))
        version = next(version for version in versions if version["number"] == self.number)
        low, high = version["accuracy_interval"]
        text = words(
            f"teach.accuracy_{version['accuracy_of'].replace('-', '_')}",
            percent=100 * version["accuracy"],
            low=100 * low,
            high=100 * high,
            count=version["evaluated"],
        )
        if version["accuracy_before"] is not None:
            text += " " + words(
                "teach.accuracy_before", percent=100 * version["accuracy_before"], number=version["before"]
            )
        self.accuracy.setText(text)
        is_older = in_use is not None and in_use > (self.number or 0)
        key = "teach.in_use" if self.number == in_use else "teach.put_back" if is_older else "teach.use"
        self.use_button.setText(words(key))
        self.use_button.setEnabled(self.number != in_use)
        self.model_button.setText(words("teach.save_model"))
        self.zip_button.setText(words("teach.save_dataset"))
        self._fill(version, words)

    def _fill(self, version: dict[str, Any], words: Words) -> None:
        has_before = version["before"] is not None
        names = [words("teach.label"), words("teach.now"), words("teach.before"), words("teach.change")]
        self.table.setHorizontalHeaderLabels(names)
        self.table.setAccessibleName(words("teach.per_label"))
        rows = version["per_label"]
        self.table.setRowCount(len(rows))
        for number, row in enumerate(rows):
            before, better, worse = row["before"], row["newly_right"], row["newly_wrong"]
            texts = [
                row["label"],
                words("teach.of", right=row["right"], images=row["images"]) if row["images"] else _NONE,
                words("teach.of", **before) if before and before["images"] else _NONE,
                f"+{better} −{worse}" if better or worse else _NONE,
            ]
            for column, text in enumerate(texts):
                item = QTableWidgetItem(text)
                if column == 3 and better != worse:
                    item.setForeground(QColor(colors().accent if better > worse else colors().fault))
                    item.setToolTip(words("teach.changed", better=better, worse=worse))
                self.table.setItem(number, column, item)
        for column in (2, 3):
            self.table.setColumnHidden(column, not has_before)
        height = self.table.verticalHeader().defaultSectionSize()
        self.table.setFixedHeight(self.table.horizontalHeader().sizeHint().height() + height * min(ROWS, len(rows)) + 4)

    def _choose(self) -> None:
        self.number = self.box.currentData()
        self.show_state(self._state, self._words)


def _name(version: dict[str, Any], in_use: int | None, words: Words) -> str:
    return words(
        "teach.version_in_use" if version["number"] == in_use else "teach.version",
        number=version["number"],
        percent=100 * version["accuracy"],
        count=version["images"],
    )
