"""The bar with the buttons and the model, and the status bar."""

from collections.abc import Sequence

from PySide6.QtCore import QSignalBlocker, Qt
from PySide6.QtWidgets import (
    QComboBox,
    QLabel,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QStatusBar,
    QToolBar,
    QWidget,
)

from edgecls.desktop.classify.session import Session
from edgecls.desktop.shared.words import Words

__all__ = ["StatusBar", "TopBar"]


class TopBar(QToolBar):
    """The buttons, and what to recognise with."""

    def __init__(self) -> None:
        super().__init__()
        self.setMovable(False)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.PreventContextMenu)
        self.images_button, self.folder_button, self.camera_button = QPushButton(), QPushButton(), QPushButton()
        self.recognise_button = QPushButton()
        self.recognise_button.setObjectName("primary")
        self.sort_button, self.export_button = QPushButton(), QPushButton()
        self.model_box, self.provider_box = QComboBox(), QComboBox()
        self.model_box.setMinimumContentsLength(14)
        self.model_box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        gap = QWidget()
        gap.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        for widget in (
            *(self.images_button, self.folder_button, self.camera_button, self.recognise_button, gap),
            *(self.model_box, self.provider_box, self.sort_button, self.export_button),
        ):
            self.addWidget(widget)

    def show_choices(
        self, models: Sequence[tuple[str, str]], model: str, providers: Sequence[tuple[str, str]], provider: str
    ) -> None:
        """Show what can be chosen: pairs of value and text, and the values that are chosen."""
        for box, choices, value in ((self.model_box, models, model), (self.provider_box, providers, provider)):
            with QSignalBlocker(box):
                box.clear()
                for choice, text in choices:
                    box.addItem(text, choice)
                box.setCurrentIndex(max(0, box.findData(value)))

    def retranslate(self, words: Words) -> None:
        """Show everything in a language."""
        for button, key in (
            (self.images_button, "open_images"),
            (self.folder_button, "open_folder"),
            (self.camera_button, "camera"),
            (self.sort_button, "sort"),
            (self.export_button, "export_csv"),
        ):
            text = words(key)
            button.setText(_SHORT[words.language.value].get(key, text))
            button.setToolTip(_plain(text))
            button.setAccessibleName(_plain(text))
        for box, key in ((self.model_box, "model"), (self.provider_box, "provider")):
            box.setToolTip(words(key))
            box.setAccessibleName(words(key))


_SHORT = {
    "en": {
        "open_images": "Images…",
        "open_folder": "Folder…",
        "camera": "Camera…",
        "sort": "Sort…",
        "export_csv": "Export…",
    },
    "zh": {
        "open_images": "图像…",
        "open_folder": "文件夹…",
        "camera": "摄像头…",
        "sort": "整理…",
        "export_csv": "导出…",
    },
}


def _plain(text: str) -> str:
    """Return a text without the mark of its key."""
    return text.replace("&", "").partition("(")[0] if "(&" in text else text.replace("&", "")


class StatusBar(QStatusBar):
    """Says which model runs where, how far it is, and how fast.

    Args:
        session: What is shown.
    """

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self.setSizeGripEnabled(False)
        self.model, self.progress_text, self.unsaved = QLabel(), QLabel(), QLabel()
        self.progress = QProgressBar()
        self.progress.setTextVisible(False)
        self.progress.setFixedWidth(140)
        for widget in (self.model, self.progress_text, self.progress):
            self.addWidget(widget)
            widget.setContentsMargins(0, 0, 18, 0)
        self.addPermanentWidget(self.unsaved)
        self.setContentsMargins(12, 2, 12, 2)

    def refresh(self, words: Words) -> None:
        """Show how things are."""
        session = self._session
        classifier = session.recogniser.classifier
        if session.recogniser.is_loading:
            self.model.setText(words("status.loading"))
        elif classifier is None:
            self.model.setText(words("status.no_model"))
        else:
            self.model.setText(words("status.model", name=classifier.card.name, provider=classifier.provider))
            reasons = "; ".join(map(str, classifier.skipped))
            self.model.setToolTip(words("status.skipped", reasons=reasons) if reasons else "")
        done, total = session.progress
        parts = []
        if session.working:
            parts.append(f"{session.working} {session.done_files or ''}".rstrip())
        elif session.recogniser.is_busy:
            parts.append(words("status.done", done=done, total=total))
        else:
            parts.append(words("status.images", count=len(session.images.entries)))
        if session.rate > 0:
            parts.append(words("status.rate", rate=session.rate))
        self.progress_text.setText(" · ".join(parts))
        self.progress.setVisible(session.is_working)
        self.progress.setRange(0, 0 if session.working else max(1, total))
        self.progress.setValue(done)
        self.progress.setAccessibleName(self.progress_text.text())
        count = session.decisions.unsaved_count
        self.unsaved.setText(words("status.unsaved", count=count) if count else "")
