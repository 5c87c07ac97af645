"""The grid of images: thumbnails with their labels, and the list of groups beside it."""

from PySide6.QtCore import QAbstractListModel, QModelIndex, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPainterPath, QPen

from edgecls.desktop.classify.image_list import ENTRY_ROLE, ImageList
from edgecls.desktop.shared.counted_list import COUNT_ROLE, TONE_ROLE
from edgecls.desktop.shared.entries import ALL, CORRECTED, Entry, Group, Kind
from edgecls.desktop.shared.theme import colors
from edgecls.desktop.shared.thumbnail_grid import Index, ThumbnailCell, ThumbnailGrid, draw_between
from edgecls.desktop.shared.thumbnails import Thumbnails

__all__ = ["GROUP_ROLE", "Grid", "GroupList"]

GROUP_ROLE = Qt.ItemDataRole.UserRole
_NO_INDEX = QModelIndex()
_LAST_KINDS = (Kind.UNDECIDED, Kind.UNLIKE, Kind.WAITING, Kind.FAILED)


class Grid(ThumbnailGrid):
    """The images of a group.

    Args:
        images: What to show.
        thumbnails: Makes the thumbnails.
    """

    def __init__(self, images: ImageList, thumbnails: Thumbnails) -> None:
        super().__init__(images, images.row_of, thumbnails)
        self.setItemDelegate(_Cell(images, thumbnails, self))


class _Cell(ThumbnailCell):
    """Draws the label with its probability below an image, and how sure that is as a meter."""

    def __init__(self, images: ImageList, thumbnails: Thumbnails, parent: Grid) -> None:
        super().__init__(thumbnails, lambda: images.words("no_preview"), parent)
        self._images = images

    def draw_badge(self, painter: QPainter, frame: QRectF, index: Index) -> None:
        """Draw a tick in the corner if the label was corrected."""
        entry: Entry = index.data(ENTRY_ROLE)
        if entry.correction is None:
            return
        chosen = colors()
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

    def draw_text(self, painter: QPainter, text: QRectF, index: Index) -> None:
        """Draw the label, its probability and the meter."""
        entry: Entry = index.data(ENTRY_ROLE)
        chosen = colors()
        figure = ""
        if entry.correction is None and entry.answer is not None:
            figure = f"{100 * entry.answer.best.probability:.0f} %"
        is_known = entry.fault is None and (entry.correction is not None or not entry.is_unsure)
        if entry.correction is not None or (entry.answer is not None and entry.answer.reason is None):
            label = entry.label or ""
        elif entry.answer is not None:
            label = f"{entry.answer.best.label}?"
        else:
            label = self._images.words.entry(entry)
        color = chosen.fault if entry.fault else chosen.ink if is_known and entry.is_done else chosen.soft
        draw_between(painter, text, label, figure, color)
        if figure and entry.answer is not None:
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
        if role == COUNT_ROLE:
            return count
        if role == TONE_ROLE:
            return "fault" if group.kind is Kind.FAILED else None
        if role in (Qt.ItemDataRole.AccessibleTextRole, Qt.ItemDataRole.ToolTipRole):
            return f"{name}: {count}"
        return None

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
