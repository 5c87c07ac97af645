"""The tab in which models are taught: classes and images, training, and the models that come of it."""

import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import (
    QFileDialog,
    QFrame,
    QInputDialog,
    QScrollArea,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from edgecls.desktop.classify.model_choice import ModelChoice
from edgecls.desktop.classify.session import Session
from edgecls.desktop.shared.camera_dialog import CameraDialog
from edgecls.desktop.shared.dialogs import confirmed
from edgecls.desktop.shared.settings import Settings
from edgecls.desktop.shared.tab import Tab, ask_for_images
from edgecls.desktop.shared.thumbnails import Thumbnails
from edgecls.desktop.shared.words import Words
from edgecls.desktop.teach.adding import Addition
from edgecls.desktop.teach.images_pane import ImagesPane
from edgecls.desktop.teach.labels_pane import LabelsPane
from edgecls.desktop.teach.session import TeachSession
from edgecls.desktop.teach.shown import ALIKE, DOUBTFUL, LABEL, Shown
from edgecls.desktop.teach.training_pane import TrainingPane
from edgecls.desktop.teach.tries_pane import TriesPane
from edgecls.desktop.teach.trying import Trial, Trying
from edgecls.desktop.teach.versions_pane import VersionsPane
from edgecls.runtime.classifier import Classifier
from edgecls.runtime.execution.providers import Provider
from edgecls.runtime.video.capture import Opener
from edgecls.teaching.teaching import Teaching
from edgecls.teaching.versions import Version, model_title

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
        self._classifying, self._choice, self._camera = classifying, choice, camera
        self._photos = tempfile.TemporaryDirectory(prefix="edgecls-photos-", ignore_cleanup_errors=True)
        self._before: str | None = None  # the model of the other tab before a version was first put into use
        self.session = TeachSession(self.words)
        self.trying = Trying(self.session, self._current, self._provider)
        self.labels_pane = LabelsPane()
        self.images_pane = ImagesPane(self.words, thumbnails)
        self.training = TrainingPane()
        self.versions = VersionsPane()
        self.tries = TriesPane(self.words, thumbnails)
        self._lay_out()
        self._connect()

    def _lay_out(self) -> None:
        inner = QWidget()
        column = QVBoxLayout(inner)
        column.setContentsMargins(16, 14, 16, 14)
        column.setSpacing(20)
        for part in (self.training, self.versions, self.tries):
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
        session.doubted.connect(self._ask_about)
        session.refused.connect(lambda text: self.noticed.emit(text, True))
        session.used.connect(self._on_used)
        self.trying.tried.connect(self.tries.add)
        self.tries.corrected.connect(self._correct)
        self.labels_pane.chosen.connect(session.show)
        self.labels_pane.made.connect(self.make_label)
        images.moved.connect(self._move_selected)
        images.selection_changed.connect(self.changed)
        for button, call in (
            (self.labels_pane.folder_button, self.open_folder),
            (self.labels_pane.undo_button, session.undo),
            (images.open_button, self.open_folder),
            (images.add_button, self.open_images),
            (images.camera_button, self.open_camera),
            (images.rename_button, self.rename_label),
            (images.forget_button, self.remove_label),
            (images.keep_button, self.keep_selected),
            (images.suggested_button, self.relabel_selected),
            (images.remove_button, self.remove_selected),
            (images.stop_button, session.adding.stop),
            (self.training.train_button, session.train),
            (self.training.cancel_button, session.cancel_training),
            (self.training.corrections_button, self.add_corrections),
            (self.versions.use_button, self.use),
            (self.versions.model_button, self.save_model),
            (self.versions.zip_button, self.save_dataset),
            (self.tries.images_button, self.choose_tries),
            (self.tries.camera_button, self.try_camera),
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
            "open_folder": self.open_folder,
            "camera": self.open_camera,
            "save_model": self.save_model,
            "save_dataset": self.save_dataset,
            "undo": self.session.undo,
            "select_all": self.images_pane.grid.selectAll,
            "keep_label": self.keep_selected,
            "suggested_label": self.relabel_selected,
            "remove_images": self.remove_selected,
            "rename_label": self.rename_label,
            "remove_label": self.remove_label,
            "train": self.session.train,
            "cancel_training": self.session.cancel_training,
            "use_model": self.use,
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
            return self.versions.number is not None
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
        last = self.settings.teach_folder
        if self.session.teaching is None and not self.session.is_opening and last and os.path.isdir(last):
            self.session.open(last)
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
        self.versions.show_state(state, words)
        self.tries.setVisible(bool(state.get("versions")))
        self.tries.show_labels(session.labels)
        self.changed.emit()

    def retranslate(self, words: Words) -> None:
        """Show everything in a language."""
        self.words = self.session.words = words
        self.labels_pane.retranslate(words)
        self.images_pane.retranslate(words)
        self.tries.retranslate(words)
        self.refresh()

    def close_jobs(self) -> None:
        """End the threads, and let go of the folder."""
        self.settings.keep_layout("teach_splitter", self.splitter.saveState())
        self.trying.close()
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

    # The folder and its classes

    def open_folder(self) -> None:
        """Ask for a folder, and open it."""
        start = self.settings.teach_folder or self.settings.folder
        folder = QFileDialog.getExistingDirectory(self, self.words("teach.open").rstrip("…"), start)
        if folder:
            self.open(folder)

    def open(self, folder: str) -> None:
        """Open a folder, after a question if a training would end."""
        words = self.words
        if self.session.progress.state != "running" or confirmed(
            self, words, words("teach.cancel_title"), words("teach.cancel_text"), yes="teach.cancel_yes", no="cancel"
        ):
            self.session.open(folder)

    def _ask_about(self, folder: str) -> None:
        """Ask whether to teach in a folder that does not look like it."""
        words, name = self.words, os.path.basename(folder) or folder
        title = words("teach.foreign_title", name=name)
        if confirmed(self, words, title, words("teach.foreign"), yes="teach.foreign_yes", no="cancel"):
            self.session.open(folder, is_sure=True)

    def make_label(self, label: str) -> None:
        """Make a class, and show it."""
        self.session.do(lambda teaching: teaching.add_label(label), lambda made: self.session.show(Shown(LABEL, made)))

    def rename_label(self) -> None:
        """Ask for another name of the class that is shown."""
        label, words = self.session.shown.label, self.words
        if self.session.shown.kind != LABEL or not label:
            return
        text, is_given = QInputDialog.getText(
            self, words("teach.rename_title"), words("teach.rename_text", label=label), text=label
        )
        if is_given and text.strip():
            self.session.do(
                lambda teaching: teaching.rename_label(label, text), lambda made: self.session.show(Shown(LABEL, made))
            )

    def remove_label(self) -> None:
        """Take the class that is shown out, with its images; undo brings them back."""
        label = self.session.shown.label
        if self.session.shown.kind == LABEL and label:
            self.session.do(lambda teaching: teaching.remove_label(label))

    def set_label(self, label: str) -> None:
        """Choose a class; in a review, give the selected images this label."""
        if self.session.shown.kind != LABEL and self.images_pane.selected:
            self._move_selected(label)
        else:
            self.session.show(Shown(LABEL, label))

    # Images

    def add_paths(self, paths: Sequence[str], at: QPoint | None = None) -> None:
        """Add files and folders to the class that is shown, or on which they were dropped; try those dropped there."""
        session = self.session
        if session.teaching is None:
            if len(paths) == 1 and os.path.isdir(paths[0]):
                self.open(paths[0])
            else:
                self.noticed.emit(self.words("teach.no_folder"), True)
            return
        if at is not None and self.versions.number is not None and self.tries.rect().contains(self._in(self.tries, at)):
            self.try_paths(paths)
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

    def keep_selected(self) -> None:
        """Doubt the labels of the selected images no longer."""
        self._each_selected(lambda teaching, image: teaching.keep_label(image))

    def remove_selected(self) -> None:
        """Take the selected images out."""
        self._each_selected(lambda teaching, image: teaching.remove_image(image))

    def relabel_selected(self) -> None:
        """Give each of the selected images the label that is suggested for it."""
        suggested = {image.image: image.suggested for image in self.images_pane.selected if image.suggested}
        self._each_selected(lambda teaching, image: teaching.move_image(image, suggested[image]), only=suggested)

    def add_corrections(self) -> None:
        """Add the images that were corrected in the other tab, with their right labels."""
        self.session.add(self._corrected)

    def _move_selected(self, label: str) -> None:
        self._each_selected(lambda teaching, image: teaching.move_image(image, label))

    def _each_selected(
        self, step: Callable[[Teaching, str], object], *, only: Sequence[str] | dict[str, str] | None = None
    ) -> None:
        images = [image.image for image in self.images_pane.selected if only is None or image.image in only]

        def work(teaching: Teaching) -> None:
            for image in images:
                step(teaching, image)

        if images:
            self.session.do(work)

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

    # Models

    def use(self) -> None:
        """Put the version that is chosen into use."""
        if self.versions.number is not None:
            self.trying.use(self.versions.number)

    def save_model(self) -> None:
        """Ask for a file, and write the version that is chosen to it."""
        number = self.versions.number
        if number is not None:
            name = f"{self.session.state['name']}-{number}.onnx"
            if path := self._ask_where("teach.model_title", name, f"{self.words('filter.models')} (*.onnx)"):
                self.session.save_model(number, path)

    def save_dataset(self) -> None:
        """Ask for a file, and write all images to it."""
        if self.session.state:
            name = f"{self.session.state['name']}.zip"
            if path := self._ask_where("teach.zip_title", name, f"{self.words('filter.zip')} (*.zip)"):
                self.session.save_dataset(path)

    def choose_tries(self) -> None:
        """Ask for images to try the version on that is chosen."""
        if paths := ask_for_images(self, self.words, self.settings):
            self.try_paths(paths)

    def try_camera(self) -> None:
        """Try the version on photos from the camera."""
        self._photograph(lambda path: self.try_paths([path]))

    def try_paths(self, paths: Sequence[str]) -> None:
        """Try the version that is chosen on images."""
        if self.versions.number is not None:
            self.trying.try_images(paths, self.versions.number)

    def _correct(self, trial: Trial, label: str) -> None:
        best = None if trial.answer is None else (trial.answer.best.label, trial.answer.best.probability)
        self.session.add([Addition(trial.path, label, best)])
        self.tries.show_kept(trial, label)

    def _current(self) -> tuple[Classifier, str] | None:
        classifier = self._classifying.recogniser.classifier
        name = model_title(self._choice.path) if self._choice.path else None
        return None if classifier is None else (classifier, name or classifier.card.name)

    def _provider(self) -> Provider:
        return Provider(self._choice.provider) if self._choice.provider in list(Provider) else Provider.AUTO

    def _on_opened(self) -> None:
        if self.session.teaching is not None:
            self.settings.teach_folder = str(self.session.teaching.root)
        self._before = None
        self.tries.clear()
        if self.isVisible():
            (self.images_pane.grid if self.session.labels else self.labels_pane.edit).setFocus()

    def _on_used(self, version: Version | None) -> None:
        """Have the other tab classify with the version in use, or with what it had before there was one."""
        if version is None:
            self._choice.open(self._before or "")
            self.noticed.emit(self.words("teach.unused"), False)
            return
        if self._before is None:
            self._before = self._choice.path
        self._choice.open(str(version.model))
        self.noticed.emit(self.words("teach.used", number=version.number), False)

    def _ask_where(self, title: str, name: str, filters: str) -> str:
        start = os.path.join(self.settings.folder, name)
        path, _ = QFileDialog.getSaveFileName(self, self.words(title), start, filters)
        if path:
            self.settings.folder = os.path.dirname(path)
        return path

    def _in(self, widget: QWidget, place: QPoint) -> QPoint:
        return widget.mapFrom(self, place)
