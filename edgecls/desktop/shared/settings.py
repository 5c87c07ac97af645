"""What the window remembers: language, appearance, models, sizes. Kept in the user's configuration folder."""

import os
import sys
from enum import StrEnum
from pathlib import Path

from PySide6.QtCore import QByteArray, QLocale, QSettings, QStandardPaths

from edgecls.desktop.shared.words import Language

__all__ = ["Scheme", "Settings", "decisions_folder"]

RECENT_MODELS = 8


class Scheme(StrEnum):
    """Light or dark."""

    SYSTEM = "system"
    LIGHT = "light"
    DARK = "dark"


def decisions_folder() -> Path:
    """Return where decisions, and photos from the camera, are kept: edgecls's folder for data of the user."""
    if sys.platform.startswith("linux"):
        base = os.environ.get("XDG_DATA_HOME", "")
        place = base if os.path.isabs(base) else os.path.join(os.path.expanduser("~"), ".local", "share")
    else:
        place = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.GenericDataLocation)
    return Path(place, "edgecls", "desktop")


class Settings:
    """The settings of the window; each is written when it is set."""

    def __init__(self) -> None:
        self._store = QSettings(QSettings.Format.IniFormat, QSettings.Scope.UserScope, "edgecls", "desktop")

    @property
    def language(self) -> Language:
        """The language of the window: the one chosen, or else that of the system."""
        chosen = self._text("language")
        return Language(chosen) if chosen in list(Language) else Language.of_locale(QLocale.system().name())

    @language.setter
    def language(self, language: Language) -> None:
        self._store.setValue("language", language.value)

    @property
    def scheme(self) -> Scheme:
        """Light, dark, or as the system has it."""
        chosen = self._text("scheme")
        return Scheme(chosen) if chosen in list(Scheme) else Scheme.SYSTEM

    @scheme.setter
    def scheme(self, scheme: Scheme) -> None:
        self._store.setValue("scheme", scheme.value)

    @property
    def starts_at_once(self) -> bool:
        """Whether images are recognised as soon as they are added."""
        return self._text("at_once") != "no"

    @starts_at_once.setter
    def starts_at_once(self, value: bool) -> None:
        self._store.setValue("at_once", "yes" if value else "no")

    @property
    def model(self) -> str:
        """The model file that was used last; empty for the one that comes with edgecls."""
        return self._text("model")

    @property
    def recent_models(self) -> list[str]:
        """Model files that were opened and are still there, the last one first."""
        value = self._store.value("recent_models", [])
        paths = [value] if isinstance(value, str) else list(value) if isinstance(value, list | tuple) else []
        return [path for path in paths if isinstance(path, str) and os.path.isfile(path)]

    def use_model(self, path: str) -> None:
        """Remember the model file; an empty path is the one that comes with edgecls."""
        self._store.setValue("model", path)
        if path:
            recent = [path, *(other for other in self.recent_models if other != path)]
            self._store.setValue("recent_models", recent[:RECENT_MODELS])

    @property
    def provider(self) -> str:
        """The provider that was chosen."""
        return self._text("provider") or "auto"

    @provider.setter
    def provider(self, provider: str) -> None:
        self._store.setValue("provider", provider)

    @property
    def folder(self) -> str:
        """The folder that dialogs begin in."""
        return self._text("folder")

    @folder.setter
    def folder(self, folder: str) -> None:
        self._store.setValue("folder", folder)

    @property
    def teach_folder(self) -> str:
        """The folder that was taught in last."""
        return self._text("teach_folder")

    @teach_folder.setter
    def teach_folder(self, folder: str) -> None:
        self._store.setValue("teach_folder", folder)

    def layout(self, name: str) -> QByteArray | None:
        """Return the size and place of a part of the window; None if it was not kept."""
        value = self._store.value(f"layout/{name}")
        return value if isinstance(value, QByteArray) else None

    def keep_layout(self, name: str, state: QByteArray) -> None:
        """Keep the size and place of a part of the window."""
        self._store.setValue(f"layout/{name}", state)

    def sync(self) -> None:
        """Write everything now."""
        self._store.sync()

    def _text(self, key: str) -> str:
        value = self._store.value(key, "")
        return value if isinstance(value, str) else ""
