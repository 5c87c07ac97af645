"""The tab in which models are taught: classes and images, training, and the models that come of it."""

import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import (
    QFrame,
    QScrollArea,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from edgecls.desktop.classify.model_choice import ModelChoice
from edgecls.desktop.classify.session import Session
from edgecls.desktop.shared.camera_dialog import CameraDialog
from edgecls.desktop.shared.settings import Settings
from edgecls.desktop.shared.tab import Tab, ask_for_images
from edgecls.desktop.shared.thumbnails import Thumbnails
from edgecls.desktop.shared.words import Words
from edgecls.desktop.teach.adding import Addition
from edgecls.desktop.teach.folder import Folder
from edgecls.desktop.teach.images_pane import ImagesPane, Selection
from edgecls.desktop.teach.labels_pane import LabelsPane
from edgecls.desktop.teach.models import Models
from edgecls.desktop.teach.session import TeachSession
from edgecls.desktop.teach.shown import ALIKE, DOUBTFUL, LABEL, Shown
from edgecls.desktop.teach.training_pane import TrainingPane
from edgecls.runtime.video.capture import Opener

__all__ = ["TeachTab"]

_OF_FOLDER = ("open_images", "camera", "select_all", "save_dataset", "rename_label", "remove_label")
_OF_SELECTION = ("keep_label", "suggested_label", "remove_images")
_OF_MODEL = ("save_model", "use_model")


class TeachTab(Tab):
    """Teaches models in a folder.

    Args:
        classifying: What the other tab works on, whose corrections can be added.
        choice: Its model, in whose place a version comes that is put into use.
        settings: What it remembers.
        thumbnails: Of images.
        camera: Opens cameras; None for OpenCV's.
    """

    def __init__(
        self,
        classifying: Session,
        choice: ModelChoice,
        settings: Settings,
        thumbnails: Thumbnails,
        *,
        camera: Opener | None = None,
    ) -> None:
        super().__init__()
        self.words = classifying.words
        self.settings = settings
        self._classifying, self._camera = classifying, camera
        self._photos = tempfile.TemporaryDirectory(prefix="edgecls-photos-", ignore_cleanup_errors=True)
        self.session = TeachSession(self.words)
        self.labels_pane = LabelsPane()
        self.images_pane = ImagesPane(self.words, thumbnails)
        self.training = TrainingPane()
        self.models = Models(self, self.session, classifying, choice, settings, thumbnails, photograph=self._photograph)
        self.folder = Folder(self, self.session, settings)
        self.selection = Selection(self.images_pane, self.session)
        self._lay_out()
        self._connect()

    def _lay_out(self) -> None:
        inner = QWidget()
        column = QVBoxLayout(inner)
        column.setContentsMargins(16, 14, 16, 14)
        column.setSpacing(20)
        for part in (self.training, self.models.versions, self.models.tries):
            column.addWidget(part)
        column.addStretch()
        self.right = QScrollArea()
        self.right.setFrameShape(QFrame.Shape.NoFrame)
        self.right.setWidget(inner)
        self.right.setWidgetResizable(True)
        self.right.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.right.setMinimumWidth(360)
        self.splitter = QSplitter()
        for widget in (self.labels_pane, self.images_pane, self.right):
            self.splitter.addWidget(widget)
        self.splitter.setChildrenCollapsible(False)
        self.splitter.setStretchFactor(1, 1)
        self.splitter.setSizes([230, 620, 390])
        self.splitter.setHandleWidth(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.splitter)
        if (sizes := self.settings.layout("teach_splitter")) is not None:
            self.splitter.restoreState(sizes)

    def _connect(self) -> None:
        session, images = self.session, self.images_pane
        session.noticed.connect(self.noticed)
        session.changed.connect(self.refresh)
        session.listed.connect(lambda: images.show_images(session.images, session.shown))
        session.opened.connect(self._on_opened)
        session.refused.connect(lambda text: self.noticed.emit(text, True))
        self.labels_pane.chosen.connect(session.show)
        self.labels_pane.made.connect(self.folder.make_label)
        images.selection_changed.connect(self.changed)
        for button, call in (
            (self.labels_pane.folder_button, self.folder.ask),
            (self.labels_pane.undo_button, session.undo),
            (images.open_button, self.folder.ask),
            (images.add_button, self.open_images),
            (images.camera_button, self.open_camera),
            (images.rename_button, self.folder.rename_label),
            (images.forget_button, self.folder.remove_label),
            (images.keep_button, self.selection.keep),
            (images.suggested_button, self.selection.relabel),
            (images.remove_button, self.selection.remove),
            (images.stop_button, session.adding.stop),
            (self.training.train_button, session.train),
            (self.training.cancel_button, session.cancel_training),
            (self.training.corrections_button, self.add_corrections),
        ):
            button.clicked.connect(lambda _=False, call=call: call())
        self._classifying.labelled.connect(lambda _: self.refresh())

    # What the window asks

    @property
    def labels(self) -> Sequence[str]:
        """The classes."""
        return self.session.labels

    @property
    def title(self) -> str:
        """The name of the folder."""
        return str(self.session.state.get("name", ""))

    @property
    def unfinished(self) -> Sequence[str]:
        """A training, or images that are being added."""
        reasons = [self.words("leave.training")] if self.session.progress.state == "running" else []
        return reasons + ([self.words("leave.adding")] if self.session.adding.is_busy else [])

    def calls(self) -> dict[str, Callable[..., object]]:
        """Return what the actions call."""
        return {
            "open_images": self.open_images,
            "open_folder": self.folder.ask,
            "camera": self.open_camera,
            "save_model": self.models.save_model,
            "save_dataset": self.models.save_dataset,
            "undo": self.session.undo,
            "select_all": self.images_pane.grid.selectAll,
            "keep_label": self.selection.keep,
            "suggested_label": self.selection.relabel,
            "remove_images": self.selection.remove,
            "rename_label": self.folder.rename_label,
            "remove_label": self.folder.remove_label,
            "train": self.session.train,
            "cancel_training": self.session.cancel_training,
            "use_model": self.models.use,
            "teach_corrections": self.add_corrections,
        }

    def can(self, action: str) -> bool:
        """True if an action can be done now."""
        state, is_running = self.session.state, self.session.progress.state == "running"
        if action == "undo":
            return bool(state.get("undo"))
        if action in _OF_SELECTION:
            needs_doubt = action != "remove_images"
            return bool(self.images_pane.selected) and (not needs_doubt or self.session.shown.kind == DOUBTFUL)
        if action in _OF_MODEL:
            return self.models.number is not None
        return {
            "train": bool(state.get("can_train")) and not is_running,
            "cancel_training": is_running,
            "teach_corrections": bool(state) and bool(self._corrected),
        }.get(action, bool(state) or action not in _OF_FOLDER)

    def text_of(self, action: str) -> str:
        """Return what is called otherwise here."""
        words = self.words
        if action == "undo":
            return self._undo_text
        own = {"open_images": "teach.add_action", "open_folder": "teach.open_action"}
        return words(own[action]) if action in own else ""

    def come_forward(self) -> None:
        """Take the focus, and open the folder that was open last."""
        self.folder.open_last()
        self.refresh()
        (self.images_pane.grid if self.session.state else self.images_pane.open_button).setFocus()

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802  Qt's name
        """Look at the folder now and then."""
        self.session.watch(True)

    def hideEvent(self, event: QHideEvent) -> None:  # noqa: N802  Qt's name
        """Look at the folder no more."""
        self.session.watch(False)

    def refresh(self) -> None:
        """Show how things are."""
        session, words, state = self.session, self.words, self.session.state
        shown = session.shown
        self.labels_pane.folder_button.set_whole_text(
            words("teach.folder", name=state["name"]) if state else words("teach.open")
        )
        self.labels_pane.undo_button.set_whole_text(self._undo_text)
        self.labels_pane.undo_button.setEnabled(bool(state.get("undo")))
        for widget in (self.labels_pane.edit, self.labels_pane.make_button):
            widget.setEnabled(bool(state))
        self.labels_pane.show_state(state, shown, words)
        images, is_label = self.images_pane, shown.kind == LABEL
        images.title.setText(
            {DOUBTFUL: words("teach.doubtful"), ALIKE: words("teach.alike")}.get(shown.kind, shown.label)
        )
        images.help.setText(
            {DOUBTFUL: words("teach.review_hint"), ALIKE: words("teach.alike_hint")}.get(shown.kind, "")
        )
        images.help.setVisible(not is_label)
        for button in (images.add_button, images.camera_button, images.rename_button, images.forget_button):
            button.setVisible(is_label and bool(shown.label))
        images.show_labels(session.labels, shown.label if is_label else "")
        images.show_empty(self._empty_text(), asks_for_folder=not state and not session.is_opening)
        images.adding_row.setVisible(session.adding.is_busy)
        images.adding_text.setText(words("teach.adding", count=session.adding.left))
        self.training.show_state(state, session.progress, len(self._corrected), words)
        self.training.setVisible(bool(state))
        self.models.versions.show_state(state, words)
        self.models.tries.setVisible(bool(state.get("versions")))
        self.models.tries.show_labels(session.labels)
        self.changed.emit()

    def retranslate(self, words: Words) -> None:
        """Show everything in a language."""
        self.words = self.session.words = words
        self.labels_pane.retranslate(words)
        self.images_pane.retranslate(words)
        self.models.tries.retranslate(words)
        self.refresh()

    def close_jobs(self) -> None:
        """End the threads, and let go of the folder."""
        self.settings.keep_layout("teach_splitter", self.splitter.saveState())
        self.models.trying.close()
        self.session.close()
        self._photos.cleanup()

    def _empty_text(self) -> str:
        session, words = self.session, self.words
        if not session.state:
            return words("teach.opening" if session.is_opening else "teach.no_folder")
        if not session.labels:
            return words("teach.no_labels")
        if session.images or session.shown.kind != LABEL:
            return ""
        return words("teach.no_images", label=session.shown.label)

    @property
    def _undo_text(self) -> str:
        undo = self.session.state.get("undo")
        if not undo:
            return self.words("teach.undo_none")
        what = self.words(
            f"teach.undo_{undo['kind']}", count=undo["images"], label=undo["label"], version=undo["version"]
        )
        return self.words("teach.undo", what=what)

    def set_label(self, label: str) -> None:
        """Choose a class; in a review, give the selected images this label."""
        if self.session.shown.kind != LABEL and self.images_pane.selected:
            self.selection.move(label)
        else:
            self.session.show(Shown(LABEL, label))

    # Images

    def add_paths(self, paths: Sequence[str], at: QPoint | None = None) -> None:
        """Add files and folders to the class that is shown, or on which they were dropped; try those dropped there."""
        session = self.session
        if session.teaching is None:
            if len(paths) == 1 and os.path.isdir(paths[0]):
                self.folder.open(paths[0])
            else:
                self.noticed.emit(self.words("teach.no_folder"), True)
            return
        if (
            at is not None
            and self.models.number is not None
            and self.models.tries.rect().contains(self._in(self.models.tries, at))
        ):
            self.models.try_paths(paths)
            return
        label = None if at is None else self.labels_pane.label_at(self._in(self.labels_pane, at))
        label = label or (session.shown.label if session.shown.kind == LABEL else "")
        if not label:
            self.noticed.emit(self.words("teach.label_first"), True)
            self.labels_pane.edit.setFocus()
            return
        session.add([Addition(path, label) for path in paths])

    def open_images(self) -> None:
        """Ask for images of the class that is shown."""
        if paths := ask_for_images(self, self.words, self.settings):
            self.add_paths(paths)

    def open_camera(self) -> None:
        """Take photos for the class that is shown: one with each click, or a series while the button is held."""
        label, batch = self.session.shown.label, os.urandom(8).hex()
        if self.session.shown.kind != LABEL or not label:
            self.noticed.emit(self.words("teach.label_first"), True)
            return
        self._photograph(lambda path: self.session.add([Addition(path, label)], batch=batch))

    def add_corrections(self) -> None:
        """Add the images that were corrected in the other tab, with their right labels."""
        self.session.add(self._corrected)

    @property
    def _corrected(self) -> list[Addition]:
        return [
            Addition(entry.path, entry.correction, (entry.answer.best.label, entry.answer.best.probability))
            for entry in self._classifying.images.entries
            if entry.correction is not None and entry.answer is not None
        ]

    def _photograph(self, take: Callable[[str], object]) -> None:
        dialog = CameraDialog(self, self.words, folder=Path(self._photos.name), opener=self._camera, takes_series=True)
        dialog.taken.connect(take)
        dialog.exec()

    def _on_opened(self) -> None:
        if self.isVisible():
            (self.images_pane.grid if self.session.labels else self.labels_pane.edit).setFocus()

    def _in(self, widget: QWidget, place: QPoint) -> QPoint:
        return widget.mapFrom(self, place)
