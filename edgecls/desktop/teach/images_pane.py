"""The middle of the tab: the images of a class, or those that need a look, and what is done with them."""

from collections.abc import Callable, Container, Sequence

from PySide6.QtCore import QAbstractListModel, QItemSelection, QItemSelectionModel, QModelIndex, QRectF, Qt, Signal
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QHBoxLayout, QLabel, QMenu, QPushButton, QStackedLayout, QVBoxLayout, QWidget

from edgecls.desktop.shared.theme import colors
from edgecls.desktop.shared.thumbnail_grid import (
    PATH_ROLE,
    TEXT_HEIGHT,
    Index,
    ThumbnailCell,
    ThumbnailGrid,
    draw_between,
)
from edgecls.desktop.shared.thumbnails import Thumbnails
from edgecls.desktop.shared.words import Words
from edgecls.desktop.teach.session import TeachSession
from edgecls.desktop.teach.shown import DOUBTFUL, LABEL, Shown, TaughtImage
from edgecls.teaching.teaching import Teaching

__all__ = ["ImagesPane", "Selection"]

IMAGE_ROLE = Qt.ItemDataRole.UserRole
_NO_INDEX = QModelIndex()
_SELECT = QItemSelectionModel.SelectionFlag.Select
_CURRENT = QItemSelectionModel.SelectionFlag.ClearAndSelect


class _Images(QAbstractListModel):
    """The images that are shown."""

    def __init__(self) -> None:
        super().__init__()
        self.images: Sequence[TaughtImage] = ()
        self.words: Words | None = None
        self._row_of: dict[str, int] = {}

    def show(self, images: Sequence[TaughtImage]) -> None:
        """Show other images."""
        self.beginResetModel()
        self.images = images
        self._row_of = {image.path: row for row, image in enumerate(images)}
        self.endResetModel()

    def row_of(self, path: str) -> int | None:
        """Return the row of a path; None if it is not shown."""
        return self._row_of.get(path)

    def rowCount(self, parent: Index = _NO_INDEX) -> int:  # noqa: N802  Qt's name
        """Return the number of images."""
        return 0 if parent.isValid() else len(self.images)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Return what views and screen readers ask of an image."""
        if not index.isValid() or index.row() >= len(self.images):
            return None
        image = self.images[index.row()]
        if role == IMAGE_ROLE:
            return image
        if role == PATH_ROLE:
            return image.path
        if role == Qt.ItemDataRole.ToolTipRole:
            return f"{image.path}\n{self._said(image)}".strip()
        if role in (Qt.ItemDataRole.AccessibleTextRole, Qt.ItemDataRole.DisplayRole):
            return f"{image.image}: {self._said(image)}" if self._said(image) else image.image
        return None

    def _said(self, image: TaughtImage) -> str:
        if self.words is None or not image.suggested:
            return image.label
        return self.words("teach.warn_doubtful", label=image.label, suggested=image.suggested)


class _Cell(ThumbnailCell):
    """Draws the label below an image where that is not clear, and what the model says."""

    def draw_text(self, painter: QPainter, text: QRectF, index: Index) -> None:
        """Draw the label, or the label that it has and the one that is suggested."""
        image: TaughtImage = index.data(IMAGE_ROLE)
        if image.suggested:
            draw_between(painter, text, image.label, "", colors().soft)
            line = text.translated(0, 18)
            draw_between(painter, line, f"→ {image.suggested}", f"{100 * image.probability:.0f} %", colors().ink)
        elif image.label:
            draw_between(painter, text, image.label, "", colors().ink)


class ImagesPane(QWidget):
    """Shows images, and asks for what is to be done with those that are selected.

    Args:
        words: The language.
        thumbnails: Makes the thumbnails.
    """

    moved = Signal(str)
    """The selected images are to get this label."""

    selection_changed = Signal()
    """Other images are selected."""

    def __init__(self, words: Words, thumbnails: Thumbnails) -> None:
        super().__init__()
        self._words = words
        self._images = _Images()
        self.grid = ThumbnailGrid(self._images, self._images.row_of, thumbnails)
        self.grid.setItemDelegate(_Cell(thumbnails, lambda: self._words("no_preview"), self.grid))
        self.title, self.hint, self.selected_text, self.adding_text = QLabel(), QLabel(), QLabel(), QLabel()
        self.help = QLabel()
        self.help.setWordWrap(True)
        self.title.setObjectName("headline")
        self.title.setTextFormat(Qt.TextFormat.PlainText)
        for label in (self.help, self.hint, self.selected_text, self.adding_text):
            label.setObjectName("soft")
        self.hint.setWordWrap(True)
        self.hint.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.open_button, self.add_button, self.camera_button = QPushButton(), QPushButton(), QPushButton()
        self.open_button.setObjectName("primary")
        self.rename_button, self.forget_button = QPushButton(), QPushButton()
        self.keep_button, self.suggested_button = QPushButton(), QPushButton()
        self.move_button, self.remove_button, self.stop_button = QPushButton(), QPushButton(), QPushButton()
        self.move_menu = QMenu(self)
        self.move_button.setMenu(self.move_menu)
        self._kind = LABEL
        self._lay_out()
        self.grid.selectionModel().selectionChanged.connect(lambda *_: self._on_selection())

    def _lay_out(self) -> None:
        top, self.selected_row, self.adding_row = QHBoxLayout(), QWidget(), QWidget()
        top.addWidget(self.title, 1)
        for button in (self.add_button, self.camera_button, self.rename_button, self.forget_button):
            top.addWidget(button)
        line = QHBoxLayout(self.selected_row)
        line.setContentsMargins(0, 0, 0, 0)
        line.addWidget(self.selected_text, 1)
        for button in (self.keep_button, self.suggested_button, self.move_button, self.remove_button):
            line.addWidget(button)
        line = QHBoxLayout(self.adding_row)
        line.setContentsMargins(0, 0, 0, 0)
        line.addWidget(self.adding_text, 1)
        line.addWidget(self.stop_button)
        empty = QWidget()
        column = QVBoxLayout(empty)
        column.addStretch()
        column.addWidget(self.hint)
        column.addWidget(self.open_button, alignment=Qt.AlignmentFlag.AlignCenter)
        column.addStretch()
        self._stack = QStackedLayout()
        self._stack.addWidget(self.grid)
        self._stack.addWidget(empty)
        column = QVBoxLayout(self)
        column.setContentsMargins(14, 10, 10, 8)
        column.addLayout(top)
        column.addWidget(self.help)
        column.addLayout(self._stack, 1)
        column.addWidget(self.selected_row)
        column.addWidget(self.adding_row)

    @property
    def selected(self) -> list[TaughtImage]:
        """The images that are selected."""
        rows = sorted(index.row() for index in self.grid.selectionModel().selectedIndexes())
        return [self._images.images[row] for row in rows]

    def show_images(self, images: Sequence[TaughtImage], shown: Shown) -> None:
        """Show other images; those that stay stay selected, and of a review the next one is."""
        was_here, row = shown.kind == self._kind, self.grid.currentIndex().row()
        selected = {image.path for image in self.selected}
        place = self.grid.verticalScrollBar().value() if was_here else 0
        self._kind = shown.kind
        self.grid.set_text_height(8 if shown.kind == LABEL else TEXT_HEIGHT)
        self._images.show(images)
        chosen = QItemSelection()
        rows = [number for path in selected if (number := self._images.row_of(path)) is not None]
        for number in rows:
            index = self._images.index(number)
            chosen.select(index, index)
        if rows:
            self.grid.selectionModel().setCurrentIndex(self._images.index(min(rows)), _SELECT)
            self.grid.selectionModel().select(chosen, _SELECT)
        elif shown.kind != LABEL and images:
            next_row = min(max(0, row), len(images) - 1) if was_here else 0
            self.grid.selectionModel().setCurrentIndex(self._images.index(next_row), _CURRENT)
        self.grid.verticalScrollBar().setValue(place)
        self._on_selection()

    def show_labels(self, labels: Sequence[str], own: str) -> None:
        """Offer labels to move images to, all but their own."""
        wanted = [label for label in labels if label != own]
        if [action.data() for action in self.move_menu.actions()] != wanted:
            self.move_menu.clear()
            for label in wanted:
                action = self.move_menu.addAction(label.replace("&", "&&"))
                action.setData(label)
                action.triggered.connect(lambda _=False, label=label: self.moved.emit(label))
        self.move_button.setEnabled(bool(wanted))

    def show_empty(self, text: str, *, asks_for_folder: bool) -> None:
        """Show a text in place of images; an empty one for the images."""
        self.hint.setText(text)
        self.open_button.setVisible(asks_for_folder)
        self._stack.setCurrentIndex(1 if text else 0)

    def retranslate(self, words: Words) -> None:
        """Show everything in a language."""
        self._words = self._images.words = words
        for button, key in (
            (self.open_button, "teach.open"),
            (self.add_button, "teach.add"),
            (self.camera_button, "teach.camera"),
            (self.rename_button, "teach.rename"),
            (self.forget_button, "teach.forget"),
            (self.keep_button, "teach.keep"),
            (self.move_button, "teach.move"),
            (self.remove_button, "teach.remove"),
            (self.stop_button, "stop"),
        ):
            button.setText(words(key))
        self.grid.setAccessibleName(words("images"))
        self._on_selection()

    def _on_selection(self) -> None:
        selected = self.selected
        self.selected_row.setVisible(bool(selected))
        is_review = self._kind == DOUBTFUL
        self.keep_button.setVisible(is_review)
        self.suggested_button.setVisible(is_review)
        self.selected_text.setText(self._words("teach.selected", count=len(selected)))
        suggested = {image.suggested for image in selected}
        label = suggested.pop() if len(suggested) == 1 else ""
        self.suggested_button.setText(
            self._words("teach.relabel", label=label) if label else self._words("teach.suggested")
        )
        self.selection_changed.emit()


class Selection:
    """The images that are selected.

    Args:
        pane: Where they are selected.
        session: The folder.
    """

    def __init__(self, pane: ImagesPane, session: TeachSession) -> None:
        self._pane, self._session = pane, session
        pane.moved.connect(self.move)

    def move(self, label: str) -> None:
        """Give the selected images a label."""
        self._each(lambda teaching, image: teaching.move_image(image, label))

    def keep(self) -> None:
        """Doubt the labels of the selected images no longer."""
        self._each(lambda teaching, image: teaching.keep_label(image))

    def remove(self) -> None:
        """Take the selected images out."""
        self._each(lambda teaching, image: teaching.remove_image(image))

    def relabel(self) -> None:
        """Give each of the selected images the label that is suggested for it."""
        suggested = {image.image: image.suggested for image in self._pane.selected if image.suggested}
        self._each(lambda teaching, image: teaching.move_image(image, suggested[image]), only=suggested)

    def _each(self, step: Callable[[Teaching, str], object], *, only: Container[str] | None = None) -> None:
        images = [image.image for image in self._pane.selected if only is None or image.image in only]

        def work(teaching: Teaching) -> None:
            for image in images:
                step(teaching, image)

        if images:
            self._session.do(work)
