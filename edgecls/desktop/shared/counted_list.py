"""A list of names with counts, as of the labels at the left of a tab."""

from PySide6.QtCore import QAbstractListModel, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter
from PySide6.QtWidgets import QListView, QStyle, QStyledItemDelegate, QStyleOptionViewItem

from edgecls.desktop.shared.theme import colors
from edgecls.desktop.shared.thumbnail_grid import Index, draw_between, place_of

__all__ = ["COUNT_ROLE", "KEY_ROLE", "TONE_ROLE", "CountedList", "draw_key"]

COUNT_ROLE = Qt.ItemDataRole.UserRole + 2
KEY_ROLE = Qt.ItemDataRole.UserRole + 3
"""The key that chooses the row, as text; nothing for none."""

TONE_ROLE = Qt.ItemDataRole.UserRole + 4
"""The name of a colour of `Colors` for the name of the row; nothing for the usual one."""

KEY_SIDE = 16


class CountedList(QListView):
    """Shows the rows of a list with the counts that it gives in COUNT_ROLE.

    Args:
        rows: The list.
    """

    def __init__(self, rows: QAbstractListModel) -> None:
        super().__init__()
        self.setObjectName("groups")
        self.setModel(rows)
        self.setItemDelegate(_Row(self))
        self.setUniformItemSizes(True)
        self.setMouseTracking(True)
        self.setMinimumWidth(150)

    def keyboardSearch(self, search: str) -> None:  # noqa: N802  Qt's name
        """Look for nothing: digits and letters are shortcuts here."""


class _Row(QStyledItemDelegate):
    """Draws a row."""

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:  # noqa: N802  Qt's name
        """Return the size of a line."""
        return QSize(120, 34)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Draw the key and the name on the left, and the count on the right."""
        chosen = colors()
        rect, state = place_of(option)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        is_selected = bool(state & QStyle.StateFlag.State_Selected)
        line = QRectF(rect).adjusted(2, 1, -2, -1)
        if is_selected or state & QStyle.StateFlag.State_MouseOver:
            has_focus = bool(state & QStyle.StateFlag.State_HasFocus)
            painter.setPen(QColor(chosen.accent) if has_focus else Qt.PenStyle.NoPen)
            painter.setBrush(QColor(chosen.tint if is_selected else chosen.card))
            painter.drawRoundedRect(line, 8, 8)
        text = line.adjusted(10, 0, -10, 0)
        if key := index.data(KEY_ROLE):
            draw_key(painter, QRectF(text.x(), text.center().y() - KEY_SIDE / 2, KEY_SIDE, KEY_SIDE), key)
            text.setLeft(text.left() + KEY_SIDE + 8)
        color: str = getattr(chosen, index.data(TONE_ROLE) or "ink")
        draw_between(painter, text, str(index.data()), str(index.data(COUNT_ROLE)), color)
        painter.restore()


def draw_key(painter: QPainter, badge: QRectF, key: str) -> None:
    """Draw a key of the keyboard."""
    chosen = colors()
    painter.setPen(QColor(chosen.line))
    painter.setBrush(QColor(chosen.card))
    painter.drawRoundedRect(badge, 4, 4)
    painter.setPen(QColor(chosen.soft))
    painter.drawText(badge, Qt.AlignmentFlag.AlignCenter, key)
