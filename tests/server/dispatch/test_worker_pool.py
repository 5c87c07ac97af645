"""Threads with a bounded queue before them."""

import asyncio
import threading
from collections.abc import Callable, Iterator

import pytest

from edgecls.server.dispatch.dispatcher import Job, WorkerPool
from edgecls.server.http.messages import Answer, Request

PATIENCE_S = 120


class Work:
    """What a worker pool does in these tests: it waits for the gate, and counts."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.begun = threading.Semaphore(0)
        self.paths: list[str] = []

    def __call__(self, request: Request) -> Answer:
        self.paths.append(request.path)
        self.begun.release()
        assert self.gate.wait(PATIENCE_S)
        return Answer("200 OK", [], request.path.encode())


@pytest.fixture
def work() -> Iterator[Work]:
    work = Work()
    yield work
    work.gate.set()


def _request(path: str) -> Request:
    return Request("POST", path, "", "1.1", [], "", body=bytes(1000))


async def _answers(pool: WorkerPool, *paths: str, open_gate: Callable[[], None]) -> list[bytes]:
    answers: list[asyncio.Future[bytes]] = []
    for path in paths:
        future = asyncio.get_running_loop().create_future()
        answers.append(future)
        assert pool.submit(Job(_request(path), lambda answer, future=future: future.set_result(answer.body)))
    open_gate()
    return await asyncio.wait_for(asyncio.gather(*answers), PATIENCE_S)


def test_every_request_gets_its_own_answer(work: Work) -> None:
    pool = WorkerPool("test", work, max_waiting=100)
    pool.widen(3)
    paths = [f"/{index}" for index in range(50)]

    answers = asyncio.run(_answers(pool, *paths, open_gate=work.gate.set))

    assert answers == [path.encode() for path in paths]
    assert pool.waiting == 0
    pool.stop()


def test_one_thread_takes_them_in_their_order(work: Work) -> None:
    pool = WorkerPool("test", work, max_waiting=100)
    pool.widen(1)
    paths = [f"/{index}" for index in range(20)]

    asyncio.run(_answers(pool, *paths, open_gate=work.gate.set))

    assert work.paths == paths
    pool.stop()


def test_a_lane_is_full_when_its_threads_and_places_are_taken(work: Work) -> None:
    pool = WorkerPool("test", work, max_waiting=2)
    pool.widen(1)

    async def fill() -> None:
        taken = [pool.submit(Job(_request(f"/{index}"), lambda answer: None)) for index in range(5)]
        assert taken == [True, True, True, False, False]
        assert pool.waiting == 2
        pool.widen(2)
        assert pool.submit(Job(_request("/wider"), lambda answer: None))
        assert not pool.submit(Job(_request("/full"), lambda answer: None))
        work.gate.set()
        assert await _answers_once_there_is_room(pool) == b"/again"

    asyncio.run(asyncio.wait_for(fill(), PATIENCE_S))
    pool.stop()


async def _answers_once_there_is_room(pool: WorkerPool) -> bytes:
    answered: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
    while not pool.submit(Job(_request("/again"), lambda answer: answered.set_result(answer.body))):
        await asyncio.sleep(0)
    return await answered


def test_work_that_was_dropped_before_it_began_is_left_out_and_its_body_let_go(work: Work) -> None:
    pool = WorkerPool("test", work, max_waiting=5)
    pool.widen(1)

    async def drop() -> None:
        begun, dropped = Job(_request("/begun"), lambda answer: None), Job(_request("/dropped"), _unwanted)
        pool.submit(begun)
        assert work.begun.acquire(timeout=PATIENCE_S)
        pool.submit(dropped)
        assert dropped.request is not None
        dropped.drop()
        assert dropped.request is None
        assert await _answers(pool, "/last", open_gate=work.gate.set) == [b"/last"]

    asyncio.run(asyncio.wait_for(drop(), PATIENCE_S))
    assert work.paths == ["/begun", "/last"]
    pool.stop()


def _unwanted(answer: Answer) -> None:
    raise AssertionError("nobody waits for this")


def test_the_answer_of_work_that_was_dropped_after_it_began_goes_nowhere(work: Work) -> None:
    pool = WorkerPool("test", work, max_waiting=5)
    pool.widen(1)

    async def drop() -> None:
        job = Job(_request("/begun"), _unwanted)
        pool.submit(job)
        assert work.begun.acquire(timeout=PATIENCE_S)
        job.drop()
        assert await _answers(pool, "/last", open_gate=work.gate.set) == [b"/last"]
        assert pool.waiting == 0

    asyncio.run(asyncio.wait_for(drop(), PATIENCE_S))
    pool.stop()


def test_stopping_ends_the_threads_after_what_is_queued(work: Work) -> None:
    pool = WorkerPool("test-stop", work, max_waiting=5)
    pool.widen(2)

    async def submit() -> None:
        for index in range(4):
            pool.submit(Job(_request(f"/{index}"), lambda answer: None))

    asyncio.run(submit())
    work.gate.set()
    pool.stop()

    assert sorted(work.paths) == ["/0", "/1", "/2", "/3"]  # though their loop had ended
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("test-stop")]
