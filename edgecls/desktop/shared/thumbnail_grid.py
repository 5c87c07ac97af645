"""A grid of thumbnails, of which only those that are seen are made."""

from collections.abc import Callable
from typing import Any, TypeAlias

from PySide6.QtCore import QAbstractListModel, QModelIndex, QPersistentModelIndex, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetrics, QPainter, QPainterPath, QPen, QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QListView, QStyle, QStyledItemDelegate, QStyleOptionViewItem

from edgecls.desktop.shared.theme import colors
from edgecls.desktop.shared.thumbnails import Thumbnails

__all__ = [
    "PATH_ROLE",
    "TEXT_HEIGHT",
    "THUMBNAIL_SIDE",
    "Index",
    "ThumbnailCell",
    "ThumbnailGrid",
    "draw_between",
    "place_of",
]

Index: TypeAlias = QModelIndex | QPersistentModelIndex
"""What views give to a list: an index of either kind."""

THUMBNAIL_SIDE = 136  # logical pixels
PATH_ROLE = Qt.ItemDataRole.UserRole + 1
TEXT_HEIGHT = 46  # of what stands below an image
_MARGIN, _RADIUS = 10, 10
_WIDTH = THUMBNAIL_SIDE + 2 * _MARGIN


class ThumbnailGrid(QListView):
    """Thumbnails in rows.

    Args:
        images: The list; its PATH_ROLE has the path of each image.
        row_of: Returns the row of a path in it; None if it is not there.
        thumbnails: Makes the thumbnails.
    """

    def __init__(self, images: QAbstractListModel, row_of: Callable[[str], int | None], thumbnails: Thumbnails) -> None:
        super().__init__()
        self._row_of = row_of
        self.text_height = TEXT_HEIGHT
        self.setModel(images)
        self.setFlow(QListView.Flow.LeftToRight)
        self.setWrapping(True)
        self.setResizeMode(QListView.ResizeMode.Adjust)
        self.setUniformItemSizes(True)
        self.setGridSize(self.cell_size)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.verticalScrollBar().setSingleStep(self.cell_size.height() // 3)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setMouseTracking(True)
        thumbnails.ready.connect(self._show)

    @property
    def cell_size(self) -> QSize:
        """The least size of a cell."""
        return QSize(_WIDTH, THUMBNAIL_SIDE + self.text_height + 2 * _MARGIN)

    def set_text_height(self, height: int) -> None:
        """Say how much space there is below each image, in logical pixels."""
        if height != self.text_height:
            self.text_height = height
            self._spread()

    def keyboardSearch(self, search: str) -> None:  # noqa: N802  Qt's name
        """Look for nothing: digits and letters are shortcuts here."""

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802  Qt's name
        """Spread the columns over the width."""
        self._spread()
        super().resizeEvent(event)

    def _spread(self) -> None:
        # Qt leaves the space of the scroll bar free whether there is one or not.
        width = self.contentsRect().width() - self.verticalScrollBar().sizeHint().width() - 2
        size = QSize(width // max(1, width // _WIDTH), self.cell_size.height())
        if size != self.gridSize():
            self.setGridSize(size)

    def _show(self, path: str) -> None:
        row = self._row_of(path)
        if row is not None:
            self.update(self.model().index(row, 0))


class ThumbnailCell(QStyledItemDelegate):
    """Draws an image of a grid; what stands below and over it is drawn by those that inherit from it.

    Args:
        thumbnails: Makes the thumbnails.
        no_preview: Returns the words for an image that cannot be shown.
        parent: The grid.
    """

    def __init__(self, thumbnails: Thumbnails, no_preview: Callable[[], str], parent: ThumbnailGrid) -> None:
        super().__init__(parent)
        self._grid = parent
        self._thumbnails, self._no_preview = thumbnails, no_preview

    def draw_text(self, painter: QPainter, text: QRectF, index: Index) -> None:
        """Draw what stands below the image, in a line with space for a meter below it."""

    def draw_badge(self, painter: QPainter, frame: QRectF, index: Index) -> None:
        """Draw what lies on the image."""

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:  # noqa: N802  Qt's name
        """Return the size of every cell."""
        return self._grid.cell_size

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Draw an image with all that belongs to it."""
        chosen = colors()
        rect, state = place_of(option)
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
        self._draw_image(painter, frame, index.data(PATH_ROLE))
        self.draw_badge(painter, frame, index)
        self.draw_text(painter, QRectF(frame.x() + 2, frame.bottom() + 6, frame.width() - 4, 20), index)
        painter.restore()

    def _draw_image(self, painter: QPainter, frame: QRectF, path: str) -> None:
        chosen = colors()
        shape = QPainterPath()
        shape.addRoundedRect(frame, _RADIUS - 3, _RADIUS - 3)
        painter.fillPath(shape, QColor(chosen.line))
        pixmap = self._thumbnails.get(path)
        if pixmap is not None:
            painter.save()
            painter.setClipPath(shape)
            painter.drawPixmap(frame.toRect(), pixmap)
            painter.restore()
        elif self._thumbnails.is_broken(path):
            painter.setPen(QColor(chosen.soft))
            painter.drawText(frame, Qt.AlignmentFlag.AlignCenter, self._no_preview())


def draw_between(painter: QPainter, text: QRectF, left: str, right: str, color: str) -> None:
    """Draw a text in a colour at the left of a line, as much of it as fits, and another softly at the right."""
    metrics = QFontMetrics(painter.font())
    width = metrics.horizontalAdvance(right) + 8 if right else 0
    painter.setPen(QColor(color))
    shown = metrics.elidedText(left, Qt.TextElideMode.ElideRight, int(text.width()) - width)
    painter.drawText(text, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, shown)
    if right:
        painter.setPen(QColor(colors().soft))
        painter.drawText(text, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, right)


def place_of(option: Any) -> tuple[QRect, QStyle.StateFlag]:
    """Return where a view wants something drawn, and its state; releases of PySide6 type these differently."""
    return option.rect, option.state
