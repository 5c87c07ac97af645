"""What the window asks of a tab: the menus act on the one that is in front."""

import os
from collections.abc import Callable, Sequence

from PySide6.QtCore import QPoint, QUrl, Signal
from PySide6.QtWidgets import QFileDialog, QWidget

from edgecls.desktop.shared.settings import Settings
from edgecls.desktop.shared.words import Words
from edgecls.image_files import IMAGE_SUFFIXES

__all__ = ["Tab", "ask_for_images", "local_paths"]


class Tab(QWidget):
    """A part of the window that can be brought to the front.

    Attributes:
        words: The language.
    """

    noticed = Signal(str, bool)
    """Something the user should read, and whether it is a fault."""

    changed = Signal()
    """Labels, or what can be done now, changed."""

    words: Words

    @property
    def labels(self) -> Sequence[str]:
        """The labels in the menu; the first nine have keys."""
        raise NotImplementedError

    @property
    def title(self) -> str:
        """What the title of the window says of it; empty for nothing."""
        raise NotImplementedError

    @property
    def unfinished(self) -> Sequence[str]:
        """Why one should not leave now, in whole sentences."""
        raise NotImplementedError

    def calls(self) -> dict[str, Callable[..., object]]:
        """Return what the actions call that this tab has, by their names."""
        raise NotImplementedError

    def can(self, action: str) -> bool:
        """True if an action that this tab has can be done now."""
        raise NotImplementedError

    def text_of(self, action: str) -> str:
        """Return the text of an action that this tab has, where it differs from its usual one; empty where not."""
        return ""

    def set_label(self, label: str) -> None:
        """Do what a label in the menu, or its key, stands for."""
        raise NotImplementedError

    def add_paths(self, paths: Sequence[str], at: QPoint | None = None) -> None:
        """Add files and folders, which were dropped at a place of the tab unless that is None."""
        raise NotImplementedError

    def come_forward(self) -> None:
        """Take the focus: the tab has been brought to the front."""
        raise NotImplementedError

    def retranslate(self, words: Words) -> None:
        """Show everything in a language."""
        raise NotImplementedError

    def close_jobs(self) -> None:
        """Remember how it looks, and end the threads: the window closes."""
        raise NotImplementedError


def ask_for_images(parent: QWidget, words: Words, settings: Settings) -> list[str]:
    """Ask for image files; an empty list for none."""
    suffixes = " ".join(f"*{suffix}" for suffix in sorted(IMAGE_SUFFIXES))
    filters = f"{words('filter.images')} ({suffixes});;{words('filter.all')} (*)"
    paths, _ = QFileDialog.getOpenFileNames(parent, words("filter.images"), settings.folder, filters)
    if paths:
        settings.folder = os.path.dirname(paths[0])
    return paths


def local_paths(urls: Sequence[QUrl]) -> list[str]:
    """Return the files of this computer among some addresses."""
    return [path for url in urls if (path := url.toLocalFile())]
