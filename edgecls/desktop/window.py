"""The window: the groups on the left, the grid of images, and the details of one on the right."""

import contextlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import QItemSelectionModel, QModelIndex, Qt, QTimer
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent, QGuiApplication
from PySide6.QtWidgets import QApplication, QFileDialog, QLabel, QMainWindow, QSplitter, QVBoxLayout, QWidget

from edgecls.bundled_model import BUNDLED_MODEL
from edgecls.desktop.actions import KEYED_LABELS, Actions
from edgecls.desktop.camera_dialog import CameraDialog
from edgecls.desktop.detail_pane import DetailPane
from edgecls.desktop.dialogs import LabelDialog, SortDialog, confirmed
from edgecls.desktop.entries import ALL, Entry
from edgecls.desktop.grid import GROUP_ROLE, THUMBNAIL_SIDE, Grid, GroupList, GroupsView
from edgecls.desktop.parts import NoticeBar, StatusBar, TopBar
from edgecls.desktop.session import Session
from edgecls.desktop.settings import Scheme, Settings
from edgecls.desktop.theme import apply_scheme
from edgecls.desktop.thumbnails import Thumbnails
from edgecls.desktop.words import Language, Words
from edgecls.errors import OutputError
from edgecls.image_files import IMAGE_SUFFIXES
from edgecls.runtime.execution.providers import Provider, installed_providers
from edgecls.runtime.video.capture import Opener

__all__ = ["Window"]

REFRESH_MS = 100  # answers may come faster than labels need to be written anew
_CURRENT = QItemSelectionModel.SelectionFlag.ClearAndSelect
_OPEN_MODEL = "open"


class Window(QMainWindow):
    """The main window.

    Args:
        session: What it works on; closed with the window.
        settings: What it remembers.
        folder: Where photos and pasted images are kept.
        model: The model file to begin with; None for the one that comes with edgecls.
        provider: What to run on; None for what was chosen last.
        camera: Opens cameras; None for OpenCV's.
    """

    def __init__(
        self,
        session: Session,
        settings: Settings,
        *,
        folder: Path,
        model: Path | None = None,
        provider: str | None = None,
        camera: Opener | None = None,
    ) -> None:
        super().__init__()
        self.session, self.settings = session, settings
        self.words = session.words
        self._folder, self._camera = folder, camera
        self._model = str(model or "")
        self._provider = provider or settings.provider
        self._in_use: tuple[str, str] | None = None  # model and provider that were opened last
        self._is_leaving = False
        ratio = max((screen.devicePixelRatio() for screen in QGuiApplication.screens()), default=1.0)
        self.thumbnails = Thumbnails(round(THUMBNAIL_SIDE * ratio))
        self.grid = Grid(session.images, self.thumbnails)
        self.groups = GroupList(session.images)
        self.groups_view = GroupsView(self.groups)
        self.details = DetailPane(self.words, lambda: session.recogniser.classifier)
        self.top, self.notice = TopBar(), NoticeBar()
        self.hint = QLabel(alignment=Qt.AlignmentFlag.AlignCenter)
        self.hint.setObjectName("hint")
        self.status = StatusBar(session, lambda: len(self.selected))
        self.actions_ = Actions(
            self,
            self._calls(),
            set_label=self.set_label,
            set_language=self.set_language,
            set_scheme=lambda name: self.set_scheme(Scheme(name)),
        )
        self._lay_out()
        self._connect()
        self.actions_["at_once"].setChecked(settings.starts_at_once)
        session.starts_at_once = settings.starts_at_once
        self.actions_.schemes[settings.scheme.value].setChecked(True)
        self.set_language(self.words.language, is_chosen=False)
        self._open_model(self._model)
        self.grid.setFocus()

    # Layout

    def _lay_out(self) -> None:
        self.addToolBar(self.top)
        middle = QWidget()
        column = QVBoxLayout(middle)
        column.setContentsMargins(12, 8, 0, 0)
        column.addWidget(self.hint)
        column.addWidget(self.grid, 1)
        self.splitter = QSplitter()
        for part in (self.groups_view, middle, self.details):
            self.splitter.addWidget(part)
        self.splitter.setChildrenCollapsible(False)
        self.splitter.setStretchFactor(1, 1)
        self.splitter.setSizes([190, 700, 350])
        self.splitter.setHandleWidth(1)
        whole = QWidget()
        column = QVBoxLayout(whole)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.notice)
        column.addWidget(self.splitter, 1)
        self.setCentralWidget(whole)
        self.setStatusBar(self.status)
        self.setAcceptDrops(True)
        self.resize(1240, 800)
        if (geometry := self.settings.layout("window")) is not None:
            self.restoreGeometry(geometry)
        if (sizes := self.settings.layout("splitter")) is not None:
            self.splitter.restoreState(sizes)

    def _connect(self) -> None:
        session = self.session
        self._refresh_timer = QTimer(self)
        self._refresh_timer.setSingleShot(True)
        self._refresh_timer.timeout.connect(self._refresh)
        session.changed.connect(self._refresh_soon)
        session.noticed.connect(self.notice.show_notice)
        session.labelled.connect(lambda _: self._refresh())
        session.recogniser.opened.connect(lambda _: self._on_model())
        session.recogniser.failed.connect(lambda _: self._on_fault())
        session.recogniser.answered.connect(lambda _: self._refresh_soon())
        selection = self.grid.selectionModel()
        selection.currentChanged.connect(lambda current, _: self.details.show_entry(self._entry_at(current)))
        session.images.modelReset.connect(self._select_first)
        session.images.rowsInserted.connect(lambda *_: self._select_first())
        session.images.rowsRemoved.connect(lambda *_: self._select_current())
        self.groups_view.selectionModel().currentChanged.connect(lambda current, _: self._show_group(current))
        self.groups.modelReset.connect(self._mark_group)
        self.details.unsure_button.clicked.connect(self.next_unsure)
        self.details.heat_button.toggled.connect(self.actions_["heat"].setChecked)
        self.top.images_button.clicked.connect(self.open_images)
        self.top.folder_button.clicked.connect(self.open_folder)
        self.top.camera_button.clicked.connect(self.open_camera)
        self.top.recognise_button.clicked.connect(self._recognise_or_stop)
        self.top.sort_button.clicked.connect(self.sort)
        self.top.export_button.clicked.connect(self.export_csv)
        self.top.model_box.activated.connect(lambda _: self._choose_model())
        self.top.provider_box.activated.connect(lambda _: self._choose_provider())

    def _calls(self) -> dict[str, Callable[..., object]]:
        return {
            "open_images": self.open_images,
            "open_folder": self.open_folder,
            "open_model": self.open_model,
            "camera": self.open_camera,
            "sort": self.sort,
            "export_csv": self.export_csv,
            "export_xmp": self.session.export_keywords,
            "clear": self.clear,
            "quit": self.close,
            "undo": self.session.undo,
            "redo": self.session.redo,
            "paste": self.paste,
            "select_all": self.grid.selectAll,
            "at_once": self._set_at_once,
            "confirm": self.confirm,
            "other_label": self.other_label,
            "no_label": lambda: self.set_label(None),
            "next_unsure": self.next_unsure,
            "heat": lambda is_on: self.details.heat_button.setChecked(is_on),
        }

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

    def _refresh(self) -> None:
        session, words = self.session, self.words
        if self._is_leaving:
            return
        self.status.refresh(words)
        self.details.refresh()
        is_busy, is_ready = session.recogniser.is_busy, session.recogniser.classifier is not None
        self.top.recognise_button.setText(words("stop" if is_busy else "recognise"))
        has_waiting = session.images.counts[ALL] > 0 and (is_busy or bool(session.waiting))
        self.top.recognise_button.setEnabled(is_ready and not session.recogniser.is_loading and has_waiting)
        actions = self.actions_
        actions["undo"].setEnabled(session.decisions.next_undo is not None)
        actions["redo"].setEnabled(session.decisions.next_redo is not None)
        has_images = bool(session.images.entries)
        for name in ("sort", "export_csv", "export_xmp", "clear", "next_unsure"):
            actions[name].setEnabled(has_images)
        self.top.sort_button.setEnabled(has_images)
        self.top.export_button.setEnabled(has_images)
        classifier = session.recogniser.classifier
        parts = [words("status.images", count=len(session.images.entries))] if has_images else []
        parts += [classifier.card.name] if classifier is not None else []
        self.setWindowTitle(f"{' · '.join(parts)} – edgecls" if parts else "edgecls")
        self.hint.setVisible(not has_images or self._shows_sample)
        self.hint.setText(words("sample") if self._shows_sample else words("hint"))

    @property
    def _shows_sample(self) -> bool:
        entries = self.session.images.entries
        return len(entries) == 1 and entries[0].path.startswith(str(self._folder)) and not entries[0].is_done

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

    def set_label(self, label: str | None) -> None:
        """Set the label of the selected images, and go to the next one if it is a single one."""
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
            dialog = LabelDialog(self, self.words, labels=self._labels)
            if dialog.exec() and dialog.label:
                self.set_label(dialog.label)

    def next_unsure(self) -> None:
        """Select the next image that is worth a look."""
        row = self.session.images.next_unsure(self.grid.currentIndex().row())
        if row is None:
            self.notice.show_notice(self.words("notice.all_sure"), False)
        else:
            self._select_row(row)
            self.grid.setFocus()

    @property
    def _labels(self) -> Sequence[str]:
        classifier = self.session.recogniser.classifier
        own = () if classifier is None else classifier.labels
        return tuple(dict.fromkeys([*own, *sorted(set(self.session.decisions.labels.values()))]))

    # Images and files

    def add_paths(self, paths: Sequence[str]) -> None:
        """Add files and folders; the sample image goes."""
        if self._shows_sample or self._only_sample:
            self.session.images.clear()
        self.session.add_paths(paths)

    @property
    def _only_sample(self) -> bool:
        entries = self.session.images.entries
        return len(entries) == 1 and os.path.basename(entries[0].path) == "sample.png" and not entries[0].correction

    def open_images(self) -> None:
        """Ask for image files."""
        suffixes = " ".join(f"*{suffix}" for suffix in sorted(IMAGE_SUFFIXES))
        filters = f"{self.words('filter.images')} ({suffixes});;{self.words('filter.all')} (*)"
        title = self.words("filter.images")
        paths, _ = QFileDialog.getOpenFileNames(self, title, self.settings.folder, filters)
        if paths:
            self.settings.folder = os.path.dirname(paths[0])
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

    def paste(self) -> None:
        """Add files or an image from the clipboard."""
        content = QGuiApplication.clipboard().mimeData()
        if content is not None and content.hasUrls():
            self._add_urls([url.toLocalFile() for url in content.urls()])
        elif content is not None and content.hasImage():
            folder = self._folder / "pasted"
            folder.mkdir(parents=True, exist_ok=True)
            path = folder / f"{os.urandom(6).hex()}.png"
            if QGuiApplication.clipboard().image().save(str(path)):
                self.add_paths([str(path)])

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

    def _add_urls(self, paths: Sequence[str]) -> None:
        local = [path for path in paths if path]
        if len(local) < len(paths):
            self.notice.show_notice(self.words("notice.not_local"), True)
        if local:
            self.add_paths(local)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:  # noqa: N802  Qt's name
        """Take files."""
        if event.mimeData().hasUrls():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:  # noqa: N802  Qt's name
        """Add the files that were dropped."""
        event.acceptProposedAction()
        self._add_urls([url.toLocalFile() for url in event.mimeData().urls()])

    def _recognise_or_stop(self) -> None:
        if self.session.recogniser.is_busy:
            self.session.stop()
        else:
            self.session.recognise()

    # Model, language, appearance

    def open_model(self) -> None:
        """Ask for a model file."""
        title, filters = self.words("model"), f"{self.words('filter.models')} (*.onnx)"
        path, _ = QFileDialog.getOpenFileName(self, title, os.path.dirname(self._model), filters)
        if path:
            self._open_model(path)
        else:
            self._show_choices()

    def _choose_model(self) -> None:
        value = self.top.model_box.currentData()
        if value == _OPEN_MODEL:
            self.open_model()
        elif value != self._model:
            self._open_model(value)

    def _choose_provider(self) -> None:
        self._provider = self.settings.provider = self.top.provider_box.currentData()
        self._open_model(self._model)

    def _open_model(self, path: str) -> None:
        self._model = path
        provider = Provider(self._provider) if self._provider in list(Provider) else Provider.AUTO
        self.session.open_model(Path(path) if path else BUNDLED_MODEL, provider)
        self._show_choices()

    def _on_model(self) -> None:
        classifier = self.session.recogniser.classifier
        if classifier is not None:
            self.actions_.show_labels(classifier.labels)
            self.details.set_keys(classifier.labels[:KEYED_LABELS])
            self.details.forget_heat()
            self.settings.use_model(self._model)
            self._in_use = (self._model, self._provider)
        self._show_choices()
        self._refresh()

    def _on_fault(self) -> None:
        """Go back to the choice that works, if there is one: its model is still open."""
        if self._in_use is not None:
            is_kept = self._provider == self.settings.provider
            self._model, self._provider = self._in_use
            if is_kept:
                self.settings.provider = self._provider
        self._show_choices()
        self._refresh()

    def _show_choices(self) -> None:
        paths = dict.fromkeys(([self._model] if self._model else []) + self.settings.recent_models)
        models = [("", self.words("bundled_model", name="flowers")), *((path, Path(path).stem) for path in paths)]
        models.append((_OPEN_MODEL, self.words("open_model")))
        providers = [("auto", self.words("provider.auto"))]
        if self.session.recogniser.classifier is not None:  # or else onnxruntime may be missing, which is said
            providers += [(one.value, one.value) for one in installed_providers()]
        if self._provider not in dict(providers):
            providers.append((self._provider, self._provider))
        self.top.show_choices(models, self._model, providers, self._provider)

    def set_language(self, language: Language, *, is_chosen: bool = True) -> None:
        """Show everything in a language."""
        if is_chosen:
            self.settings.language = language
        words = self.words = self.session.words = self.session.images.words = Words(language)
        self.actions_.languages[language.value].setChecked(True)
        self.actions_.retranslate(words)
        self.top.retranslate(words)
        self.notice.button.setText(words("dismiss"))
        self.details.retranslate(words)
        self.groups_view.setAccessibleName(words("groups"))
        self.grid.setAccessibleName(words("images"))
        self.groups.refresh_words()
        self.session.images.refresh_all()
        self._show_choices()
        self._refresh()

    def set_scheme(self, scheme: Scheme) -> None:
        """Show everything light, dark, or as the system has it."""
        self.settings.scheme = scheme
        app = QApplication.instance()
        if isinstance(app, QApplication):
            apply_scheme(app, scheme)

    def _set_at_once(self, is_on: bool) -> None:
        self.settings.starts_at_once = self.session.starts_at_once = is_on

    # Leaving

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802  Qt's name
        """Ask first, if work goes on or corrections are not exported."""
        session, words = self.session, self.words
        count = session.decisions.unsaved_count
        reasons = [words("leave.working")] if session.is_working else []
        reasons += [words("leave.unsaved", count=count)] if count else []
        if reasons and not confirmed(
            self, words, words("leave.title"), " ".join(reasons), yes="leave.yes", no="leave.no"
        ):
            event.ignore()
            return
        self._is_leaving = True
        self.settings.keep_layout("window", self.saveGeometry())
        self.settings.keep_layout("splitter", self.splitter.saveState())
        self.settings.sync()
        self.thumbnails.close()
        self.details.close_jobs()
        with contextlib.suppress(OutputError):  # only the note that the window was closed would be missing
            session.close()
        event.accept()
