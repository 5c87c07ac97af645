"""The colours of the window, light and dark: those of the page that edgecls serves."""

from dataclasses import dataclass

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QGuiApplication, QPalette
from PySide6.QtWidgets import QApplication

from edgecls.desktop.shared.settings import Scheme

__all__ = ["Colors", "apply_scheme", "colors"]

_SCHEMES = {
    Scheme.SYSTEM: Qt.ColorScheme.Unknown,
    Scheme.LIGHT: Qt.ColorScheme.Light,
    Scheme.DARK: Qt.ColorScheme.Dark,
}

DARK_BELOW = 128  # lightness of the background


@dataclass(frozen=True)
class Colors:
    """Colours by what they are for."""

    paper: str
    card: str
    ink: str
    soft: str
    line: str
    accent: str
    on_accent: str
    tint: str
    gold: str
    fault: str
    fault_tint: str


LIGHT = Colors(
    paper="#fbfaf7",
    card="#ffffff",
    ink="#22201c",
    soft="#655f54",
    line="#e2dccf",
    accent="#29694a",
    on_accent="#ffffff",
    tint="#d9eadf",
    gold="#b98612",
    fault="#a3341f",
    fault_tint="#f8e6e1",
)
DARK = Colors(
    paper="#1b1a18",
    card="#252421",
    ink="#ece8df",
    soft="#aea698",
    line="#3d3a34",
    accent="#82c9a3",
    on_accent="#10241a",
    tint="#264033",
    gold="#e0a722",
    fault="#f2988a",
    fault_tint="#43271f",
)

_STYLE = """
QMainWindow, QDialog {{ background: {paper}; }}
QToolBar {{ border: 0; border-bottom: 1px solid {line}; background: {paper}; padding: 6px 10px; spacing: 6px; }}
QMenuBar {{ background: {paper}; padding: 2px 6px; }}
QMenuBar::item:selected, QMenu::item:selected {{ background: {tint}; color: {ink}; }}
QMenu {{ background: {card}; border: 1px solid {line}; padding: 4px; }}
QMenu::item {{ padding: 5px 24px; border-radius: 4px; }}
QMenu::item:disabled {{ color: {soft}; }}
QMenu::separator {{ height: 1px; background: {line}; margin: 4px 8px; }}
QStatusBar {{ border-top: 1px solid {line}; color: {soft}; }}
QStatusBar::item {{ border: 0; }}
QPushButton, QToolButton {{
    border: 1px solid {line}; border-radius: 8px; padding: 6px 14px; background: {card}; color: {ink};
}}
QToolButton::menu-indicator {{ image: none; }}
QPushButton:hover, QToolButton:hover {{ border-color: {accent}; }}
QPushButton:focus, QToolButton:focus {{ border: 2px solid {accent}; padding: 5px 13px; }}
QPushButton:disabled, QToolButton:disabled {{ color: {soft}; }}
QPushButton:checked {{ background: {tint}; border-color: {accent}; }}
QPushButton#primary {{ background: {accent}; color: {on_accent}; border-color: {accent}; font-weight: 600; }}
QPushButton#primary:disabled {{ background: {line}; color: {soft}; border-color: {line}; }}
QPushButton#primary:focus {{ border: 2px solid {ink}; }}
QLineEdit {{
    border: 1px solid {line}; border-radius: 8px; padding: 5px 10px; background: {card}; color: {ink};
    selection-background-color: {accent}; selection-color: {on_accent};
}}
QLineEdit:focus {{ border: 2px solid {accent}; padding: 4px 9px; }}
QListView {{ border: 0; background: {paper}; outline: 0; }}
QListView#groups {{ border-right: 1px solid {line}; padding: 8px 6px; }}
QListView#labels {{ padding: 4px 0; }}
QSplitter::handle {{ background: {line}; }}
QProgressBar {{ border: 0; border-radius: 3px; background: {line}; max-height: 6px; }}
QProgressBar::chunk {{ background: {accent}; border-radius: 3px; }}
QScrollBar:vertical {{ width: 12px; background: transparent; margin: 0; }}
QScrollBar::handle:vertical {{ background: {line}; border-radius: 5px; min-height: 32px; margin: 1px; }}
QScrollBar::handle:vertical:hover {{ background: {soft}; }}
QScrollBar::add-line, QScrollBar::sub-line {{ height: 0; background: none; }}
QScrollBar::add-page, QScrollBar::sub-page {{ height: 0; background: none; }}
QScrollArea {{ border: 0; background: {paper}; }}
QScrollArea > QWidget > QWidget {{ background: {paper}; }}
QTabBar {{ background: {paper}; }}
QTabBar::tab {{
    padding: 7px 16px 6px; margin: 0 2px 0 10px; color: {soft}; background: transparent; border: 0;
    border-bottom: 3px solid transparent;
}}
QTabBar::tab:selected {{ color: {ink}; border-bottom-color: {accent}; font-weight: 600; }}
QTabBar::tab:hover {{ color: {ink}; }}
QTabBar::tab:focus {{ color: {accent}; }}
QWidget#tabs {{ border-bottom: 1px solid {line}; background: {paper}; }}
QFrame#try {{ border: 1px solid {line}; border-radius: 10px; background: {card}; }}
QTableWidget {{ border: 1px solid {line}; border-radius: 8px; background: {card}; }}
QTableWidget::item {{ padding: 2px 8px; border: 0; }}
QHeaderView::section {{
    background: {card}; color: {soft}; border: 0; border-bottom: 1px solid {line}; padding: 4px 8px;
}}
QLabel#section {{ font-size: 13pt; font-weight: 600; }}
QLabel[kind="fault"] {{ color: {fault}; }}
QLabel#headline {{ font-size: 17pt; font-weight: 600; }}
QLabel#soft {{ color: {soft}; }}
QLabel#hint {{ color: {soft}; }}
QWidget#notice {{ background: {tint}; border-bottom: 1px solid {line}; }}
QWidget#notice[kind="fault"] {{ background: {fault_tint}; }}
QWidget#notice[kind="fault"] QLabel {{ color: {fault}; }}
QToolTip {{ background: {card}; color: {ink}; border: 1px solid {line}; padding: 4px; }}
"""


def colors() -> Colors:
    """Return the colours that hold now."""
    return DARK if QGuiApplication.palette().color(QPalette.ColorRole.Window).lightness() < DARK_BELOW else LIGHT


def apply_scheme(app: QApplication, scheme: Scheme) -> None:
    """Show the app light or dark; to be called again when the system changes."""
    hints = QGuiApplication.styleHints()
    if hints.colorScheme() != _SCHEMES[scheme]:
        hints.setColorScheme(_SCHEMES[scheme])
    is_dark = scheme is Scheme.DARK or (scheme is Scheme.SYSTEM and hints.colorScheme() == Qt.ColorScheme.Dark)
    chosen = DARK if is_dark else LIGHT
    app.setPalette(_palette(chosen))
    style = _STYLE.format(**chosen.__dict__)
    if app.styleSheet() != style:
        app.setStyleSheet(style)


def _palette(chosen: Colors) -> QPalette:
    palette = QPalette()
    role = QPalette.ColorRole
    for name, color in (
        (role.Window, chosen.paper),
        (role.Base, chosen.paper),
        (role.AlternateBase, chosen.card),
        (role.Button, chosen.card),
        (role.Mid, chosen.line),
        (role.WindowText, chosen.ink),
        (role.Text, chosen.ink),
        (role.ButtonText, chosen.ink),
        (role.ToolTipText, chosen.ink),
        (role.ToolTipBase, chosen.card),
        (role.PlaceholderText, chosen.soft),
        (role.Highlight, chosen.accent),
        (role.HighlightedText, chosen.on_accent),
        (role.Link, chosen.accent),
        (role.Accent, chosen.accent),
    ):
        palette.setColor(name, QColor(color))
    for name in (role.WindowText, role.Text, role.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, name, QColor(chosen.soft))
    return palette
