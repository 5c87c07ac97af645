"""Admission: so many compute, so many wait, the rest is told to come back."""

import threading

import pytest

from edgecls.serving.admission import Admission
from edgecls.serving.answers import Refusal


def _hold(admission: Admission, count: int) -> tuple[threading.Event, list[threading.Thread]]:
    """Occupy slots from other threads until the event is set."""
    release, held = threading.Event(), threading.Barrier(count + 1)

    def hold() -> None:
        with admission.slot():
            held.wait(timeout=10)
            release.wait(timeout=10)

    threads = [threading.Thread(target=hold) for _ in range(count)]
    for thread in threads:
        thread.start()
    held.wait(timeout=10)
    return release, threads


def test_no_more_compute_at_once_than_there_are_slots() -> None:
    admission = Admission(slots=2, max_waiting=100, max_wait_s=10)
    lock, running, most = threading.Lock(), 0, 0

    def work() -> None:
        nonlocal running, most
        for _ in range(20):
            with admission.slot():
                with lock:
                    running += 1
                    most = max(most, running)
                with lock:
                    running -= 1

    threads = [threading.Thread(target=work) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert running == 0
    assert 1 <= most <= 2


def test_a_full_waiting_room_refuses_at_once() -> None:
    admission = Admission(slots=1, max_waiting=0, max_wait_s=60)
    release, threads = _hold(admission, 1)

    with pytest.raises(Refusal, match="too many requests are waiting") as caught, admission.slot():
        pytest.fail("there was no slot")

    assert (caught.value.status, caught.value.headers) == (503, {"Retry-After": "1"})
    release.set()
    for thread in threads:
        thread.join()
    with admission.slot():
        pass


def test_a_wait_that_is_too_long_is_given_up() -> None:
    admission = Admission(slots=1, max_waiting=5, max_wait_s=0.01)
    release, threads = _hold(admission, 1)

    with pytest.raises(Refusal, match="no core became free") as caught, admission.slot():
        pytest.fail("there was no slot")

    assert caught.value.status == 503
    release.set()
    for thread in threads:
        thread.join()


def test_a_slot_is_free_again_after_a_fault() -> None:
    admission = Admission(slots=1, max_waiting=0, max_wait_s=1)

    for _ in range(3):
        with pytest.raises(ZeroDivisionError), admission.slot():
            raise ZeroDivisionError
