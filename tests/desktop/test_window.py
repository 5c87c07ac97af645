"""The window, by real clicks and keys."""

import csv
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from desktop_window import button, close_for_good, labels, recognised, wait_until, with_next_dialog
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QFileDialog, QPushButton

from edgecls import image
from edgecls.desktop.shared.dialogs import SortDialog
from edgecls.desktop.shared.entries import ALL, CORRECTED, Group, Kind
from edgecls.desktop.shared.settings import Scheme, Settings
from edgecls.desktop.shared.words import Language
from edgecls.desktop.window import Window

Opener = Callable[..., Window]


def _drop(window: Window, *paths: Path) -> None:
    """Drop files on the middle of the window, as a file manager does."""
    content = QMimeData()
    content.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    copy, buttons, keys = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    enter = QDragEnterEvent(QPoint(300, 300), copy, content, buttons, keys)
    QApplication.sendEvent(window, enter)
    assert enter.isAccepted()
    QApplication.sendEvent(window, QDropEvent(QPointF(300, 300), copy, content, buttons, keys))


def _click(window: Window, name: str) -> None:
    """Click on an image in the grid."""
    row = next(r for r in range(window.session.images.rowCount()) if window.session.images.entry(r).path.endswith(name))
    place = window.classify.grid.visualRect(window.session.images.index(row)).center()
    QTest.mouseClick(window.classify.grid.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, place)


def test_it_begins_with_a_sample_that_is_recognised_by_a_click(open_window: Opener) -> None:
    window = open_window()
    wait_until(lambda: window.classify.top.recognise_button.isEnabled())
    assert [entry.is_done for entry in window.session.images.entries] == [False]

    QTest.mouseClick(window.classify.top.recognise_button, Qt.MouseButton.LeftButton)
    recognised(window, 1)

    wait_until(lambda: not window.classify.top.recognise_button.isEnabled())
    assert window.classify.details.headline.text()
    assert "%" in window.classify.details.bars.accessibleName()


@pytest.mark.filterwarnings("ignore:.*QDragEnterEvent.*deprecated")  # newer releases take points of other types
def test_a_folder_that_is_dropped_takes_the_place_of_the_sample_and_is_grouped(
    open_window: Opener, images: Path
) -> None:
    (images / "broken.jpg").write_bytes(b"no image")
    window = open_window()
    wait_until(lambda: window.classify.top.recognise_button.isEnabled())

    _drop(window, images)
    recognised(window, 4)

    assert labels(window) == {"blue.png": "blue", "broken.jpg": None, "green.png": "green", "red.png": "red"}
    groups = [Group(Kind.LABEL, label) for label in ("blue", "green", "red")]
    assert window.classify.groups.groups == [ALL, *groups, Group(Kind.FAILED)]
    _click(window, "broken.jpg")
    assert "broken.jpg" in window.classify.details.said.text()
    assert window.status.model.text() == "colors · runs on cpu"


def test_digits_set_the_right_label_and_go_to_the_next_image(open_window: Opener, images: Path) -> None:
    window = open_window(images)
    recognised(window, 3)
    _click(window, "blue.png")

    QTest.keyClick(window.classify.grid, Qt.Key.Key_1)
    QTest.keyClick(window.classify.grid, Qt.Key.Key_3)

    assert labels(window) == {"blue.png": "red", "green.png": "blue", "red.png": "red"}
    assert [entry.path[-7:] for entry in window.classify.selected] == ["red.png"]
    assert window.session.images.counts[CORRECTED] == 2


def test_undo_and_redo_by_keys(open_window: Opener, images: Path) -> None:
    window = open_window(images)
    recognised(window, 3)
    _click(window, "blue.png")
    QTest.keyClick(window.classify.grid, Qt.Key.Key_1)

    QTest.keyClick(window.classify.grid, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert labels(window)["blue.png"] == "blue"
    assert window.session.images.entries[0].correction is None

    shift = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
    QTest.keyClick(window.classify.grid, Qt.Key.Key_Z, shift)
    assert labels(window)["blue.png"] == "red"


def test_in_a_group_a_corrected_image_leaves_and_the_next_one_is_selected(open_window: Opener, images: Path) -> None:
    for copy in ("red-2.png", "red-3.png"):
        shutil.copy(images / "red.png", images / copy)
    window = open_window(images)
    recognised(window, 5)
    row = window.classify.groups.groups.index(Group(Kind.LABEL, "red"))
    place = window.classify.groups_view.visualRect(window.classify.groups.index(row)).center()
    QTest.mouseClick(window.classify.groups_view.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert window.session.images.rowCount() == 3
    _click(window, "red-2.png")

    QTest.keyClick(window.classify.grid, Qt.Key.Key_2)

    assert window.session.images.rowCount() == 2
    assert len(window.classify.selected) == 1
    assert window.session.images.counts[Group(Kind.LABEL, "green")] == 2


def test_the_next_unsure_image_is_found_and_its_reason_is_told(open_window: Opener, images: Path) -> None:
    grey = np.full((8, 8, 3), 128, np.uint8)
    (images / "zgrey.png").write_bytes(image.encode_png(grey))
    window = open_window(images)
    recognised(window, 4)
    _click(window, "blue.png")

    QTest.keyClick(window.classify.grid, Qt.Key.Key_N)

    assert window.classify.selected[0].path.endswith("zgrey.png")
    assert window.classify.details.headline.text().startswith("Unknown: unlike the training images")
    assert "at least 0.80" in window.classify.details.familiarity.accessibleName()
    QTest.keyClick(window.classify.grid, Qt.Key.Key_C)
    assert window.classify.selected[0].correction == window.classify.selected[0].answer.best.label


def test_several_selected_images_get_a_label_together_and_undo_takes_it_from_all(
    open_window: Opener, images: Path
) -> None:
    window = open_window(images)
    recognised(window, 3)
    QTest.keyClick(window.classify.grid, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)

    QTest.keyClick(window.classify.grid, Qt.Key.Key_2)
    assert set(labels(window).values()) == {"green"}

    window.actions_["undo"].trigger()
    assert labels(window)["red.png"] == "red"


def test_a_new_label_is_typed(open_window: Opener, images: Path) -> None:
    window = open_window(images)
    recognised(window, 3)
    _click(window, "red.png")

    def type_it(dialog: object) -> None:
        QTest.keyClicks(dialog.box.lineEdit(), "vermilion")
        QTest.keyClick(dialog.box.lineEdit(), Qt.Key.Key_Return)

    with_next_dialog(type_it)
    QTest.keyClick(window.classify.grid, Qt.Key.Key_L)

    assert labels(window)["red.png"] == "vermilion"
    assert Group(Kind.LABEL, "vermilion") in window.classify.groups.groups


def test_exports_have_the_corrections(open_window: Opener, images: Path, tmp_path: Path, monkeypatch) -> None:
    window = open_window(images)
    recognised(window, 3)
    _click(window, "red.png")
    QTest.keyClick(window.classify.grid, Qt.Key.Key_3)
    table = tmp_path / "results.csv"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(table), ""))

    QTest.keyClick(window.classify.grid, Qt.Key.Key_E, Qt.KeyboardModifier.ControlModifier)
    wait_until(lambda: not window.session.working)
    window.actions_["export_xmp"].trigger()
    wait_until(lambda: not window.session.working)

    rows = {Path(row["image"]).name: row for row in csv.DictReader(table.read_text("utf-8-sig").splitlines())}
    assert (rows["red.png"]["label"], rows["red.png"]["corrected"], rows["red.png"]["predicted"]) == (
        *("blue", "true", "red"),
    )
    assert rows["green.png"]["corrected"] == "false"
    assert "<rdf:li>blue</rdf:li>" in (images / "red.png.xmp").read_text(encoding="utf-8")
    assert window.session.decisions.unsaved_count == 0


def test_images_are_moved_into_folders_and_undo_moves_them_back(
    open_window: Opener, images: Path, tmp_path: Path
) -> None:
    window = open_window(images)
    recognised(window, 3)
    _click(window, "red.png")
    QTest.keyClick(window.classify.grid, Qt.Key.Key_3)

    def fill_in(dialog: SortDialog) -> None:
        dialog.folder_edit.setText(str(tmp_path / "sorted"))
        QTest.mouseClick(dialog.move_button, Qt.MouseButton.LeftButton, pos=QPoint(8, 8))
        QTest.mouseClick(dialog.go_button, Qt.MouseButton.LeftButton)

    with_next_dialog(fill_in)
    QTest.mouseClick(window.classify.top.sort_button, Qt.MouseButton.LeftButton)
    wait_until(lambda: not window.session.working)

    files = sorted(path.relative_to(tmp_path).as_posix() for path in (tmp_path / "sorted").rglob("*.png"))
    assert files == ["sorted/blue/blue.png", "sorted/blue/red.png", "sorted/green/green.png"]
    assert list(images.iterdir()) == []
    assert {entry.path for entry in window.session.images.entries} == {str(tmp_path / file) for file in files}

    window.actions_["undo"].trigger()
    wait_until(lambda: not window.session.working)
    assert sorted(path.name for path in images.iterdir()) == ["blue.png", "green.png", "red.png"]
    assert labels(window)["red.png"] == "blue"

    window.actions_["redo"].trigger()
    wait_until(lambda: not window.session.working)
    assert list(images.iterdir()) == []


def test_leaving_asks_only_where_corrections_are_not_exported(open_window: Opener, images: Path) -> None:
    window = open_window(images)
    recognised(window, 3)
    _click(window, "red.png")
    QTest.keyClick(window.classify.grid, Qt.Key.Key_3)

    asked = []

    def stay(dialog) -> None:
        asked.append(dialog.informativeText())
        QTest.mouseClick(button(dialog, "Stay"), Qt.MouseButton.LeftButton)

    with_next_dialog(stay)
    window.close()
    assert window.isVisible()
    assert "1 correction " in asked[0]

    window.actions_["undo"].trigger()
    window.close()
    assert not window.isVisible()


def test_corrections_are_there_again_after_leaving(open_window: Opener, images: Path) -> None:
    window = open_window(images)
    recognised(window, 3)
    _click(window, "red.png")
    QTest.keyClick(window.classify.grid, Qt.Key.Key_3)
    close_for_good(window)

    again = open_window()
    recognised(again, 3)

    assert labels(again) == {"blue.png": "blue", "green.png": "green", "red.png": "blue"}
    assert "1 correction" in again.notice.text.text()
    again.actions_["undo"].trigger()
    assert labels(again)["red.png"] == "red"


def test_the_heat_map_is_shown_and_taken_off_by_its_key(open_window: Opener, images: Path) -> None:
    window = open_window(images)
    recognised(window, 3)
    _click(window, "red.png")

    QTest.keyClick(window.classify.grid, Qt.Key.Key_H)
    wait_until(lambda: "red" in window.classify.details.note.text())
    QTest.keyClick(window.classify.grid, Qt.Key.Key_H)

    assert not window.classify.details.heat_button.isChecked()
    assert window.classify.details.note.text() == ""


def test_another_model_answers_all_images_anew_and_corrections_stay(
    open_window: Opener, images: Path, tmp_path: Path, monkeypatch
) -> None:
    from tiny_model import tiny_model_bytes

    other = tmp_path / "farben.onnx"
    other.write_bytes(tiny_model_bytes(name="farben", labels=("rot", "grün", "blau")))
    window = open_window(images)
    recognised(window, 3)
    _click(window, "red.png")
    QTest.keyClick(window.classify.grid, Qt.Key.Key_3)
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(other), ""))

    window.actions_["open_model"].trigger()
    wait_until(lambda: window.session.recogniser.classifier.card.name == "farben" and window.session.images.entries)
    recognised(window, 3)

    assert labels(window) == {"blue.png": "blau", "green.png": "grün", "red.png": "blue"}
    assert Settings().model == str(other)


def test_a_damaged_model_is_told_and_the_one_before_stays(
    open_window: Opener, images: Path, tmp_path: Path, monkeypatch
) -> None:
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"no model")
    window = open_window(images)
    recognised(window, 3)
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(broken), ""))

    window.actions_["open_model"].trigger()
    wait_until(lambda: "cannot be used" in window.notice.text.text())

    assert window.session.recogniser.classifier.card.name == "colors"
    assert labels(window)["red.png"] == "red"


def test_a_provider_that_does_not_work_is_told_and_another_one_can_be_chosen(open_window: Opener, images: Path) -> None:
    Settings().provider = "cuda"
    window = open_window(images)
    wait_until(lambda: "cuda" in window.notice.text.text() and window.session.images.entries)
    assert window.session.recogniser.classifier is None
    assert not window.classify.top.recognise_button.isEnabled()

    window.classify.top.provider_box.setFocus()
    QTest.keyClick(window.classify.top.provider_box, Qt.Key.Key_Home)
    window.classify.top.provider_box.activated.emit(0)
    recognised(window, 3)

    assert labels(window)["red.png"] == "red"
    assert Settings().provider == "auto"


def test_language_and_appearance_change_at_once_and_are_kept(open_window: Opener, images: Path) -> None:
    window = open_window(images)
    recognised(window, 3)

    window.actions_.languages["zh"].trigger()
    window.actions_.schemes["dark"].trigger()

    wait_until(lambda: window.classify.top.recognise_button.text() == "识别")
    assert window.classify.groups.index(0).data() == "全部图像"
    assert window.palette().window().color().lightness() < 128
    assert (Settings().language, Settings().scheme) == (Language.CHINESE, Scheme.DARK)
    window.actions_.schemes["light"].trigger()


def test_everything_to_be_clicked_has_a_name_and_takes_the_focus(open_window: Opener) -> None:
    window = open_window()
    buttons = window.classify.top.findChildren(QPushButton)

    for widget in [
        *buttons,
        window.classify.top.model_box,
        window.classify.top.provider_box,
        window.classify.grid,
        window.classify.groups_view,
    ]:
        assert widget.accessibleName() or widget.text()
        assert widget.focusPolicy() & Qt.FocusPolicy.TabFocus


@pytest.mark.parametrize("language", list(Language))
def test_every_action_has_words(open_window: Opener, language: Language) -> None:
    window = open_window()
    window.set_language(language)

    texts = [action.text() for menu in window.menuBar().actions() for action in menu.menu().actions() if action.text()]
    assert len(texts) > 20
    assert not [text for text in texts if "_" in text or "." in text]
