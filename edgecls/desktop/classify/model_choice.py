"""Which model is open, and on which provider it runs: chosen at the top, or by what was trained."""

import os
from pathlib import Path

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QFileDialog, QWidget

from edgecls.bundled_model import BUNDLED_MODEL
from edgecls.desktop.classify.bars import TopBar
from edgecls.desktop.classify.session import Session
from edgecls.desktop.shared.settings import Settings
from edgecls.runtime.execution.providers import Provider, installed_providers
from edgecls.teaching.versions import model_title

__all__ = ["ModelChoice"]

_OPEN_MODEL = "open"


class ModelChoice(QObject):
    """Opens models, and shows in the two boxes at the top what is open and what else there is.

    Args:
        parent: Whose dialogs ask.
        session: Has the model.
        settings: Remember what was chosen.
        bar: Has the boxes.

    Attributes:
        path: The model file that is open or being opened; empty for the one that comes with edgecls.
        provider: What it runs on.
    """

    opened = Signal()
    """A model is open."""

    failed = Signal()
    """It could not be opened; the one before stays."""

    def __init__(self, parent: QWidget, session: Session, settings: Settings, bar: TopBar) -> None:
        super().__init__(parent)
        self._widget, self._session, self._settings, self._bar = parent, session, settings, bar
        self.path = ""
        self.provider = settings.provider
        self._in_use: tuple[str, str] | None = None  # model and provider that were opened last
        session.recogniser.opened.connect(lambda _: self._on_model())
        session.recogniser.failed.connect(lambda _: self._on_fault())
        bar.model_box.activated.connect(lambda _: self._choose_model())
        bar.provider_box.activated.connect(lambda _: self._choose_provider())

    def open(self, path: str) -> None:
        """Open a model file; an empty path is the one that comes with edgecls."""
        self.path = path
        provider = Provider(self.provider) if self.provider in list(Provider) else Provider.AUTO
        self._session.open_model(Path(path) if path else BUNDLED_MODEL, provider)
        self.refresh()

    def ask(self) -> None:
        """Ask for a model file."""
        words = self._session.words
        title, filters = words("model"), f"{words('filter.models')} (*.onnx)"
        path, _ = QFileDialog.getOpenFileName(self._widget, title, os.path.dirname(self.path), filters)
        if path:
            self.open(path)
        else:
            self.refresh()

    def refresh(self) -> None:
        """Show what can be chosen, in the language of the session."""
        words = self._session.words
        paths = dict.fromkeys(([self.path] if self.path else []) + self._settings.recent_models)
        models = [("", words("bundled_model", name="flowers")), *((path, model_title(path)) for path in paths)]
        models.append((_OPEN_MODEL, words("open_model")))
        providers = [("auto", words("provider.auto"))]
        if self._session.recogniser.classifier is not None:  # or else onnxruntime may be missing, which is said
            providers += [(one.value, one.value) for one in installed_providers()]
        if self.provider not in dict(providers):
            providers.append((self.provider, self.provider))
        self._bar.show_choices(models, self.path, providers, self.provider)

    def _choose_model(self) -> None:
        value = self._bar.model_box.currentData()
        if value == _OPEN_MODEL:
            self.ask()
        elif value != self.path:
            self.open(value)

    def _choose_provider(self) -> None:
        self.provider = self._settings.provider = self._bar.provider_box.currentData()
        self.open(self.path)

    def _on_model(self) -> None:
        self._settings.use_model(self.path)
        self._in_use = (self.path, self.provider)
        self.refresh()
        self.opened.emit()

    def _on_fault(self) -> None:
        """Go back to the choice that works, if there is one: its model is still open."""
        if self._in_use is not None:
            is_kept = self.provider == self._settings.provider
            self.path, self.provider = self._in_use
            if is_kept:
                self._settings.provider = self.provider
        self.refresh()
        self.failed.emit()
