"""Many images in Python, and a classifier that is closed."""

import itertools
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import edgecls
from edgecls.errors import ClosedError, ImageReadError, InputShapeError


@pytest.fixture
def classifier(tiny_model_path: Path) -> Iterator[edgecls.Classifier]:
    with edgecls.load(tiny_model_path, "cpu") as opened:
        yield opened


@pytest.mark.parametrize("workers", [None, 1, 3])
def test_outcomes_come_in_the_order_of_the_paths_faults_among_them(
    classifier: edgecls.Classifier, images: Path, workers: int | None
) -> None:
    paths = [images / "red.png", str(images / "gone.png"), images / "blue.png"] * 20

    outcomes = list(classifier.predict_many(paths, workers=workers))

    assert [outcome.name for outcome in outcomes] == list(map(str, paths))
    assert [outcome.result.label for outcome in outcomes if isinstance(outcome.result, edgecls.Prediction)] == [
        "red",
        "blue",
    ] * 20
    assert all(isinstance(outcome.result, ImageReadError) for outcome in outcomes[1::3])


def test_endless_paths_are_taken_as_outcomes_are_asked_for(classifier: edgecls.Classifier, images: Path) -> None:
    taken = itertools.count()

    def paths() -> Iterator[Path]:
        while True:
            next(taken)
            yield images / "red.png"

    outcomes = list(itertools.islice(classifier.predict_many(paths(), workers=2), 10))

    assert len(outcomes) == 10
    assert next(taken) < 10 + 20


def test_several_threads_may_each_have_their_many(classifier: edgecls.Classifier, images: Path) -> None:
    names = [images / f"{color}.png" for color in ("red", "green", "blue")] * 10
    alone = [classifier.predict(name).probabilities for name in names]

    def together(_: int) -> list[tuple[float, ...]]:
        outcomes = classifier.predict_many(names, workers=2)
        return [outcome.result.probabilities for outcome in outcomes if isinstance(outcome.result, edgecls.Prediction)]

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(together, range(4))) == [alone] * 4


def test_no_workers_are_refused(classifier: edgecls.Classifier) -> None:
    with pytest.raises(ValueError, match="workers must be at least 1, got 0"):
        classifier.predict_many([], workers=0)


@pytest.mark.parametrize("path", ["one.jpg", Path("one.jpg")])
def test_one_path_is_not_taken_for_many(classifier: edgecls.Classifier, path: str | Path) -> None:
    with pytest.raises(TypeError, match="use predict for one image"):
        classifier.predict_many(path)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "use",
    [
        lambda classifier: classifier.predict_many([]),
        lambda classifier: classifier.probabilities(np.zeros((1, 8, 8, 3), np.uint8)),
        lambda classifier: classifier.predict_bytes(b""),
        lambda classifier: classifier.warm_up(),
        lambda classifier: classifier.verify(),
        lambda classifier: classifier.provider,
    ],
    ids=["predict_many", "probabilities", "predict_bytes", "warm_up", "verify", "provider"],
)
def test_a_closed_classifier_says_so(tiny_model_path: Path, use: Callable[[edgecls.Classifier], object]) -> None:
    with edgecls.load(tiny_model_path, "cpu") as classifier:
        pass
    classifier.close()

    with pytest.raises(ClosedError, match="the classifier of model 'colors' is closed; load"):
        use(classifier)


def test_what_is_under_way_ends_when_another_thread_closes(tiny_model_path: Path, images: Path) -> None:
    classifier = edgecls.load(tiny_model_path, "cpu")
    started, go_on = threading.Event(), threading.Event()

    def paths() -> Iterator[Path]:
        yield images / "red.png"
        started.set()
        assert go_on.wait(60)
        yield images / "blue.png"

    with ThreadPoolExecutor(1) as pool:
        work = pool.submit(lambda: list(classifier.predict_many(paths(), workers=1)))
        assert started.wait(60)
        classifier.close()
        go_on.set()
        with pytest.raises(ClosedError):
            work.result(60)


def test_warming_up_runs_every_batch_size(classifier: edgecls.Classifier) -> None:
    classifier.warm_up([1, 4])

    with pytest.raises(InputShapeError):
        classifier.warm_up([0])
