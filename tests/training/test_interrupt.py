"""Ctrl-C: once to end well, twice to end."""

import signal
import threading
from collections.abc import Iterator

import pytest

from edgecls.training.epoch_keeper import stop_request


@pytest.fixture(autouse=True)
def _foreground() -> Iterator[None]:
    """Ctrl-C as it is in the foreground: a shell starts what runs in the background with the signal ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_the_first_interrupt_asks_and_the_second_one_interrupts() -> None:
    before = signal.getsignal(signal.SIGINT)
    with stop_request() as asked:
        assert not asked()
        signal.raise_signal(signal.SIGINT)
        assert asked()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)

    assert signal.getsignal(signal.SIGINT) is before


def test_without_an_interrupt_everything_is_as_before() -> None:
    before = signal.getsignal(signal.SIGINT)
    with stop_request() as asked:
        pass

    assert not asked()
    assert signal.getsignal(signal.SIGINT) is before


def test_in_another_thread_nothing_is_asked_for() -> None:
    answers = []

    def work() -> None:
        with stop_request() as asked:
            answers.append(asked())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()

    assert answers == [False]
