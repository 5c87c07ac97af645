"""The tab that teaches, by real clicks and keys, with real trainings."""

import os
import shutil
import stat
import string
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from desktop_window import button, close_for_good, labels, recognised, wait_until, with_next_dialog
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QFileDialog, QPushButton
from taught_images import taught_image

import edgecls
from edgecls.cli import main
from edgecls.desktop.shared.settings import Settings
from edgecls.desktop.shared.text_en import ENGLISH
from edgecls.desktop.shared.text_zh import CHINESE
from edgecls.desktop.shared.words import Language
from edgecls.desktop.teach import adding
from edgecls.desktop.teach.shown import ALIKE, DOUBTFUL, LABEL, Shown
from edgecls.desktop.window import Window
from edgecls.errors import ServerError
from edgecls.modelfile import read_model
from edgecls.runtime.opening import load
from edgecls.teaching.bounds import TeachingBounds
from edgecls.teaching.teaching import Teaching

Opener = Callable[..., Window]
LEFT = Qt.MouseButton.LeftButton
CONTROL = Qt.KeyboardModifier.ControlModifier


def _files(folder: Path, color: str, numbers: range) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{color}-{number}.png" for number in numbers]
    for path, number in zip(paths, numbers, strict=True):
        path.write_bytes(taught_image(color, number))
    return paths


@pytest.fixture(scope="module")
def taught_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which a model was trained; two red images in it are labelled "green"."""
    root = tmp_path_factory.mktemp("teach") / "colours"
    teaching = Teaching(root, TeachingBounds(min_free_mb=0))
    for color, label, numbers in (
        *(("red", "red", range(10)), ("green", "green", range(10))),
        ("red", "green", (20, 21)),
    ):
        for number in numbers:
            teaching.add_image(taught_image(color, number), label, name=f"{color}-{number}.png")
    teaching.train()
    teaching.wait_for_training()
    assert teaching.progress.state == "finished", teaching.progress
    teaching.close()
    return root


@pytest.fixture
def taught(taught_once: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(taught_once, tmp_path / "colours"))


def _idle(window: Window) -> None:
    """Wait until nothing is under way in the tab."""
    teach = window.teach
    wait_until(
        lambda: (
            not (teach.session.is_opening or teach.session.is_busy or teach.session.adding.is_busy)
            and not teach.models.trying.is_busy
        )
    )


def _activate(window: Window) -> None:
    """Make it the window that gets the keys, which it is no longer after a dialog where there is no window manager."""
    window.activateWindow()
    wait_until(window.isActiveWindow)


def _open(window: Window, folder: Path) -> None:
    _activate(window)
    QTest.keyClick(window, Qt.Key.Key_2, CONTROL)
    assert window.tab is window.teach
    window.teach.folder.open(str(folder))
    wait_until(lambda: window.teach.session.teaching is not None)
    _idle(window)


def _make_class(window: Window, name: str) -> None:
    pane = window.teach.labels_pane
    pane.edit.setFocus()
    if name.isascii():
        QTest.keyClicks(pane.edit, name)
    else:
        pane.edit.setText(name)  # an input method's; QTest has keys for ASCII only
    QTest.keyClick(pane.edit, Qt.Key.Key_Return)
    wait_until(lambda: window.teach.session.shown == Shown(LABEL, name))
    _idle(window)


def _press(window: Window, widget: QPushButton) -> None:
    assert widget.isVisible(), widget.text()
    assert widget.isEnabled(), widget.text()
    QTest.mouseClick(widget, LEFT)
    _idle(window)


def _key(window: Window, key: Qt.Key) -> None:
    QTest.keyClick(window.teach.images_pane.grid, key)
    _idle(window)


def _drop(window: Window, paths: list[Path], at: QPointF) -> None:
    content = QMimeData()
    content.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    copy, keys = Qt.DropAction.CopyAction, Qt.KeyboardModifier.NoModifier
    QApplication.sendEvent(window, QDragEnterEvent(at.toPoint(), copy, content, LEFT, keys))
    QApplication.sendEvent(window, QDropEvent(at, copy, content, LEFT, keys))
    _idle(window)


def _train(window: Window) -> None:
    count = len(window.teach.session.state["versions"])
    assert window.teach.training.train_button.isEnabled()
    QTest.mouseClick(window.teach.training.train_button, LEFT)
    wait_until(lambda: window.teach.session.progress.state == "running")
    wait_until(window.teach.training.cancel_button.isVisible)
    window.teach.session.teaching.wait_for_training()  # as long as it takes
    wait_until(lambda: len(window.teach.session.state["versions"]) == count + 1)
    _idle(window)


def _counts(window: Window) -> dict[str, int]:
    return {entry["label"]: entry["images"] for entry in window.teach.session.state["labels"]}


def _save(window: Window, widget: QPushButton, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(path), ""))
    _press(window, widget)
    wait_until(lambda: str(path) in window.notice.text.text())


@pytest.mark.filterwarnings("ignore:.*QDragEnterEvent.*deprecated")  # newer releases take points of other types
def test_two_classes_are_taught_tried_corrected_learnt_used_and_saved(
    open_window: Opener, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    window = open_window()
    teach = window.teach
    folder = tmp_path / "my colours"
    _open(window, folder)
    _make_class(window, "AC/DC 红")
    monkeypatch.setattr(
        QFileDialog,
        "getOpenFileNames",
        lambda *_: ([str(path) for path in _files(tmp_path / "r", "red", range(4))], ""),
    )
    _press(window, teach.images_pane.add_button)
    _make_class(window, "green")
    _drop(window, _files(tmp_path / "g", "green", range(4)), QPointF(500, 400))
    assert _counts(window) == {"AC/DC 红": 4, "green": 4}
    assert "AC/DC 红 (4)" in teach.training.warnings.text()

    _train(window)
    assert "Trained in" in teach.training.said.text()
    assert teach.models.versions.number == 1
    assert [teach.models.versions.table.item(row, 0).text() for row in range(2)] == ["AC/DC 红", "green"]
    blue, red = *_files(tmp_path / "try", "blue", range(1)), *_files(tmp_path / "try", "red", range(50, 51))
    teach.models.try_paths([str(blue), str(red)])
    wait_until(lambda: len(teach.models.tries) == 2)
    trial = teach.models.tries._tries[0].trial
    assert (trial.answer.best.label, trial.beside) == ("AC/DC 红", "familiar")
    assert trial.other.best.label == "red"

    _make_class(window, "blue")
    _drop(window, _files(tmp_path / "b", "blue", range(10, 13)), QPointF(500, 400))
    box = teach.models.tries._tries[1].box
    box.setCurrentIndex(box.findText("blue"))
    box.activated.emit(box.currentIndex())
    _idle(window)
    assert "Added to “blue”" in teach.models.tries._tries[1].note.text()
    assert teach.training.train_button.text() == "Learn from 1 correction"
    _train(window)
    assert teach.training.train_button.text() == "Train"
    _press(window, teach.models.versions.use_button)
    wait_until(lambda: window.classify.choice.path.endswith("versions/2/model.onnx"))
    assert not teach.models.versions.use_button.isEnabled()
    wait_until(lambda: "blue" in window.classify.labels)
    assert window.classify.top.model_box.currentText() == "my colours 2"

    model, archive = tmp_path / "saved.onnx", tmp_path / "saved.zip"
    _save(window, teach.models.versions.model_button, model, monkeypatch)
    _save(window, teach.models.versions.zip_button, archive, monkeypatch)
    result = CliRunner().invoke(main, ["verify", str(model)])
    assert result.exit_code == 0, result.output
    assert read_model(model).card.name == "my colours"
    assert load(model, "cpu").predict_bytes(blue.read_bytes()).best_label == "blue"
    names = zipfile.ZipFile(archive).namelist()
    assert len(names) == 13
    assert "my colours/labels.csv" in names


def test_doubtful_labels_are_kept_changed_and_removed_by_keys_and_all_of_it_undone(
    open_window: Opener, taught: Path
) -> None:
    window = open_window()
    teach = window.teach
    _open(window, taught)
    teach.session.show(Shown(DOUBTFUL))
    _idle(window)
    first, second = (image.image for image in teach.session.images)
    assert first.startswith("green/")
    assert [image.image for image in teach.images_pane.selected] == [first]
    teach.images_pane.grid.setFocus()

    _key(window, Qt.Key.Key_K)
    assert [image.image for image in teach.session.images] == [second]
    assert [image.image for image in teach.images_pane.selected] == [second]
    _key(window, Qt.Key.Key_S)
    assert _counts(window) == {"green": 11, "red": 11}
    assert teach.session.shown == Shown(LABEL, "red")

    _press(window, teach.labels_pane.undo_button)
    assert teach.labels_pane.undo_button.toolTip() == "Undo: 1 label kept"
    _press(window, teach.labels_pane.undo_button)
    teach.session.show(Shown(DOUBTFUL))
    _idle(window)
    _key(window, Qt.Key.Key_1)
    _key(window, Qt.Key.Key_Delete)
    assert _counts(window) == {"green": 10, "red": 11}
    QTest.keyClick(window, Qt.Key.Key_Z, CONTROL)
    _idle(window)
    QTest.keyClick(window, Qt.Key.Key_Z, CONTROL)
    _idle(window)
    assert _counts(window) == {"green": 12, "red": 10}
    assert {image.suggested for image in teach.session.images} | {"red"} == {"red", ""}


def test_digits_choose_a_class_and_typed_ones_are_text(open_window: Opener, taught: Path) -> None:
    window = open_window()
    _open(window, taught)
    window.teach.images_pane.grid.setFocus()
    _key(window, Qt.Key.Key_2)
    assert window.teach.session.shown == Shown(LABEL, "green")
    assert window.teach.images_pane.title.text() == "green"
    _key(window, Qt.Key.Key_1)
    assert window.teach.session.shown == Shown(LABEL, "red")

    _make_class(window, "k2s")
    assert list(_counts(window)) == ["red", "green", "k2s"]


def test_classes_are_renamed_and_removed_and_images_moved(open_window: Opener, taught: Path) -> None:
    window = open_window()
    teach = window.teach
    _open(window, taught)
    _make_class(window, "blue")

    def rename(dialog: object) -> None:
        dialog.setTextValue("azure")
        dialog.accept()

    with_next_dialog(rename)
    _press(window, teach.images_pane.rename_button)
    assert list(_counts(window)) == ["red", "green", "azure"]
    teach.session.show(Shown(LABEL, "red"))
    _idle(window)
    _activate(window)
    teach.images_pane.grid.setFocus()
    QTest.keyClick(teach.images_pane.grid, Qt.Key.Key_A, CONTROL)
    assert teach.images_pane.selected_text.text() == "10 images selected"
    next(action for action in teach.images_pane.move_menu.actions() if action.data() == "azure").trigger()
    _idle(window)
    assert _counts(window) == {"green": 12, "red": 0, "azure": 10}
    assert "“red” has no images yet" in teach.images_pane.hint.text()

    teach.session.show(Shown(LABEL, "azure"))
    _idle(window)
    _press(window, teach.images_pane.forget_button)
    assert _counts(window) == {"green": 12, "red": 0}
    window.actions_["undo"].trigger()
    _idle(window)
    assert _counts(window)["azure"] == 10


def test_putting_a_version_into_use_is_undone_in_the_other_tab_too(open_window: Opener, taught: Path) -> None:
    window = open_window()
    _open(window, taught)
    before = window.classify.choice.path
    _press(window, window.teach.models.versions.use_button)
    wait_until(lambda: set(window.classify.labels) == {"green", "red"})

    window.actions_["undo"].trigger()

    wait_until(lambda: window.classify.choice.path == before and "blue" in window.classify.labels)
    assert window.teach.session.state["in_use"] is None


def test_corrections_of_the_other_tab_are_learnt_from(open_window: Opener, taught: Path, images: Path) -> None:
    window = open_window(images)
    recognised(window, 3)
    _activate(window)
    row = next(r for r in range(3) if window.session.images.entry(r).path.endswith("blue.png"))
    window.classify.grid.setCurrentIndex(window.session.images.index(row))
    QTest.keyClick(window.classify.grid, Qt.Key.Key_1)
    assert labels(window)["blue.png"] == "red"
    _open(window, taught)

    _press(window, window.teach.training.corrections_button)

    assert _counts(window) == {"green": 12, "red": 11}
    assert window.teach.training.train_button.text() == "Learn from 1 correction"
    _press(window, window.teach.labels_pane.undo_button)
    assert window.teach.training.train_button.text() == "Train"


def _adding_150(open_window: Opener, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Window:
    """Return a window that has just begun to add 150 images to the class red."""
    monkeypatch.setattr(adding, "CHUNK_S", 0.01)  # in which a fast machine does not add all of them
    window = open_window()
    _open(window, tmp_path / "many")
    _make_class(window, "red")
    _files(tmp_path / "pile", "red", range(150))
    window.teach.add_paths([str(tmp_path / "pile")])
    return window


def test_other_steps_do_not_wait_for_images_that_are_being_added_and_undo_takes_these_out(
    open_window: Opener, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    window = _adding_150(open_window, tmp_path, monkeypatch)
    teach = window.teach
    teach.folder.make_label("blue")
    wait_until(lambda: "blue" in _counts(window))
    assert teach.session.adding.is_busy
    teach.session.undo()
    _idle(window)
    assert _counts(window)["red"] < 150

    while _counts(window)["red"]:
        _press(window, teach.labels_pane.undo_button)
    assert next(iter(_counts(window))) == "red"


def test_images_that_are_being_added_follow_a_class_to_its_new_name_and_end_with_it(
    open_window: Opener, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    window = _adding_150(open_window, tmp_path, monkeypatch)
    teach = window.teach
    teach.session.rename_label("red", "rose")
    wait_until(lambda: "rose" in _counts(window))
    assert teach.session.adding.is_busy
    _idle(window)
    assert _counts(window) == {"rose": 150}

    _files(tmp_path / "more", "red", range(150, 300))
    teach.add_paths([str(tmp_path / "more")])
    teach.session.remove_label("rose")
    _idle(window)
    assert _counts(window) == {}

    teach.session.undo()
    _idle(window)
    assert list(_counts(window)) == ["rose"]
    assert 150 <= _counts(window)["rose"] < 300


def test_images_that_cannot_be_used_are_named_and_the_others_added(open_window: Opener, tmp_path: Path) -> None:
    window = open_window()
    _open(window, tmp_path / "t")
    assert "Make a class" in window.teach.images_pane.hint.text()
    good = _files(tmp_path / "some", "red", range(2))
    window.teach.add_paths([str(good[0])])
    assert window.notice.text.text() == "Make a class first."
    (tmp_path / "some" / "broken.jpg").write_bytes(b"no image")
    _make_class(window, "red")

    window.teach.add_paths([str(tmp_path / "some"), str(tmp_path / "missing.png")])
    _idle(window)

    assert _counts(window) == {"red": 2}
    text = window.notice.text.text()
    assert "2 images added" in text
    assert "2 could not be done: broken.jpg" in text


def test_a_full_folder_takes_no_more_and_keeps_what_it_has(open_window: Opener, tmp_path: Path) -> None:
    window = open_window()
    window.teach.session.bounds = TeachingBounds(min_free_mb=0, max_mb=0.04)
    _open(window, tmp_path / "t")
    _make_class(window, "red")
    window.teach.add_paths([str(path) for path in _files(tmp_path / "some", "red", range(9))])
    _idle(window)

    count = _counts(window)["red"]
    assert 0 < count < 9
    assert f"{9 - count} could not be done" in window.notice.text.text()
    assert "MiB" in window.notice.text.text()


def test_a_folder_that_a_server_teaches_in_is_refused_and_the_other_way_round(
    open_window: Opener, tiny_model_path: Path, taught: Path, tmp_path: Path
) -> None:
    window = open_window()
    window.show_tab(1)
    with edgecls.serve(tiny_model_path, teach=taught):
        window.teach.folder.open(str(taught))
        wait_until(lambda: "another program is teaching" in window.notice.text.text())
        assert str(taught) in window.notice.text.text()
        assert window.teach.session.teaching is None
        window.set_language(Language.CHINESE)
        window.teach.folder.open(str(taught))
        wait_until(lambda: "另一个程序" in window.notice.text.text())
    _open(window, taught)
    with pytest.raises(ServerError, match="another program is teaching"), edgecls.serve(tiny_model_path, teach=taught):
        pass
    _open_another(window, tmp_path / "other")
    with edgecls.serve(tiny_model_path, teach=taught):  # it has been let go of
        pass


def _open_another(window: Window, folder: Path) -> None:
    window.teach.folder.open(str(folder))
    wait_until(lambda: window.teach.session.state.get("name") == folder.name)
    _idle(window)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="permissions do not hold for the superuser")
def test_a_folder_that_cannot_be_written_is_refused(open_window: Opener, tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir()
    (tmp_path / "closed").chmod(stat.S_IRUSR | stat.S_IXUSR)
    window = open_window()
    window.show_tab(1)
    window.teach.folder.open(str(tmp_path / "closed"))
    wait_until(lambda: "Permission denied" in window.notice.text.text())


def test_a_file_in_place_of_the_folder_and_folders_of_splits_are_refused(open_window: Opener, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for split in ("train", "test"):
        _files(tmp_path / "splits" / split / "red", "red", range(1))
    window = open_window()
    window.show_tab(1)
    window.teach.folder.open(str(tmp_path / "file"))
    wait_until(lambda: "cannot teach in" in window.notice.text.text())
    with_next_dialog(lambda dialog: QTest.mouseClick(button(dialog, "Teach here"), LEFT))
    window.teach.folder.open(str(tmp_path / "splits"))
    wait_until(lambda: "its folders are splits" in window.notice.text.text())
    assert sorted(path.name for path in (tmp_path / "splits").iterdir()) == ["test", "train"]


def test_a_folder_that_is_no_dataset_is_asked_about_first(open_window: Opener, tmp_path: Path) -> None:
    documents = tmp_path / "documents"
    documents.mkdir()
    (documents / "letter.txt").write_text("Dear…")
    window = open_window()
    window.show_tab(1)

    with_next_dialog(lambda dialog: QTest.mouseClick(button(dialog, "Cancel"), LEFT))
    window.teach.folder.open(str(documents))
    wait_until(lambda: not window.teach.session.is_opening and QApplication.activeModalWidget() is None)
    assert [path.name for path in documents.iterdir()] == ["letter.txt"]
    assert window.teach.session.teaching is None

    with_next_dialog(lambda dialog: QTest.mouseClick(button(dialog, "Teach here"), LEFT))
    _open(window, documents)
    assert window.teach.session.state["name"] == "documents"


def test_a_training_is_cancelled_and_leaving_asks_about_one(open_window: Opener, taught: Path) -> None:
    window = open_window()
    _open(window, taught)
    QTest.keyClick(window, Qt.Key.Key_T, CONTROL)
    wait_until(lambda: window.teach.training.cancel_button.isVisible())
    QTest.mouseClick(window.teach.training.cancel_button, LEFT)
    wait_until(lambda: "cancelled" in window.teach.training.said.text())
    assert [version["number"] for version in window.teach.session.state["versions"]] == [1]
    wait_until(lambda: window.teach.training.train_button.isEnabled())

    _idle(window)
    QTest.mouseClick(window.teach.training.train_button, LEFT)
    wait_until(lambda: window.teach.session.progress.state == "running")
    asked = []

    def leave(dialog: object) -> None:
        asked.append(dialog.informativeText())
        QTest.mouseClick(button(dialog, "Leave"), LEFT)

    with_next_dialog(leave)
    window.close()
    assert "A training is running" in asked[0]
    assert not window.isVisible()
    again = Teaching(taught, TeachingBounds(min_free_mb=0))  # the folder is free, and whole
    assert [version.number for version in again.versions()] == [1]
    again.close()


def test_the_folder_is_there_again_at_the_next_start_and_an_older_version_beside_the_new_one(
    open_window: Opener, taught: Path
) -> None:
    window = open_window()
    _open(window, taught)
    assert Settings().teach_folder == str(taught)
    close_for_good(window)

    again = open_window()
    assert again.teach.session.teaching is None  # nothing of it is loaded before it is wanted
    QTest.mouseClick(again.tab_bar, LEFT, Qt.KeyboardModifier.NoModifier, again.tab_bar.tabRect(1).center())
    wait_until(lambda: again.teach.session.state.get("name") == "colours")
    _idle(again)
    assert again.windowTitle() == "colours – edgecls"
    assert again.teach.models.versions.box.count() == 1


def test_what_somebody_else_puts_into_the_folder_is_seen(open_window: Opener, taught: Path) -> None:
    window = open_window()
    _open(window, taught)
    (taught / "green" / "one more.png").write_bytes(taught_image("green", 77))
    shutil.copytree(taught / "green", taught / "yellow")
    window.show_tab(0)
    window.show_tab(1)
    _idle(window)

    assert _counts(window) == {"green": 13, "red": 10, "yellow": 13}


def test_look_alikes_are_listed_with_their_labels(open_window: Opener, tmp_path: Path) -> None:
    window = open_window()
    _open(window, tmp_path / "t")
    (original,) = _files(tmp_path / "some", "red", range(1))
    from edgecls import image

    for label, quality in (("red", 90), ("scarlet", 80)):
        _make_class(window, label)
        copy = tmp_path / f"{label}.jpg"
        copy.write_bytes(image.encode_jpeg(image.decode(original.read_bytes()), quality=quality))
        window.teach.add_paths([str(copy)])
        _idle(window)
    assert "have different classes: red, scarlet" in window.teach.training.warnings.text()

    window.teach.session.show(Shown(ALIKE))
    _idle(window)
    assert {entry.label for entry in window.teach.session.images} == {"red", "scarlet"}
    assert len(window.teach.images_pane.selected) == 1


def test_menus_have_what_belongs_to_the_tab_in_front(open_window: Opener, taught: Path) -> None:
    window = open_window()
    assert window.actions_["sort"].isVisible()
    assert not window.actions_["train"].isVisible()
    _open(window, taught)
    assert not window.actions_["sort"].isVisible()
    assert window.actions_["train"].isEnabled()
    assert window.actions_["open_folder"].text() == "Open &folder to teach in…"
    window.set_language(Language.CHINESE)
    assert window.teach.training.train_button.text() == "开始训练"
    assert window.teach.labels_pane.folder_button.toolTip() == "文件夹：colours"
    assert window.tab_bar.tabText(1) == "教学"
    for widget in window.teach.findChildren(QPushButton):
        assert widget.text() or widget.accessibleName() or not widget.isVisible()


def test_both_languages_have_the_same_texts_with_the_same_values() -> None:
    def values(text: str) -> set[str]:
        return {name for _, name, _, _ in string.Formatter().parse(text) if name}

    english = {key for key in ENGLISH if not key.endswith(".one")}
    chinese = {key for key in CHINESE if not key.startswith("fault.")}  # in English, errors speak for themselves
    assert english == chinese
    assert [key for key in english if values(ENGLISH[key]) != values(CHINESE[key])] == []
