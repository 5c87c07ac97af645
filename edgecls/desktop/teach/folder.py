"""The folder that is taught in, and its classes: what is asked before they are opened, renamed or removed."""

import os

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QFileDialog, QInputDialog, QWidget

from edgecls.desktop.shared.dialogs import confirmed
from edgecls.desktop.shared.settings import Settings
from edgecls.desktop.teach.session import TeachSession
from edgecls.desktop.teach.shown import LABEL, Shown

__all__ = ["Folder"]


class Folder(QObject):
    """Opens folders and changes their classes.

    Args:
        parent: Whose dialogs ask.
        session: What is open.
        settings: Remember the folder.
    """

    def __init__(self, parent: QWidget, session: TeachSession, settings: Settings) -> None:
        super().__init__(parent)
        self._widget, self._session, self._settings = parent, session, settings
        session.doubted.connect(self._ask_about)
        session.opened.connect(self._remember)

    def open_last(self) -> None:
        """Open the folder that was open last, unless one is."""
        last = self._settings.teach_folder
        if self._session.teaching is None and not self._session.is_opening and last and os.path.isdir(last):
            self._session.open(last)

    def ask(self) -> None:
        """Ask for a folder, and open it."""
        start = self._settings.teach_folder or self._settings.folder
        folder = QFileDialog.getExistingDirectory(self._widget, self._session.words("teach.open").rstrip("…"), start)
        if folder:
            self.open(folder)

    def open(self, folder: str) -> None:
        """Open a folder, after a question if a training would end."""
        words = self._session.words
        if self._session.progress.state != "running" or confirmed(
            self._widget,
            words,
            words("teach.cancel_title"),
            words("teach.cancel_text"),
            yes="teach.cancel_yes",
            no="cancel",
        ):
            self._session.open(folder)

    def _ask_about(self, folder: str) -> None:
        """Ask whether to teach in a folder that does not look like it."""
        words, name = self._session.words, os.path.basename(folder) or folder
        title = words("teach.foreign_title", name=name)
        if confirmed(self._widget, words, title, words("teach.foreign"), yes="teach.foreign_yes", no="cancel"):
            self._session.open(folder, is_sure=True)

    def make_label(self, label: str) -> None:
        """Make a class, and show it."""
        self._session.do(
            lambda teaching: teaching.add_label(label), lambda made: self._session.show(Shown(LABEL, made))
        )

    def rename_label(self) -> None:
        """Ask for another name of the class that is shown."""
        label, words = self._session.shown.label, self._session.words
        if self._session.shown.kind != LABEL or not label:
            return
        text, is_given = QInputDialog.getText(
            self._widget, words("teach.rename_title"), words("teach.rename_text", label=label), text=label
        )
        if is_given and text.strip():
            self._session.rename_label(label, text)

    def remove_label(self) -> None:
        """Take the class that is shown out, with its images; undo brings them back."""
        label = self._session.shown.label
        if self._session.shown.kind == LABEL and label:
            self._session.remove_label(label)

    def _remember(self) -> None:
        if self._session.teaching is not None:
            self._settings.teach_folder = str(self._session.teaching.root)
