"""The window: its tabs, menus, notices and status bar; and what leads from one tab to the other."""

import contextlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import QPoint, QSignalBlocker, Qt, QTimer, QUrl
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent, QGuiApplication
from PySide6.QtWidgets import (
    QApplication,
    QHBoxLayout,
    QLabel,
    QMainWindow,
    QPushButton,
    QStackedWidget,
    QTabBar,
    QVBoxLayout,
    QWidget,
)

from edgecls.desktop.actions import Actions
from edgecls.desktop.classify.bars import StatusBar
from edgecls.desktop.classify.session import Session
from edgecls.desktop.classify.tab import ClassifyTab
from edgecls.desktop.shared.dialogs import confirmed
from edgecls.desktop.shared.settings import Scheme, Settings
from edgecls.desktop.shared.tab import Tab, local_paths
from edgecls.desktop.shared.theme import apply_scheme
from edgecls.desktop.shared.thumbnail_grid import THUMBNAIL_SIDE
from edgecls.desktop.shared.thumbnails import Thumbnails
from edgecls.desktop.shared.words import Language, Words
from edgecls.desktop.teach.tab import TeachTab
from edgecls.errors import OutputError
from edgecls.runtime.video.capture import Opener

__all__ = ["NoticeBar", "Window"]

_TABS = ("classify", "teach")
NOTICE_MS = 8000  # after which good news goes away; faults stay


class Window(QMainWindow):
    """The main window.

    Args:
        session: What it classifies; closed with the window.
        settings: What it remembers.
        folder: Where photos and pasted images are kept.
        model: The model file to begin with; None for the one that comes with edgecls.
        provider: What to run on; None for what was chosen last.
        camera: Opens cameras; None for OpenCV's.

    Attributes:
        tabs: The tabs, in their order.
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
        self._folder = folder
        self._is_leaving = False
        ratio = max((screen.devicePixelRatio() for screen in QGuiApplication.screens()), default=1.0)
        self.thumbnails = Thumbnails(round(THUMBNAIL_SIDE * ratio))
        self.classify = ClassifyTab(session, settings, self.thumbnails, folder=folder, camera=camera)
        self.teach = TeachTab(session, self.classify.choice, settings, self.thumbnails, camera=camera)
        self.tabs: tuple[Tab, ...] = (self.classify, self.teach)
        self.tab_bar, self.notice, self.status = QTabBar(), NoticeBar(), StatusBar(session)
        self.actions_ = Actions(
            self,
            self._calls(),
            set_label=lambda label: self.tab.set_label(label),
            set_language=self.set_language,
            set_scheme=lambda name: self.set_scheme(Scheme(name)),
            words=self.words,
        )
        self._lay_out()
        self._connect()
        self.actions_["at_once"].setChecked(settings.starts_at_once)
        session.starts_at_once = settings.starts_at_once
        self.actions_.schemes[settings.scheme.value].setChecked(True)
        self.set_language(self.words.language, is_chosen=False)
        self.classify.choice.provider = provider or settings.provider
        self.classify.choice.open(str(model or ""))
        self.show_tab(0)

    def _lay_out(self) -> None:
        self.tab_bar.setDrawBase(False)
        self.tab_bar.setExpanding(False)
        self.stack = QStackedWidget()
        for tab in self.tabs:
            self.tab_bar.addTab("")
            self.stack.addWidget(tab)
        whole = QWidget()
        column = QVBoxLayout(whole)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(_tab_line(self.tab_bar))
        column.addWidget(self.notice)
        column.addWidget(self.stack, 1)
        self.setCentralWidget(whole)
        self.setStatusBar(self.status)
        self.setAcceptDrops(True)
        self.resize(1240, 840)
        if (geometry := self.settings.layout("window")) is not None:
            self.restoreGeometry(geometry)

    def _connect(self) -> None:
        for tab in self.tabs:
            tab.noticed.connect(self.notice.show_notice)
            tab.changed.connect(self._refresh)
        self.tab_bar.currentChanged.connect(self.show_tab)
        self.classify.details.heat_button.toggled.connect(self.actions_["heat"].setChecked)

    def _calls(self) -> dict[str, Callable[..., object]]:
        """Return what each action calls: what the tab in front has for it, or the window."""
        own: dict[str, Callable[..., object]] = {"paste": self.paste, "quit": self.close}
        own |= {f"show_{name}": lambda number=number: self.show_tab(number) for number, name in enumerate(_TABS)}
        calls = [tab.calls() for tab in self.tabs]

        def call(name: str) -> Callable[..., object]:
            return lambda *values: calls[self.stack.currentIndex()][name](*values)

        return own | {name: call(name) for given in calls for name in given}

    # What is shown

    @property
    def tab(self) -> Tab:
        """The tab that is in front."""
        return self.tabs[self.stack.currentIndex()]

    def show_tab(self, number: int) -> None:
        """Bring a tab to the front."""
        self.stack.setCurrentIndex(number)
        with QSignalBlocker(self.tab_bar):
            self.tab_bar.setCurrentIndex(number)
        self.tab.come_forward()
        self._refresh()

    def teach_in(self, folder: str) -> None:
        """Bring the tab that teaches to the front, with a folder."""
        self.teach.folder.open(folder)
        self.show_tab(self.tabs.index(self.teach))

    def _refresh(self) -> None:
        if self._is_leaving:
            return
        tab = self.tab
        self.status.refresh(self.words)
        self.actions_.show_labels(tab.labels)
        self.actions_.show_for(tab)
        self.setWindowTitle(f"{tab.title} – edgecls" if tab.title else "edgecls")

    # Files

    def paste(self) -> None:
        """Add files or an image from the clipboard."""
        content = QGuiApplication.clipboard().mimeData()
        if content is not None and content.hasUrls():
            self._add(content.urls())
        elif content is not None and content.hasImage():
            folder = self._folder / "pasted"
            folder.mkdir(parents=True, exist_ok=True)
            path = folder / f"{os.urandom(6).hex()}.png"
            if QGuiApplication.clipboard().image().save(str(path)):
                self.tab.add_paths([str(path)])

    def _add(self, urls: Sequence[QUrl], at: QPoint | None = None) -> None:
        local = local_paths(urls)
        if len(local) < len(urls):
            self.notice.show_notice(self.words("notice.not_local"), True)
        if local:
            self.tab.add_paths(local, None if at is None else self.tab.mapFrom(self, at))

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:  # noqa: N802  Qt's name
        """Take files."""
        if event.mimeData().hasUrls():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:  # noqa: N802  Qt's name
        """Add the files that were dropped."""
        event.acceptProposedAction()
        self._add(event.mimeData().urls(), event.position().toPoint())

    # Language, appearance

    def set_language(self, language: Language, *, is_chosen: bool = True) -> None:
        """Show everything in a language."""
        if is_chosen:
            self.settings.language = language
        words = self.words = Words(language)
        self.actions_.languages[language.value].setChecked(True)
        self.actions_.retranslate(words)
        self.notice.button.setText(words("dismiss"))
        self.tab_bar.setAccessibleName(words("tabs"))
        for number, (name, tab) in enumerate(zip(_TABS, self.tabs, strict=True)):
            self.tab_bar.setTabText(number, words(f"tab.{name}"))
            tab.retranslate(words)
        self._refresh()

    def set_scheme(self, scheme: Scheme) -> None:
        """Show everything light, dark, or as the system has it."""
        self.settings.scheme = scheme
        app = QApplication.instance()
        if isinstance(app, QApplication):
            apply_scheme(app, scheme)

    # Leaving

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802  Qt's name
        """Ask first, if work goes on or corrections are not exported."""
        words = self.words
        reasons = [reason for tab in self.tabs for reason in tab.unfinished]
        if reasons and not confirmed(
            self, words, words("leave.title"), " ".join(reasons), yes="leave.yes", no="leave.no"
        ):
            event.ignore()
            return
        self._is_leaving = True
        self.settings.keep_layout("window", self.saveGeometry())
        self.thumbnails.close()
        for tab in self.tabs:
            tab.close_jobs()
        self.settings.sync()
        with contextlib.suppress(OutputError):  # only the note that the window was closed would be missing
            self.session.close()
        event.accept()


def _tab_line(bar: QTabBar) -> QWidget:
    """Return a line across the window that begins with the tabs."""
    line = QWidget()
    line.setObjectName("tabs")
    line.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
    row = QHBoxLayout(line)
    row.setContentsMargins(0, 0, 0, 1)
    row.addWidget(bar)
    row.addStretch()
    return line


class NoticeBar(QWidget):
    """A line under the buttons that says what happened."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("notice")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.text, self.button = QLabel(), QPushButton()
        self.text.setWordWrap(True)
        self.text.setTextFormat(Qt.TextFormat.PlainText)
        self.text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.button.clicked.connect(self.hide)
        line = QHBoxLayout(self)
        line.setContentsMargins(18, 8, 12, 8)
        line.addWidget(self.text, 1)
        line.addWidget(self.button)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.hide)
        self.hide()

    def show_notice(self, text: str, is_fault: bool) -> None:
        """Say something; a fault stays until it is dismissed."""
        self.text.setText(text)
        self.setProperty("kind", "fault" if is_fault else "news")
        for widget in (self, self.text):  # the style depends on it
            widget.style().unpolish(widget)
            widget.style().polish(widget)
        self.setAccessibleName(text)
        self.show()
        if is_fault:
            self._timer.stop()
        else:
            self._timer.start(NOTICE_MS)
