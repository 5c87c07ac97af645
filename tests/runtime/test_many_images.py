"""From what a user names to images, and from images to outcomes: in order, all of them, in bounded memory."""

import io
import os
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from edgecls import Classifier, Prediction, image
from edgecls.errors import ImageDecodeError, ImageReadError
from edgecls.image_limits import DEFAULT_LIMITS
from edgecls.in_order import AHEAD_PER_WORKER
from edgecls.modelfile import ModelFile
from edgecls.runtime.answers import Answers, Batch
from edgecls.runtime.execution.providers import Provider
from edgecls.runtime.many_images import Source, classify_stream, find_names, open_source
from edgecls.runtime.session import open_session
from edgecls.runtime.setting import Setting


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("b.jpg", "a.PNG", "deep/er/c.webp", "deep/.hidden.jpg", ".git/d.jpg", "notes.txt", "数据 集/猫🐱.jpg"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _names(*paths: str) -> list[str]:
    return find_names(paths)


def test_a_folder_gives_all_images_below_it_sorted(tree: Path) -> None:
    assert _names(str(tree)) == [str(tree / name) for name in ("a.PNG", "b.jpg", "deep/er/c.webp", "数据 集/猫🐱.jpg")]


def test_a_file_is_taken_whatever_its_suffix(tree: Path) -> None:
    assert _names("notes.txt", "b.jpg") == ["notes.txt", "b.jpg"]


@pytest.mark.parametrize(
    ("pattern", "names"),
    [("*.jpg", ["b.jpg"]), ("*/*.jpg", ["数据 集/猫🐱.jpg"]), ("deep/**/*", ["deep/er/c.webp"]), ("?.PNG", ["a.PNG"])],
)
def test_patterns_are_expanded(tree: Path, pattern: str, names: list[str]) -> None:
    assert _names(pattern) == [name.replace("/", os.sep) for name in names]


def test_a_file_whose_name_looks_like_a_pattern_is_itself(tree: Path) -> None:
    (tree / "photo [1].jpg").write_text("x")

    assert _names("photo [1].jpg") == ["photo [1].jpg"]


@pytest.mark.parametrize(
    ("path", "message"),
    [("gone.jpg", "no such file"), ("*.gif", "no file matches the pattern"), ("empty", "the folder has no images")],
)
def test_what_leads_to_nothing_is_reported_in_its_place(tree: Path, path: str, message: str) -> None:
    (tree / "empty").mkdir()

    first, fault, last = map(open_source, find_names(["b.jpg", path, "notes.txt"]))

    assert (first.name, last.name) == ("b.jpg", "notes.txt")
    with pytest.raises(ImageReadError, match=message):
        fault.read(DEFAULT_LIMITS)


def test_a_dash_is_standard_input(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"image bytes")))

    (source,) = map(open_source, find_names(["-"]))

    assert (source.name, source.read(DEFAULT_LIMITS)) == ("-", b"image bytes")


def test_sources_read_what_they_name(tree: Path) -> None:
    assert [open_source(name).read(DEFAULT_LIMITS).decode() for name in find_names([str(tree)])] == [
        "a.PNG",
        "b.jpg",
        "deep/er/c.webp",
        "数据 集/猫🐱.jpg",
    ]


def test_folders_can_be_passed_over_where_a_folder_is_listed(tree: Path) -> None:
    (tree / "again").symlink_to(tree / "deep")
    real = [os.path.realpath(tree / "deep" / "er")]

    assert find_names([str(tree)], passing_over=real) == [
        str(tree / name) for name in ("a.PNG", "b.jpg", "数据 集/猫🐱.jpg")
    ]
    assert find_names(["deep/er"], passing_over=real) == [str(Path("deep/er/c.webp"))]


def test_a_file_called_dash_that_matches_a_pattern_is_a_file(tree: Path) -> None:
    (tree / "-").write_text("x")

    assert find_names(["[-]"]) == [os.path.join(os.curdir, "-")]


RED = image.encode_png(np.full((4, 4, 3), (255, 0, 0), np.uint8))


BLUE = image.encode_png(np.full((4, 4, 3), (0, 0, 255), np.uint8))


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_outcomes_come_in_the_order_of_their_sources(tiny_classifier: Classifier, workers: int) -> None:
    data = {f"{index}": BLUE if index % 3 else RED for index in range(50)}
    data["17"] = b"no image"
    sources = [Source(name, lambda limits, body=body: body) for name, body in data.items()]

    outcomes = list(classify_stream(tiny_classifier, sources, workers=workers))

    assert [outcome.name for outcome in outcomes] == list(data)
    assert isinstance(outcomes[17].result, ImageDecodeError)
    labels = [outcome.result.label for outcome in outcomes if isinstance(outcome.result, Prediction)]
    assert labels == ["blue" if index % 3 else "red" for index in range(50) if index != 17]


def test_with_batches_outcomes_are_the_same_and_in_order(tiny_model: ModelFile) -> None:
    sizes: list[int] = []
    session = open_session(tiny_model, Provider.CPU, intra_op_threads=1)

    class Noting:
        """The session, which notes how many images come at once."""

        card = session.card

        def run_all(self, batch: Batch) -> Answers:
            sizes.append(len(batch))
            return session.run_all(batch)

    classifier = Classifier(Noting(), setting=Setting(Provider.CPU, 12, 1, 4))  # type: ignore[arg-type]
    data = [BLUE if index % 3 else RED for index in range(300)]
    data[17] = b"no image"
    sources = [Source(str(index), lambda limits, body=body: body) for index, body in enumerate(data)]

    outcomes = list(classify_stream(classifier, sources, workers=classifier.workers))

    assert [outcome.name for outcome in outcomes] == [str(index) for index in range(300)]
    assert isinstance(outcomes[17].result, ImageDecodeError)
    labels = [outcome.result.label for outcome in outcomes if isinstance(outcome.result, Prediction)]
    assert labels == ["blue" if index % 3 else "red" for index in range(300) if index != 17]
    assert sum(sizes) == 299
    assert set(sizes) <= {1, 2, 4}


def test_no_more_is_read_than_a_slow_consumer_can_wait_for(tiny_classifier: Classifier) -> None:
    lock, read = threading.Lock(), []

    def source(name: str) -> Source:
        def read_it(limits: object) -> bytes:
            with lock:
                read.append(name)
            return RED

        return Source(name, read_it)

    stream = classify_stream(tiny_classifier, [source(str(index)) for index in range(200)], workers=2)
    for _ in range(10):
        next(stream)
    stream.close()

    assert len(read) <= 10 + 2 * AHEAD_PER_WORKER


def test_a_fault_of_ours_is_not_swallowed(tiny_classifier: Classifier) -> None:
    def broken(limits: object) -> bytes:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        list(classify_stream(tiny_classifier, [Source("a", broken), Source("b", broken)], workers=2))
