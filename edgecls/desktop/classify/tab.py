"""The tab: the groups on the left, the grid of images, and the details of one on the right."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import QItemSelectionModel, QModelIndex, QPoint, Qt, QTimer
from PySide6.QtWidgets import QFileDialog, QLabel, QSplitter, QVBoxLayout, QWidget

from edgecls.desktop.classify.bars import TopBar
from edgecls.desktop.classify.detail_pane import DetailPane
from edgecls.desktop.classify.grid import GROUP_ROLE, Grid, GroupList
from edgecls.desktop.classify.model_choice import ModelChoice
from edgecls.desktop.classify.session import Session
from edgecls.desktop.shared.camera_dialog import CameraDialog
from edgecls.desktop.shared.counted_list import CountedList
from edgecls.desktop.shared.dialogs import LabelDialog, SortDialog, confirmed
from edgecls.desktop.shared.entries import ALL, Entry
from edgecls.desktop.shared.settings import Settings
from edgecls.desktop.shared.tab import Tab, ask_for_images
from edgecls.desktop.shared.thumbnails import Thumbnails
from edgecls.desktop.shared.words import Words
from edgecls.runtime.video.capture import Opener

__all__ = ["ClassifyTab"]

REFRESH_MS = 100  # answers may come faster than labels need to be written anew
_CURRENT = QItemSelectionModel.SelectionFlag.ClearAndSelect
_NEEDS_IMAGES = ("sort", "export_csv", "export_xmp", "clear", "next_unsure")


class ClassifyTab(Tab):
    """Images, what a model says of them, and what people say.

    Args:
        session: What it works on.
        settings: What it remembers.
        thumbnails: Of images.
        folder: Where photos from the camera, and the sample image, are.
        camera: Opens cameras; None for OpenCV's.
    """

    def __init__(
        self,
        session: Session,
        settings: Settings,
        thumbnails: Thumbnails,
        *,
        folder: Path,
        camera: Opener | None = None,
    ) -> None:
        super().__init__()
        self.session, self.settings = session, settings
        self.words = session.words
        self._folder, self._camera = folder, camera
        self.grid = Grid(session.images, thumbnails)
        self.groups = GroupList(session.images)
        self.groups_view = CountedList(self.groups)
        self.details = DetailPane(self.words, lambda: session.recogniser.classifier)
        self.top = TopBar()
        self.choice = ModelChoice(self, session, settings, self.top)
        self.hint = QLabel(alignment=Qt.AlignmentFlag.AlignCenter)
        self.hint.setObjectName("hint")
        self._lay_out()
        self._connect()

    def _lay_out(self) -> None:
        centre = QWidget()
        middle = QVBoxLayout(centre)
        middle.setContentsMargins(12, 8, 0, 0)
        middle.addWidget(self.hint)
        middle.addWidget(self.grid, 1)
        self.splitter = QSplitter()
        self.splitter.addWidget(self.groups_view)
        self.splitter.addWidget(centre)
        self.splitter.addWidget(self.details)
        self.splitter.setChildrenCollapsible(False)
        self.splitter.setStretchFactor(1, 1)
        self.splitter.setSizes([190, 700, 350])
        self.splitter.setHandleWidth(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.top)
        column.addWidget(self.splitter, 1)
        if (sizes := self.settings.layout("splitter")) is not None:
            self.splitter.restoreState(sizes)

    def _connect(self) -> None:
        session = self.session
        self._refresh_timer = QTimer(self)
        self._refresh_timer.setSingleShot(True)
        self._refresh_timer.timeout.connect(self.refresh)
        session.changed.connect(self._refresh_soon)
        session.noticed.connect(self.noticed)
        session.labelled.connect(lambda _: self.refresh())
        session.recogniser.answered.connect(lambda _: self._refresh_soon())
        self.choice.opened.connect(self._on_model)
        self.choice.failed.connect(self.refresh)
        selection = self.grid.selectionModel()
        selection.currentChanged.connect(lambda current, _: self.details.show_entry(self._entry_at(current)))
        session.images.modelReset.connect(self._select_first)
        session.images.rowsInserted.connect(lambda *_: self._select_first())
        session.images.rowsRemoved.connect(lambda *_: self._select_current())
        self.groups_view.selectionModel().currentChanged.connect(lambda current, _: self._show_group(current))
        self.groups.modelReset.connect(self._mark_group)
        self.details.unsure_button.clicked.connect(self.next_unsure)
        self.top.images_button.clicked.connect(self.open_images)
        self.top.folder_button.clicked.connect(self.open_folder)
        self.top.camera_button.clicked.connect(self.open_camera)
        self.top.recognise_button.clicked.connect(self._recognise_or_stop)
        self.top.sort_button.clicked.connect(self.sort)
        self.top.export_button.clicked.connect(self.export_csv)

    # What the window asks

    @property
    def labels(self) -> Sequence[str]:
        """The labels of the model."""
        classifier = self.session.recogniser.classifier
        return () if classifier is None else classifier.labels

    @property
    def title(self) -> str:
        """The number of images, and the model."""
        count, classifier = len(self.session.images.entries), self.session.recogniser.classifier
        parts = [self.words("status.images", count=count)] if count else []
        return " · ".join(parts + ([classifier.card.name] if classifier is not None else []))

    @property
    def unfinished(self) -> Sequence[str]:
        """Work that goes on, and corrections that were not exported."""
        count = self.session.decisions.unsaved_count
        reasons = [self.words("leave.working")] if self.session.is_working else []
        return reasons + ([self.words("leave.unsaved", count=count)] if count else [])

    def calls(self) -> dict[str, Callable[..., object]]:
        """Return what the actions call."""
        return {
            "open_images": self.open_images,
            "open_folder": self.open_folder,
            "open_model": self.choice.ask,
            "camera": self.open_camera,
            "sort": self.sort,
            "export_csv": self.export_csv,
            "export_xmp": self.session.export_keywords,
            "clear": self.clear,
            "undo": self.session.undo,
            "redo": self.session.redo,
            "select_all": self.grid.selectAll,
            "at_once": self._set_at_once,
            "confirm": self.confirm,
            "other_label": self.other_label,
            "no_label": lambda: self._set_label(None),
            "next_unsure": self.next_unsure,
            "heat": self.details.heat_button.setChecked,
        }

    def can(self, action: str) -> bool:
        """True if an action can be done now."""
        if action == "undo":
            return self.session.decisions.next_undo is not None
        if action == "redo":
            return self.session.decisions.next_redo is not None
        return action not in _NEEDS_IMAGES or bool(self.session.images.entries)

    def refresh(self) -> None:
        """Show how things are."""
        session, words = self.session, self.words
        self.details.refresh()
        is_busy, is_ready = session.recogniser.is_busy, session.recogniser.classifier is not None
        self.top.recognise_button.setText(words("stop" if is_busy else "recognise"))
        has_waiting = session.images.counts[ALL] > 0 and (is_busy or bool(session.waiting))
        self.top.recognise_button.setEnabled(is_ready and not session.recogniser.is_loading and has_waiting)
        has_images = bool(session.images.entries)
        self.top.sort_button.setEnabled(has_images)
        self.top.export_button.setEnabled(has_images)
        self.hint.setVisible(not has_images or self._shows_sample)
        self.hint.setText(words("sample") if self._shows_sample else words("hint"))
        self.changed.emit()

    def come_forward(self) -> None:
        """Give the grid the focus."""
        self.grid.setFocus()

    def retranslate(self, words: Words) -> None:
        """Show everything in a language."""
        self.words = self.session.words = self.session.images.words = words
        self.top.retranslate(words)
        self.details.retranslate(words)
        self.groups_view.setAccessibleName(words("groups"))
        self.grid.setAccessibleName(words("images"))
        self.groups.refresh_words()
        self.session.images.refresh_all()
        self.choice.refresh()
        self.refresh()

    def close_jobs(self) -> None:
        """Remember how it looks, and end the threads of its widgets."""
        self._refresh_timer.stop()
        self.settings.keep_layout("splitter", self.splitter.saveState())
        self.details.close_jobs()

    # What is shown

    @property
    def selected(self) -> list[Entry]:
        """The images that are selected."""
        rows = sorted(index.row() for index in self.grid.selectionModel().selectedIndexes())
        return [self.session.images.entry(row) for row in rows]

    def _entry_at(self, index: QModelIndex) -> Entry | None:
        return self.session.images.entry(index.row()) if index.isValid() else None

    def _refresh_soon(self) -> None:
        if not self._refresh_timer.isActive():
            self._refresh_timer.start(REFRESH_MS)

    def _on_model(self) -> None:
        self.details.set_keys(self.labels[:9])
        self.details.forget_heat()
        self.refresh()

    @property
    def _shows_sample(self) -> bool:
        entries = self.session.images.entries
        return len(entries) == 1 and entries[0].path.startswith(str(self._folder)) and not entries[0].is_done

    @property
    def _only_sample(self) -> bool:
        entries = self.session.images.entries
        return len(entries) == 1 and os.path.basename(entries[0].path) == "sample.png" and not entries[0].correction

    def _select_first(self) -> None:
        if not self.grid.currentIndex().isValid() and self.session.images.rowCount():
            self.grid.setCurrentIndex(self.session.images.index(0))
        elif not self.session.images.rowCount():
            self.details.show_entry(None)

    def _select_current(self) -> None:
        """Select what took the place of images that left the group."""
        current = self.grid.currentIndex()
        if current.isValid():
            self.grid.selectionModel().setCurrentIndex(current, _CURRENT)
        else:
            self._select_first()

    def _select_row(self, row: int) -> None:
        index = self.session.images.index(row)
        self.grid.selectionModel().setCurrentIndex(index, _CURRENT)
        self.grid.scrollTo(index)

    def _show_group(self, index: QModelIndex) -> None:
        group = index.data(GROUP_ROLE) if index.isValid() else None
        if group is not None and group != self.session.images.group:
            self.session.images.show_group(group)

    def _mark_group(self) -> None:
        group = self.session.images.group
        row = self.groups.groups.index(group) if group in self.groups.groups else 0
        self.groups_view.setCurrentIndex(self.groups.index(row))

    # Correcting

    def set_label(self, label: str) -> None:
        """Set the label of the selected images, and go to the next one if it is a single one."""
        self._set_label(label)

    def _set_label(self, label: str | None) -> None:
        chosen = self.selected
        if not chosen:
            return
        row = self.grid.currentIndex().row()
        stays = self.session.images.rowCount()
        self.session.set_label(chosen, label)
        is_same_list = self.session.images.rowCount() == stays
        if label is not None and len(chosen) == 1 and is_same_list and row + 1 < stays:
            self._select_row(row + 1)

    def confirm(self) -> None:
        """Set the most probable label of each selected image as the right one."""
        for entry in self.selected:
            if entry.answer is not None:
                self.session.set_label([entry], entry.answer.best.label)

    def other_label(self) -> None:
        """Ask for a label that has no key."""
        if self.selected:
            known = [*self.labels, *sorted(set(self.session.decisions.labels.values()))]
            dialog = LabelDialog(self, self.words, labels=tuple(dict.fromkeys(known)))
            if dialog.exec() and dialog.label:
                self.set_label(dialog.label)

    def next_unsure(self) -> None:
        """Select the next image that is worth a look."""
        row = self.session.images.next_unsure(self.grid.currentIndex().row())
        if row is None:
            self.noticed.emit(self.words("notice.all_sure"), False)
        else:
            self._select_row(row)
            self.grid.setFocus()

    # Images and files

    def add_paths(self, paths: Sequence[str], at: QPoint | None = None) -> None:
        """Add files and folders; the sample image goes."""
        if self._shows_sample or self._only_sample:
            self.session.images.clear()
        self.session.add_paths(paths)

    def open_images(self) -> None:
        """Ask for image files."""
        if paths := ask_for_images(self, self.words, self.settings):
            self.add_paths(paths)

    def open_folder(self) -> None:
        """Ask for a folder."""
        folder = QFileDialog.getExistingDirectory(self, self.words("sort.folder"), self.settings.folder)
        if folder:
            self.settings.folder = folder
            self.add_paths([folder])

    def open_camera(self) -> None:
        """Show the camera."""
        dialog = CameraDialog(self, self.words, folder=self._folder / "camera", opener=self._camera)
        dialog.taken.connect(lambda path: self.add_paths([path]))
        dialog.exec()

    def sort(self) -> None:
        """Ask where to sort the images to, and do it."""
        images = self.session.images
        group = None if images.group == ALL else self.words.group(images.group)
        dialog = SortDialog(self, self.words, folder=self.settings.folder, group=group)
        if dialog.exec():
            shown = [images.entry(row) for row in range(images.rowCount())]
            entries = shown if dialog.only_group.isChecked() else images.entries
            self.session.sort_into(dialog.folder, entries, transfer=dialog.transfer)

    def export_csv(self) -> None:
        """Ask for a file, and write the answers and corrections to it."""
        start = os.path.join(self.settings.folder, "results.csv")
        title = self.words("export_csv").replace("&", "")
        path, _ = QFileDialog.getSaveFileName(self, title, start, "CSV (*.csv)")
        if path:
            self.session.export_csv(path)

    def clear(self) -> None:
        """Take all images off, after a question if corrections are not exported."""
        count, words = self.session.decisions.unsaved_count, self.words
        text = words("clear.text", count=count)
        if not count or confirmed(self, words, words("clear.title"), text, yes="clear.yes", no="cancel"):
            self.session.clear()

    def _recognise_or_stop(self) -> None:
        if self.session.recogniser.is_busy:
            self.session.stop()
        else:
            self.session.recognise()

    def _set_at_once(self, is_on: bool) -> None:
        self.settings.starts_at_once = self.session.starts_at_once = is_on
