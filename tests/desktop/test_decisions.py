"""The journal of decisions: what was decided is there again, however the program ended."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edgecls.desktop.classify.decisions import JOURNAL_NAME, Decisions, LabelsSet, open_decisions
from edgecls.desktop.classify.sorting import do_again, sort_images, take_back
from edgecls.errors import OutputError
from edgecls.runtime.folders.sort_into import Transfer

Kept = Callable[[], Decisions]


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    """Opens the decisions, which are closed as those of a program that was killed."""
    opened = []

    def open_them() -> Decisions:
        opened.append(Decisions(tmp_path / JOURNAL_NAME))
        return opened[-1]

    yield open_them
    for decisions in opened:
        decisions.close(is_finished=False)


def _always(done: int) -> bool:
    return True


@pytest.fixture
def photos(tmp_path: Path) -> list[str]:
    paths = [tmp_path / "photos" / name for name in ("a.jpg", "b.jpg", "c.jpg")]
    paths[0].parent.mkdir()
    for path in paths:
        path.write_bytes(path.name.encode())
    return [str(path) for path in paths]


def test_a_program_that_is_killed_loses_no_decision(tmp_path: Path, photos: list[str], kept: Kept) -> None:
    decisions = kept()
    decisions.opened([str(tmp_path / "photos")])
    decisions.set_label(photos[:2], "rose")
    decisions.set_label(photos[:1], "tulip")
    decisions.set_label(photos[2:], "daisy")
    decisions.undone()  # and here it is killed

    again = kept()

    assert again.was_interrupted
    assert again.labels == {photos[0]: "tulip", photos[1]: "rose"}
    assert again.sources == [str(tmp_path / "photos")]
    assert again.unsaved_count == 2
    assert again.next_redo == LabelsSet((photos[2],), "daisy", (None,))
    again.undone()
    assert again.labels == {photos[0]: "rose", photos[1]: "rose"}


def test_a_line_that_was_cut_short_does_not_count(tmp_path: Path, photos: list[str], kept: Kept) -> None:
    decisions = kept()
    decisions.set_label(photos[:1], "rose")
    with open(tmp_path / JOURNAL_NAME, "ab") as stream:
        stream.write(b'{"do": "label", "images": ["')

    again = kept()
    again.set_label(photos[1:2], "daisy")

    assert kept().labels == {photos[0]: "rose", photos[1]: "daisy"}


def test_after_a_proper_end_only_labels_stay(tmp_path: Path, photos: list[str], kept: Kept) -> None:
    decisions = kept()
    decisions.opened(photos)
    decisions.set_label(photos[:1], "rose")
    decisions.saved()
    decisions.close()

    again = kept()

    assert (again.sources, again.next_undo, again.unsaved_count) == ([], None, 0)
    assert again.label_of(photos[0]) == "rose"


def test_a_file_that_was_replaced_does_not_keep_the_label(tmp_path: Path, photos: list[str], kept: Kept) -> None:
    decisions = kept()
    decisions.set_label(photos[:1], "rose")
    Path(photos[0]).write_bytes(b"another image")

    assert decisions.label_of(photos[0]) is None


def test_a_damaged_journal_is_put_aside(tmp_path: Path, kept: Kept) -> None:
    (tmp_path / JOURNAL_NAME).write_bytes(b"no json\n")

    decisions = kept()

    assert decisions.set_aside is not None
    assert decisions.set_aside.read_bytes() == b"no json\n"
    assert decisions.labels == {}


def test_two_windows_have_a_journal_each(tmp_path: Path, photos: list[str]) -> None:
    one, other = open_decisions(tmp_path / "kept"), open_decisions(tmp_path / "kept")
    one.set_label(photos[:1], "rose")
    other.set_label(photos[1:2], "daisy")
    one.close()
    other.close()

    again = open_decisions(tmp_path / "kept")
    assert again.labels == {photos[0]: "rose"}
    again.close()


def test_decisions_that_cannot_be_kept_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(OutputError, match="cannot keep decisions"):
        open_decisions(tmp_path / "file")


@pytest.mark.parametrize("transfer", list(Transfer))
def test_sorting_is_undone_and_done_again(tmp_path: Path, photos: list[str], transfer: Transfer, kept: Kept) -> None:
    decisions = kept()
    decisions.set_label(photos[:1], "rose")
    images = [(photos[0], "rose"), (photos[1], "rose"), (photos[2], "daisy")]

    faults = sort_images(decisions, images, tmp_path / "out", transfer=transfer, on_progress=_always)

    moves = transfer is Transfer.MOVE
    sorting = decisions.next_undo
    assert faults == []
    assert [Path(path).exists() for path in photos] == [not moves] * 3
    assert decisions.labels == {str(tmp_path / "out/rose/a.jpg") if moves else photos[0]: "rose"}
    assert decisions.unsaved_count == 0

    assert take_back(sorting, on_progress=_always) == []
    decisions.undone()
    assert all(Path(path).read_bytes() == Path(path).name.encode() for path in photos)
    assert [path for path in (tmp_path / "out").rglob("*") if path.is_file()] == []
    assert decisions.labels == {photos[0]: "rose"}

    assert do_again(sorting, on_progress=_always) == []
    decisions.redone()
    assert (tmp_path / "out/daisy/c.jpg").read_bytes() == b"c.jpg"


def test_a_kill_in_the_middle_of_a_move_loses_nothing(tmp_path: Path, photos: list[str], kept: Kept) -> None:
    decisions = kept()
    decisions.set_label(photos[:2], "rose")
    decisions.begin_sorting(str(tmp_path / "out"), "move")
    (tmp_path / "out").mkdir()
    decisions.place(Path(photos[0]), tmp_path / "out/a.jpg")
    Path(photos[0]).rename(tmp_path / "out/a.jpg")
    decisions.place(Path(photos[1]), tmp_path / "out/b.jpg")  # written down, but not done

    again = kept()

    assert again.labels == {str(tmp_path / "out/a.jpg"): "rose", photos[1]: "rose"}


def test_a_copy_that_was_changed_and_a_name_that_was_taken_are_left_alone(
    tmp_path: Path, photos: list[str], kept: Kept
) -> None:
    decisions = kept()
    images = [(path, "rose") for path in photos]
    sort_images(decisions, images, tmp_path / "out", transfer=Transfer.MOVE, on_progress=_always)
    Path(photos[1]).write_bytes(b"somebody else's")

    faults = take_back(decisions.next_undo, on_progress=_always)

    assert len(faults) == 1
    assert "another file has taken its name" in faults[0]
    assert Path(photos[1]).read_bytes() == b"somebody else's"
    assert (tmp_path / "out/rose/b.jpg").read_bytes() == b"b.jpg"


def test_a_link_that_was_sorted_is_a_link_again(tmp_path: Path, photos: list[str], kept: Kept) -> None:
    link = tmp_path / "photos" / "link.jpg"
    link.symlink_to("a.jpg")
    decisions = kept()
    sort_images(decisions, [(str(link), "rose")], tmp_path / "out", transfer=Transfer.MOVE, on_progress=_always)
    assert (tmp_path / "out/rose/link.jpg").read_bytes() == b"a.jpg"

    assert take_back(decisions.next_undo, on_progress=_always) == []

    assert link.is_symlink()
    assert link.read_bytes() == b"a.jpg"


def test_every_decision_is_a_line_of_json(tmp_path: Path, photos: list[str], kept: Kept) -> None:
    decisions = kept()
    decisions.set_label(photos[:1], "蔷薇")

    lines = (tmp_path / JOURNAL_NAME).read_text(encoding="utf-8").splitlines()

    assert json.loads(lines[-1])["label"] == "蔷薇"


def test_files_that_were_in_the_folder_before_stay_there_when_a_move_is_undone(
    tmp_path: Path, photos: list[str], kept: Kept
) -> None:
    Path(photos[1]).write_bytes(b"a.jpg")  # the same image twice
    (tmp_path / "out/rose").mkdir(parents=True)
    (tmp_path / "out/rose/c.jpg").write_bytes(b"c.jpg")
    decisions = kept()
    images = [(path, "rose") for path in photos]

    sort_images(decisions, images, tmp_path / "out", transfer=Transfer.MOVE, on_progress=_always)
    assert not any(Path(path).exists() for path in photos)
    again = kept()
    assert take_back(again.next_undo, on_progress=_always) == []

    assert [Path(path).read_bytes() for path in photos] == [b"a.jpg", b"a.jpg", b"c.jpg"]
    assert [path.name for path in (tmp_path / "out/rose").iterdir()] == ["c.jpg"]
    assert do_again(again.next_undo, on_progress=_always) == []
    assert not any(Path(path).exists() for path in photos)
