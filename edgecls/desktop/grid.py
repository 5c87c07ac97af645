"""The grid of images: thumbnails with their labels, and the list of groups beside it."""

from typing import Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetrics, QPainter, QPainterPath, QPen, QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QListView, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from edgecls.desktop.entries import ALL, CORRECTED, Entry, Group, Kind
from edgecls.desktop.image_list import ENTRY_ROLE, ImageList, Index
from edgecls.desktop.theme import colors
from edgecls.desktop.thumbnails import Thumbnails
from edgecls.desktop.words import Words

__all__ = ["GROUP_ROLE", "THUMBNAIL_SIDE", "Grid", "GroupList", "GroupsView"]

THUMBNAIL_SIDE = 136  # logical pixels
GROUP_ROLE = Qt.ItemDataRole.UserRole
_MARGIN, _TEXT, _RADIUS = 10, 46, 10
_CELL = QSize(THUMBNAIL_SIDE + 2 * _MARGIN, THUMBNAIL_SIDE + _TEXT + 2 * _MARGIN)
_NO_INDEX = QModelIndex()
_LAST_KINDS = (Kind.UNDECIDED, Kind.UNLIKE, Kind.WAITING, Kind.FAILED)


class Grid(QListView):
    """Thumbnails in rows, only those that are seen are made.

    Args:
        images: What to show.
        thumbnails: Makes the thumbnails.
    """

    def __init__(self, images: ImageList, thumbnails: Thumbnails) -> None:
        super().__init__()
        self._images = images
        self.setModel(images)
        self.setItemDelegate(_Cell(images.words, thumbnails, self))
        self.setFlow(QListView.Flow.LeftToRight)
        self.setWrapping(True)
        self.setResizeMode(QListView.ResizeMode.Adjust)
        self.setUniformItemSizes(True)
        self.setGridSize(_CELL)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.verticalScrollBar().setSingleStep(_CELL.height() // 3)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setMouseTracking(True)
        thumbnails.ready.connect(self._show)

    def keyboardSearch(self, search: str) -> None:  # noqa: N802  Qt's name
        """Look for nothing: digits and letters are shortcuts here."""

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802  Qt's name
        """Spread the columns over the width."""
        width = self.viewport().width() - 2
        size = QSize(width // max(1, width // _CELL.width()), _CELL.height())
        if size != self.gridSize():
            self.setGridSize(size)
        super().resizeEvent(event)

    def _show(self, path: str) -> None:
        row = self._images.row_of(path)
        if row is not None:
            self.update(self._images.index(row))


class _Cell(QStyledItemDelegate):
    """Draws an image of the grid."""

    def __init__(self, words: Words, thumbnails: Thumbnails, parent: Grid) -> None:
        super().__init__(parent)
        self._thumbnails = thumbnails
        self._images = parent._images

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:  # noqa: N802  Qt's name
        """Return the size of every cell."""
        return _CELL

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Draw the thumbnail, the label with its probability, and how sure that is as a meter."""
        entry: Entry = index.data(ENTRY_ROLE)
        chosen = colors()
        rect, state = _place(option)
        is_selected = bool(state & QStyle.StateFlag.State_Selected)
        painter.save()
        painter.setRenderHints(QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform)
        cell = QRectF(rect).adjusted(4, 4, -4, -4)
        has_focus = bool(state & QStyle.StateFlag.State_HasFocus)
        if is_selected or has_focus or state & QStyle.StateFlag.State_MouseOver:
            edge = chosen.accent if is_selected or has_focus else chosen.line
            painter.setPen(QPen(QColor(edge), 2 if is_selected else 1))
            painter.setBrush(QColor(chosen.tint if is_selected else chosen.card))
            painter.drawRoundedRect(cell, _RADIUS, _RADIUS)
        frame = QRectF(rect.x() + _MARGIN, rect.y() + _MARGIN, THUMBNAIL_SIDE, THUMBNAIL_SIDE)
        self._draw_image(painter, frame, entry)
        text = QRectF(frame.x() + 2, frame.bottom() + 6, frame.width() - 4, 20)
        self._draw_answer(painter, text, entry)
        painter.restore()

    def _draw_image(self, painter: QPainter, frame: QRectF, entry: Entry) -> None:
        chosen = colors()
        shape = QPainterPath()
        shape.addRoundedRect(frame, _RADIUS - 3, _RADIUS - 3)
        painter.fillPath(shape, QColor(chosen.line))
        pixmap = self._thumbnails.get(entry.path)
        if pixmap is not None:
            painter.save()
            painter.setClipPath(shape)
            painter.drawPixmap(frame.toRect(), pixmap)
            painter.restore()
        elif self._thumbnails.is_broken(entry.path):
            painter.setPen(QColor(chosen.soft))
            painter.drawText(frame, Qt.AlignmentFlag.AlignCenter, self._images.words("no_preview"))
        if entry.correction is not None:  # a tick in the corner
            badge = QRectF(frame.right() - 28, frame.top() + 6, 22, 22)
            painter.setPen(QPen(QColor(chosen.on_accent), 2))
            painter.setBrush(QColor(chosen.accent))
            painter.drawEllipse(badge)
            tick = [(6.5, 11.5), (9.8, 14.8), (15.8, 7.8)]
            path = QPainterPath()
            path.moveTo(badge.x() + tick[0][0], badge.y() + tick[0][1])
            for x, y in tick[1:]:
                path.lineTo(badge.x() + x, badge.y() + y)
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawPath(path)

    def _draw_answer(self, painter: QPainter, text: QRectF, entry: Entry) -> None:
        words, chosen = self._images.words, colors()
        metrics = QFontMetrics(painter.font())
        figure = ""
        if entry.correction is None and entry.answer is not None:
            figure = f"{100 * entry.answer.best.probability:.0f} %"
        is_known = entry.fault is None and (entry.correction is not None or not entry.is_unsure)
        if entry.correction is not None or (entry.answer is not None and entry.answer.reason is None):
            label = entry.label or ""
        elif entry.answer is not None:
            label = f"{entry.answer.best.label}?"
        else:
            label = words.entry(entry)
        figure_width = metrics.horizontalAdvance(figure) + 6 if figure else 0
        color = chosen.fault if entry.fault else chosen.ink if is_known and entry.is_done else chosen.soft
        painter.setPen(QColor(color))
        shown = metrics.elidedText(label, Qt.TextElideMode.ElideRight, int(text.width()) - figure_width)
        left = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        painter.drawText(text, left, shown)
        if figure and entry.answer is not None:
            painter.setPen(QColor(chosen.soft))
            painter.drawText(text, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, figure)
            meter = QRectF(text.x(), text.bottom() + 4, text.width(), 4)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(chosen.line))
            painter.drawRoundedRect(meter, 2, 2)
            painter.setBrush(QColor(chosen.gold if entry.is_unsure else chosen.accent))
            meter.setWidth(max(4.0, meter.width() * entry.answer.best.probability))
            painter.drawRoundedRect(meter, 2, 2)


class GroupList(QAbstractListModel):
    """The groups with their counts: all images, each label, then what needs attention.

    Args:
        images: Whose groups.
    """

    def __init__(self, images: ImageList) -> None:
        super().__init__(images)
        self._images = images
        self.groups: list[Group] = [ALL]
        images.counts_changed.connect(self._refresh)

    def rowCount(self, parent: Index = _NO_INDEX) -> int:  # noqa: N802  Qt's name
        """Return the number of groups."""
        return 0 if parent.isValid() else len(self.groups)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Return the name of a group with its count."""
        if not index.isValid() or index.row() >= len(self.groups):
            return None
        group = self.groups[index.row()]
        name, count = self._images.words.group(group), self._images.counts[group]
        if role == GROUP_ROLE:
            return group
        if role == Qt.ItemDataRole.DisplayRole:
            return name
        if role in (Qt.ItemDataRole.AccessibleTextRole, Qt.ItemDataRole.ToolTipRole):
            return f"{name}: {count}"
        return None

    def count(self, group: Group) -> int:
        """Return the number of images in a group."""
        return self._images.counts[group]

    def refresh_words(self) -> None:
        """Show the names anew, in another language."""
        self.dataChanged.emit(self.index(0), self.index(len(self.groups) - 1))

    def _refresh(self) -> None:
        counts, kept = self._images.counts, self._images.group
        there = {group for group, count in counts.items() if count > 0} | {ALL, kept}
        labels = sorted((group for group in there if group.kind is Kind.LABEL), key=lambda group: group.label)
        last = [group for kind in _LAST_KINDS if (group := Group(kind)) in there]
        groups = [ALL, *labels, *last, *([CORRECTED] if CORRECTED in there else [])]
        if groups == self.groups:
            self.refresh_words()
            return
        self.beginResetModel()
        self.groups = groups
        self.endResetModel()


class GroupsView(QListView):
    """The list of groups."""

    def __init__(self, groups: GroupList, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("groups")
        self.setModel(groups)
        self.setItemDelegate(_GroupCell(groups, self))
        self.setUniformItemSizes(True)
        self.setMouseTracking(True)
        self.setMinimumWidth(150)

    def keyboardSearch(self, search: str) -> None:  # noqa: N802  Qt's name
        """Look for nothing: digits and letters are shortcuts here."""


class _GroupCell(QStyledItemDelegate):
    """Draws a group with its count."""

    def __init__(self, groups: GroupList, parent: GroupsView) -> None:
        super().__init__(parent)
        self._groups = groups

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:  # noqa: N802  Qt's name
        """Return the size of a line."""
        return QSize(120, 34)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Draw the name on the left and the count on the right."""
        chosen, group = colors(), index.data(GROUP_ROLE)
        rect, state = _place(option)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        is_selected = bool(state & QStyle.StateFlag.State_Selected)
        line = QRectF(rect).adjusted(2, 1, -2, -1)
        if is_selected or state & QStyle.StateFlag.State_MouseOver:
            has_focus = bool(state & QStyle.StateFlag.State_HasFocus)
            painter.setPen(QPen(QColor(chosen.accent), 1) if has_focus else Qt.PenStyle.NoPen)
            painter.setBrush(QColor(chosen.tint if is_selected else chosen.card))
            painter.drawRoundedRect(line, 8, 8)
        text = line.adjusted(10, 0, -10, 0)
        count = str(self._groups.count(group))
        painter.setPen(QColor(chosen.soft))
        painter.drawText(text, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, count)
        metrics = QFontMetrics(painter.font())
        room = int(text.width()) - metrics.horizontalAdvance(count) - 8
        color = chosen.fault if group.kind is Kind.FAILED else chosen.ink
        painter.setPen(QColor(color))
        name = metrics.elidedText(str(index.data()), Qt.TextElideMode.ElideRight, room)
        painter.drawText(text, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, name)
        painter.restore()


def _place(option: Any) -> tuple[QRect, QStyle.StateFlag]:
    """Return where a view wants something drawn, and its state; releases of PySide6 type these differently."""
    return option.rect, option.state
