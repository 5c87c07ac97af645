"""The actions of the window with their keys, and the menus they are in."""

from collections.abc import Callable, Sequence

from PySide6.QtGui import QAction, QActionGroup, QKeySequence
from PySide6.QtWidgets import QMainWindow, QMenu

from edgecls.desktop.shared.tab import Tab
from edgecls.desktop.shared.words import Language, Words

__all__ = ["KEYED_LABELS", "Actions"]

KEYED_LABELS = 9  # that have a key of their own

_SEPARATOR = ""
_MENUS: dict[str, Sequence[str]] = {
    "menu.file": (
        *("open_images", "open_folder", "open_model", "camera", _SEPARATOR),
        *("save_model", "save_dataset", _SEPARATOR),
        *("sort", "export_csv", "export_xmp", _SEPARATOR, "clear", _SEPARATOR, "quit"),
    ),
    "menu.edit": ("undo", "redo", _SEPARATOR, "paste", "select_all", _SEPARATOR, "at_once"),
    "menu.label": (
        *("confirm", "other_label", "no_label", _SEPARATOR),
        *("keep_label", "suggested_label", "remove_images", "rename_label", "remove_label", _SEPARATOR),
    ),
    "menu.model": ("train", "cancel_training", "use_model", _SEPARATOR, "teach_corrections"),
    "menu.view": ("show_classify", "show_teach", _SEPARATOR, "next_unsure", "heat", _SEPARATOR),
}
_KEYS = {
    "open_images": "Ctrl+O",
    "open_folder": "Ctrl+Shift+O",
    "sort": "Ctrl+S",
    "export_csv": "Ctrl+E",
    "quit": "Ctrl+Q",
    "undo": "Ctrl+Z",
    "redo": "Ctrl+Shift+Z",
    "paste": "Ctrl+V",
    "confirm": "C",
    "other_label": "L",
    "no_label": "Backspace",
    "next_unsure": "N",
    "heat": "H",
    "keep_label": "K",
    "suggested_label": "S",
    "remove_images": "Delete",
    "rename_label": "F2",
    "train": "Ctrl+T",
    "use_model": "Ctrl+U",
    "show_classify": "Ctrl+1",
    "show_teach": "Ctrl+2",
}
_OF_WINDOW = {"paste", "quit", "show_classify", "show_teach"}
_CHECKABLE = ("at_once", "heat")
_NAMES_OF_LANGUAGES = {Language.ENGLISH: "English", Language.CHINESE: "中文"}


class Actions:
    """Makes the actions and menus of a window.

    Args:
        window: Whose.
        call: What each action calls, by its name; of checkable ones, with whether it is checked.
        set_label: Called with a label that was chosen by its key or in the menu.
        set_language: Called with the language that was chosen.
        set_scheme: Called with the name of the appearance that was chosen.
        words: The language.
    """

    def __init__(
        self,
        window: QMainWindow,
        call: dict[str, Callable[..., object]],
        *,
        set_label: Callable[[str], object],
        set_language: Callable[[Language], object],
        set_scheme: Callable[[str], object],
        words: Words,
    ) -> None:
        self._window = window
        self._set_label = set_label
        self._menus: dict[str, QMenu] = {}
        self._named: dict[str, QAction] = {}
        self._label_actions: list[QAction] = []
        self._labels: Sequence[str] = ()
        self._words = words
        for menu_name, names in _MENUS.items():
            menu = self._menus[menu_name] = window.menuBar().addMenu(menu_name)
            for name in names:
                if name == _SEPARATOR:
                    menu.addSeparator()
                    continue
                action = self._named[name] = menu.addAction(name)
                action.setObjectName(name)
                if name in _KEYS:
                    action.setShortcut(QKeySequence(_KEYS[name]))
                if name in _CHECKABLE:
                    action.setCheckable(True)
                    action.toggled.connect(call[name])
                else:
                    action.triggered.connect(lambda _=False, name=name: call[name]())
        view = self._menus["menu.view"]
        self._language_menu, self._scheme_menu = view.addMenu("language"), view.addMenu("appearance")
        self.languages = self._choices(
            self._language_menu, {language.value: _NAMES_OF_LANGUAGES[language] for language in Language}
        )
        for value, action in self.languages.items():
            action.triggered.connect(lambda _=False, value=value: set_language(Language(value)))
        self.schemes = self._choices(self._scheme_menu, {name: name for name in ("system", "light", "dark")})
        for value, action in self.schemes.items():
            action.triggered.connect(lambda _=False, value=value: set_scheme(value))

    def __getitem__(self, name: str) -> QAction:
        """Return an action by its name."""
        return self._named[name]

    def show_for(self, tab: Tab) -> None:
        """Show the actions that a tab has, and of them enable those that can be done now."""
        has = tab.calls().keys() | _OF_WINDOW
        for name, action in self._named.items():
            action.setVisible(name in has)
            action.setEnabled(name in _OF_WINDOW or (name in has and tab.can(name)))
            if name in has:
                action.setText(tab.text_of(name) or self._words(name))

    def show_labels(self, labels: Sequence[str]) -> None:
        """Show the labels in their menu, the first nine with the keys 1 to 9."""
        if self._labels == labels:
            return
        self._labels = tuple(labels)
        menu = self._menus["menu.label"]
        for action in self._label_actions:
            menu.removeAction(action)
            action.deleteLater()
        self._label_actions = []
        for key, label in enumerate(labels[:KEYED_LABELS], 1):
            action = menu.addAction(label.replace("&", "&&"))
            action.setShortcut(QKeySequence(str(key)))
            action.triggered.connect(lambda _=False, label=label: self._set_label(label))
            self._label_actions.append(action)

    def retranslate(self, words: Words) -> None:
        """Show everything in a language."""
        self._words = words
        for name, menu in self._menus.items():
            menu.setTitle(words(name))
        for name, action in self._named.items():
            action.setText(words(name))
        self._language_menu.setTitle(words("language"))
        self._scheme_menu.setTitle(words("appearance"))
        for name, action in self.schemes.items():
            action.setText(words(f"scheme.{name}"))

    def _choices(self, menu: QMenu, names: dict[str, str]) -> dict[str, QAction]:
        group = QActionGroup(self._window)
        made = {}
        for value, name in names.items():
            action = made[value] = menu.addAction(name)
            action.setCheckable(True)
            group.addAction(action)
        return made
