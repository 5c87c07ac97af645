"""Many images: in order, all of them, in bounded memory."""

import threading

import numpy as np
import pytest

from edgecls import Classifier, Prediction, image
from edgecls.errors import ImageDecodeError
from edgecls.in_order import AHEAD_PER_WORKER
from edgecls.modelfile import ModelFile
from edgecls.runtime.execution.providers import Provider
from edgecls.runtime.many_images import Source, classify_stream
from edgecls.runtime.session import Batch, Probabilities, open_session
from edgecls.runtime.setting import Setting

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

        def run(self, batch: Batch) -> Probabilities:
            sizes.append(len(batch))
            return session.run(batch)

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
