"""Starting the desktop app."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from PySide6.QtCore import QLibraryInfo, QLocale, QTimer, QTranslator
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QApplication

from edgecls.atomic_write import whole_files
from edgecls.bundled_model import BUNDLED_MODEL
from edgecls.desktop.classify.decisions import open_decisions
from edgecls.desktop.classify.session import Session
from edgecls.desktop.shared.settings import Settings, decisions_folder
from edgecls.desktop.shared.theme import apply_scheme
from edgecls.desktop.shared.words import Language, Words
from edgecls.desktop.window import Window
from edgecls.modelfile import read_model

__all__ = ["make_app", "make_window", "run"]

ICON = Path(__file__).parent.parent / "web" / "icon.svg"
SIGNALS_MS = 250  # Python sees Ctrl-C only while it runs


def run(
    *, model: Path | None, paths: Sequence[str], provider: str | None = None, teach_folder: str | None = None
) -> int:
    """Open the window and return its exit code when it is closed; `display.check_display` comes first.

    Args:
        model: The model file; None for the one that was used last.
        paths: Files and folders to open.
        provider: What to run on; None for what was chosen last.
        teach_folder: The folder to teach in, whose tab is in front then; None to begin with images.
    """
    app = make_app()
    settings = Settings()
    window = make_window(app, settings, model=model, paths=paths, provider=provider)
    if teach_folder is not None:
        window.teach_in(teach_folder)
    window.show()
    _end_on_interrupt(app, window)
    return app.exec()


def make_app() -> QApplication:
    """Return the app of this process."""
    existing = QApplication.instance()
    app = existing if isinstance(existing, QApplication) else QApplication(["edgecls"])
    app.setApplicationName("edgecls")
    app.setDesktopFileName("edgecls")
    app.setStyle("Fusion")
    app.setWindowIcon(QIcon(str(ICON)))
    return app


def make_window(
    app: QApplication, settings: Settings, *, model: Path | None, paths: Sequence[str], provider: str | None = None
) -> Window:
    """Return the window, with what was not finished last time, then with the paths, or else with a sample image.

    Args:
        app: The app of this process.
        settings: What is remembered.
        model: As for `run`.
        paths: As for `run`.
        provider: As for `run`.

    Raises:
        OutputError: Decisions cannot be kept.
    """
    apply_scheme(app, settings.scheme)
    app.styleHints().colorSchemeChanged.connect(lambda _: apply_scheme(app, settings.scheme))
    if settings.language is Language.CHINESE:
        translator = QTranslator(app)
        translations = QLibraryInfo.path(QLibraryInfo.LibraryPath.TranslationsPath)
        if translator.load(QLocale(QLocale.Language.Chinese), "qtbase", "_", translations):
            app.installTranslator(translator)
    folder = decisions_folder()
    decisions = open_decisions(folder)
    words = Words(settings.language)
    session = Session(decisions, words)
    chosen = model if model is not None else Path(settings.model) if os.path.isfile(settings.model) else None
    window = Window(session, settings, folder=folder, model=chosen, provider=provider)
    session.noticed.connect(lambda text, is_fault: None if not is_fault else sys.stderr.write(f"{text}\n"))
    _show_unexpected(window)
    if decisions.set_aside is not None:
        window.notice.show_notice(words("notice.damaged", path=decisions.set_aside), True)
    restored = list(decisions.sources)
    if restored:
        session.add_paths(restored, is_remembered=False)
        count = decisions.unsaved_count
        if count:
            window.notice.show_notice(words("notice.restored", count=count), False)
    if paths:
        session.add_paths(paths)
    if not restored and not paths:
        session.add_paths([str(_sample_image(folder))], is_remembered=False, is_held_back=True)
    return window


def _sample_image(folder: Path) -> Path:
    """Return an image to try the app with: what the bundled model verifies itself with."""
    path = folder / "sample.png"
    if not path.exists():
        with whole_files(path) as (temporary,):
            temporary.write_bytes(read_model(BUNDLED_MODEL).card.golden.samples[0].png)
    return path


def _show_unexpected(window: Window) -> None:
    """Show errors that nobody expected in the window, as well as on standard error."""

    def show(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        sys.__excepthook__(kind, error, trace)
        if issubclass(kind, Exception):
            window.notice.show_notice(window.words("notice.unexpected", message=f"{kind.__name__}: {error}"), True)

    sys.excepthook = show


def _end_on_interrupt(app: QApplication, window: Window) -> None:
    """Let Ctrl-C in the terminal close the window."""
    import signal

    signal.signal(signal.SIGINT, lambda *_: window.close())
    timer = QTimer(window)
    timer.timeout.connect(lambda: None)
    timer.start(SIGNALS_MS)
