"""Watching folders: what arrives is classified once it is whole, and once."""

import os
from collections.abc import Callable
from pathlib import Path

from edgecls import Classifier, Outcome, Prediction
from edgecls.errors import ImageDecodeError
from edgecls.runtime.folders.watch import PATIENCE_S, Arrivals, Stamp, watch
from edgecls.runtime.illustrator import Illustrator

ONE, TWO = Stamp(10, 100), Stamp(20, 200)


def test_a_file_is_tried_when_it_stayed_as_it_was_between_two_looks() -> None:
    arrivals = Arrivals(patience_s=5)

    assert arrivals.look({"a": ONE}, now_s=0) == []
    assert arrivals.look({"a": TWO, "b": ONE}, now_s=1) == []
    assert arrivals.look({"a": TWO, "b": ONE}, now_s=2) == ["a", "b"]


def test_a_settled_file_is_left_alone_until_it_changes_or_comes_back() -> None:
    arrivals = Arrivals(patience_s=5)
    for now_s in range(2):
        arrivals.look({"a": ONE}, now_s=now_s)
    arrivals.settle("a")

    assert arrivals.look({"a": ONE}, now_s=2) == []
    assert arrivals.look({"a": TWO}, now_s=3) == []
    assert arrivals.look({"a": TWO}, now_s=4) == ["a"]
    arrivals.settle("a")
    assert arrivals.look({}, now_s=5) == []
    assert arrivals.look({"a": TWO}, now_s=6) == []
    assert arrivals.look({"a": TWO}, now_s=7) == ["a"]


def test_a_file_is_given_up_when_it_has_not_changed_for_long() -> None:
    arrivals = Arrivals(patience_s=5)
    arrivals.look({"a": ONE}, now_s=0)
    arrivals.look({"a": TWO}, now_s=3)

    assert arrivals.look({"a": TWO}, now_s=7) == ["a"]
    assert not arrivals.is_given_up("a", now_s=7)
    assert arrivals.is_given_up("a", now_s=8)


class _Hours:
    """A clock that goes on when somebody waits, and lets something happen at each second."""

    def __init__(self, *events: Callable[[], object]) -> None:
        self._events = events
        self._now_s = 0

    def now(self) -> float:
        return float(self._now_s)

    def wait(self, seconds: float) -> None:
        if self._now_s == len(self._events):
            raise KeyboardInterrupt
        self._events[self._now_s]()
        self._now_s += 1


def _nothing() -> None:
    pass


def _collect(
    classifier: Classifier,
    folder: Path,
    *events: Callable[[], object],
    passing_over: tuple[str, ...] = (),
    illustrator: Illustrator | None = None,
) -> list[Outcome]:
    hours, outcomes = _Hours(*events), []
    stream = watch(
        classifier,
        [folder],
        workers=2,
        interval_s=1,
        passing_over=passing_over,
        illustrator=illustrator,
        clock=hours.now,
        wait=hours.wait,
    )
    try:
        for outcome in stream:
            outcomes.append(outcome)
            if illustrator is not None:
                illustrator.keep(outcome)
    except KeyboardInterrupt:
        return outcomes
    raise AssertionError("it ended by itself")


def test_what_is_there_and_what_arrives_is_classified_once(
    tiny_classifier: Classifier, images: Path, tmp_path: Path
) -> None:
    blue = (images / "blue.png").rename(tmp_path / "blue.png")

    outcomes = _collect(
        tiny_classifier,
        images,
        _nothing,
        _nothing,
        lambda: blue.rename(images / "新.png"),
        *[_nothing] * 4,
    )

    labels = {
        Path(outcome.name).name: outcome.result.label for outcome in outcomes if isinstance(outcome.result, Prediction)
    }
    assert labels == {"green.png": "green", "red.png": "red", "新.png": "blue"}
    assert len(outcomes) == 3


def test_a_file_that_is_written_slowly_is_classified_when_it_is_whole(
    tiny_classifier: Classifier, images: Path, tmp_path: Path
) -> None:
    data = (images / "red.png").read_bytes()
    folder = tmp_path / "hot"
    folder.mkdir()
    slow = folder / "slow.png"
    cut = len(data) // 2

    # It stays half-written for three looks, less than the patience.
    outcomes = _collect(
        tiny_classifier,
        folder,
        lambda: slow.write_bytes(data[:cut]),
        *[_nothing] * 3,
        lambda: slow.write_bytes(data),
        *[_nothing] * 5,
    )

    assert [type(outcome.result) for outcome in outcomes] == [Prediction]


def test_a_file_that_stays_faulty_is_reported_once_and_again_when_it_changes(
    tiny_classifier: Classifier, tmp_path: Path
) -> None:
    bad = tmp_path / "bad.png"
    long = [_nothing] * (int(PATIENCE_S) + 2)

    outcomes = _collect(
        tiny_classifier,
        tmp_path,
        lambda: bad.write_text("no image"),
        *long,
        lambda: bad.write_text("no image yet"),
        *long,
    )

    assert [outcome.name for outcome in outcomes] == [str(bad)] * 2
    assert all(isinstance(outcome.result, ImageDecodeError) for outcome in outcomes)


def test_other_files_links_to_nowhere_and_folders_passed_over_are_left_alone(
    tiny_classifier: Classifier, images: Path
) -> None:
    (images / "notes.txt").write_text("notes")
    (images / ".red.png.part").write_text("half")
    (images / "link.png").symlink_to("nowhere")
    (images / "out").mkdir()
    (images / "red.png").rename(images / "out" / "red.png")

    outcomes = _collect(tiny_classifier, images, *[_nothing] * 8, passing_over=(os.path.realpath(images / "out"),))

    assert [Path(outcome.name).name for outcome in outcomes] == ["blue.png", "green.png"]


def test_drawings_within_the_folder_are_not_taken_for_arrivals(tiny_classifier: Classifier, images: Path) -> None:
    out = images / "out"
    illustrator = Illustrator(heat_folder=out, label_folder=None, roots=[str(images)])

    outcomes = _collect(
        tiny_classifier,
        images,
        *[_nothing] * 6,
        passing_over=tuple(illustrator.folders),
        illustrator=illustrator,
    )

    assert len(outcomes) == 3
    assert sorted(os.listdir(out)) == ["blue.jpg", "green.jpg", "red.jpg"]


def test_a_folder_that_goes_and_comes_back_is_watched_on(tiny_classifier: Classifier, images: Path) -> None:
    away = images.with_name("away")

    outcomes = _collect(
        tiny_classifier,
        images,
        lambda: images.rename(away),
        *[_nothing] * 2,
        lambda: away.rename(images),
        *[_nothing] * 3,
    )

    assert len(outcomes) == 3
