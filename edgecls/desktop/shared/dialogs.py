"""The questions of the window: where to sort to, which label, whether to leave."""

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QCompleter,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QMessageBox,
    QPushButton,
    QRadioButton,
    QVBoxLayout,
    QWidget,
)

from edgecls.desktop.shared.words import Words
from edgecls.runtime.folders.sort_into import Transfer

__all__ = ["LabelDialog", "SortDialog", "confirmed"]


def confirmed(parent: QWidget, words: Words, title: str, text: str, *, yes: str, no: str) -> bool:
    """Ask a question, and return whether the answer is yes; the safe answer is the default.

    Args:
        parent: The window.
        words: The language.
        title: The question.
        text: What depends on it.
        yes: Key of the words on the button that goes on.
        no: Key of those on the one that does not.
    """
    box = QMessageBox(QMessageBox.Icon.Question, words("title"), title, parent=parent)
    box.setInformativeText(text)
    go = box.addButton(words(yes), QMessageBox.ButtonRole.AcceptRole)
    stay = box.addButton(words(no), QMessageBox.ButtonRole.RejectRole)
    box.setDefaultButton(stay)
    box.setEscapeButton(stay)
    box.exec()
    return box.clickedButton() is go


class SortDialog(QDialog):
    """Asks where to sort images to, and whether to move or copy them.

    Args:
        parent: The window.
        words: The language.
        folder: The folder to begin with.
        group: The name of the group that is shown; None if that is all images.
    """

    def __init__(self, parent: QWidget, words: Words, *, folder: str, group: str | None) -> None:
        super().__init__(parent)
        self._words = words
        self.setWindowTitle(words("sort.title"))
        text = QLabel(words("sort.text"))
        text.setWordWrap(True)
        self.folder_edit = QLineEdit(folder)
        self.folder_edit.setMinimumWidth(340)
        choose = QPushButton(words("sort.choose"))
        choose.clicked.connect(self._choose)
        line = QHBoxLayout()
        line.addWidget(self.folder_edit)
        line.addWidget(choose)
        form = QFormLayout()
        form.addRow(words("sort.folder"), line)
        self.copy_button, self.move_button = QRadioButton(words("sort.copy")), QRadioButton(words("sort.move"))
        self.copy_button.setChecked(True)
        self.only_group = QCheckBox("" if group is None else words("sort.only_group", group=group))
        self.only_group.setVisible(group is not None)
        buttons = _buttons(self, words("sort.go"), words("cancel"))
        self.go_button = buttons.button(QDialogButtonBox.StandardButton.Ok)
        self.folder_edit.textChanged.connect(lambda text: self.go_button.setEnabled(bool(text.strip())))
        self.go_button.setEnabled(bool(folder))
        column = QVBoxLayout(self)
        column.setSpacing(12)
        column.setContentsMargins(20, 20, 20, 20)
        column.addWidget(text)
        column.addLayout(form)
        for widget in (self.copy_button, self.move_button, self.only_group, buttons):
            column.addWidget(widget)

    @property
    def folder(self) -> str:
        """The folder to sort into."""
        return self.folder_edit.text().strip()

    @property
    def transfer(self) -> Transfer:
        """Whether to move or to copy."""
        return Transfer.MOVE if self.move_button.isChecked() else Transfer.COPY

    def _choose(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, self._words("sort.folder"), self.folder)
        if folder:
            self.folder_edit.setText(folder)


class LabelDialog(QDialog):
    """Asks for a label: one of those there are, or a new one.

    Args:
        parent: The window.
        words: The language.
        labels: Those there are.
    """

    def __init__(self, parent: QWidget, words: Words, *, labels: Sequence[str]) -> None:
        super().__init__(parent)
        self.setWindowTitle(words("label.title"))
        self.box = QComboBox()
        self.box.setEditable(True)
        self.box.addItems(list(labels))
        self.box.setCurrentText("")
        self.box.setMinimumWidth(280)
        self.box.setAccessibleName(words("label.title"))
        completer = QCompleter(list(labels), self.box)
        completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        completer.setFilterMode(Qt.MatchFlag.MatchContains)
        self.box.setCompleter(completer)
        buttons = _buttons(self, words("label.go"), words("cancel"))
        go = buttons.button(QDialogButtonBox.StandardButton.Ok)
        go.setEnabled(False)
        self.box.editTextChanged.connect(lambda text: go.setEnabled(bool(text.strip())))
        column = QVBoxLayout(self)
        column.setSpacing(12)
        column.setContentsMargins(20, 20, 20, 20)
        column.addWidget(QLabel(words("label.text")))
        column.addWidget(self.box)
        column.addWidget(buttons)

    @property
    def label(self) -> str:
        """The label."""
        return self.box.currentText().strip()


def _buttons(dialog: QDialog, yes: str, no: str) -> QDialogButtonBox:
    buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel)
    go = buttons.button(QDialogButtonBox.StandardButton.Ok)
    go.setText(yes)
    go.setObjectName("primary")
    buttons.button(QDialogButtonBox.StandardButton.Cancel).setText(no)
    buttons.accepted.connect(dialog.accept)
    buttons.rejected.connect(dialog.reject)
    return buttons
