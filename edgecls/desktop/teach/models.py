"""The models of the tab: which is chosen, what it answers beside the one before, using and saving it."""

import os
from collections.abc import Callable, Sequence

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QFileDialog, QWidget

from edgecls.desktop.classify.model_choice import ModelChoice
from edgecls.desktop.classify.session import Session
from edgecls.desktop.shared.settings import Settings
from edgecls.desktop.shared.tab import ask_for_images
from edgecls.desktop.shared.thumbnails import Thumbnails
from edgecls.desktop.teach.adding import Addition
from edgecls.desktop.teach.session import TeachSession
from edgecls.desktop.teach.tries_pane import TriesPane
from edgecls.desktop.teach.trying import Trial, Trying
from edgecls.desktop.teach.versions_pane import VersionsPane
from edgecls.runtime.classifier import Classifier
from edgecls.runtime.execution.providers import Provider
from edgecls.teaching.versions import Version, model_title

__all__ = ["Models"]


class Models(QObject):
    """Leads from the versions of a folder to the other tab, to files, and to images that they are tried on.

    Args:
        parent: Whose dialogs ask.
        session: The folder.
        classifying: What the other tab works on.
        choice: Its model, in whose place a version comes that is put into use.
        settings: Remember where files are.
        thumbnails: Of images.
        photograph: Shows the camera, and calls with the path of each photo.

    Attributes:
        versions: Shows the versions.
        tries: Shows what was tried.
        trying: Runs versions.
    """

    def __init__(
        self,
        parent: QWidget,
        session: TeachSession,
        classifying: Session,
        choice: ModelChoice,
        settings: Settings,
        thumbnails: Thumbnails,
        *,
        photograph: Callable[[Callable[[str], object]], None],
    ) -> None:
        super().__init__(parent)
        self._widget, self._session, self._classifying = parent, session, classifying
        self._choice, self._settings, self._photograph = choice, settings, photograph
        self._before: str | None = None  # the model of the other tab before a version was first put into use
        self.trying = Trying(session, self._current, self._provider)
        self.versions = VersionsPane()
        self.tries = TriesPane(session.words, thumbnails)
        session.opened.connect(self._on_opened)
        session.used.connect(self._on_used)
        self.trying.tried.connect(self.tries.add)
        self.tries.corrected.connect(self._correct)
        for button, call in (
            (self.versions.use_button, self.use),
            (self.versions.model_button, self.save_model),
            (self.versions.zip_button, self.save_dataset),
            (self.tries.images_button, self.choose_tries),
            (self.tries.camera_button, self.try_camera),
        ):
            button.clicked.connect(lambda _=False, call=call: call())

    @property
    def number(self) -> int | None:
        """The version that is chosen; None if there is none."""
        return self.versions.number

    def use(self) -> None:
        """Put the version that is chosen into use."""
        if self.versions.number is not None:
            self.trying.use(self.versions.number)

    def save_model(self) -> None:
        """Ask for a file, and write the version that is chosen to it."""
        number = self.versions.number
        if number is not None:
            name = f"{self._session.state['name']}-{number}.onnx"
            if path := self._ask_where("teach.model_title", name, f"{self._session.words('filter.models')} (*.onnx)"):
                self._session.save_model(number, path)

    def save_dataset(self) -> None:
        """Ask for a file, and write all images to it."""
        if self._session.state:
            name = f"{self._session.state['name']}.zip"
            if path := self._ask_where("teach.zip_title", name, f"{self._session.words('filter.zip')} (*.zip)"):
                self._session.save_dataset(path)

    def choose_tries(self) -> None:
        """Ask for images to try the version on that is chosen."""
        if paths := ask_for_images(self._widget, self._session.words, self._settings):
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
        self._session.add([Addition(trial.path, label, best)])
        self.tries.show_kept(trial, label)

    def _current(self) -> tuple[Classifier, str] | None:
        classifier = self._classifying.recogniser.classifier
        name = model_title(self._choice.path) if self._choice.path else None
        return None if classifier is None else (classifier, name or classifier.card.name)

    def _provider(self) -> Provider:
        return Provider(self._choice.provider) if self._choice.provider in list(Provider) else Provider.AUTO

    def _on_opened(self) -> None:
        self._before = None
        self.tries.clear()

    def _on_used(self, version: Version | None) -> None:
        """Have the other tab classify with the version in use, or with what it had before there was one."""
        if version is None:
            self._choice.open(self._before or "")
            self._session.noticed.emit(self._session.words("teach.unused"), False)
            return
        if self._before is None:
            self._before = self._choice.path
        self._choice.open(str(version.model))
        self._session.noticed.emit(self._session.words("teach.used", number=version.number), False)

    def _ask_where(self, title: str, name: str, filters: str) -> str:
        start = os.path.join(self._settings.folder, name)
        path, _ = QFileDialog.getSaveFileName(self._widget, self._session.words(title), start, filters)
        if path:
            self._settings.folder = os.path.dirname(path)
        return path
