from pathlib import Path

from edgecls.server.workers.board import Board, Posting, WorkerStatus

SNAPSHOT = {"things_total": {("a", "b"): [3.0]}, "times_seconds": {(): [1.0, 0.0, 0.5]}}


def _status(number: int, *, ready: bool = True) -> WorkerStatus:
    return WorkerStatus(number, pid=100 + number, ready=ready, waiting=number, snapshot=SNAPSHOT)


def test_what_one_posts_all_read(tmp_path: Path) -> None:
    Board(tmp_path, workers=2).post(_status(1))

    assert Board(tmp_path, workers=2).gather().statuses == [_status(1)]


def test_all_are_ready_when_each_has_said_so(tmp_path: Path) -> None:
    board = Board(tmp_path, workers=2)
    board.post(_status(1))
    assert not board.all_ready
    board.post(_status(2, ready=False))
    assert not board.all_ready
    assert (board.ready(), board.posted()) == ({1}, {1, 2})
    board.post(_status(2))
    assert board.all_ready


def test_of_one_that_died_the_counts_are_kept_and_nothing_else(tmp_path: Path) -> None:
    board = Board(tmp_path, workers=2)
    board.post(_status(1))
    board.post(_status(2))
    board.bury(2, pid=102)

    assert not board.all_ready
    found = board.gather()
    assert (found.statuses, found.gone) == ([_status(1)], [SNAPSHOT])


def test_one_that_died_before_it_said_anything_leaves_nothing(tmp_path: Path) -> None:
    board = Board(tmp_path, workers=1)
    board.bury(1, pid=101)

    assert board.gather().gone == []


def test_whoever_asks_later_is_told_no_less(tmp_path: Path) -> None:
    counts = [0.0]
    board = Board(tmp_path, workers=2)
    first = Posting(board, lambda: WorkerStatus(1, 101, True, 0, {"things_total": {(): [counts[0]]}}))
    second = Posting(board, lambda: WorkerStatus(2, 102, True, 0, {}))
    counts[0] = 7.0
    assert first.gather().statuses[0].snapshot == {"things_total": {(): [7.0]}}

    assert second.gather().statuses[0].snapshot == {"things_total": {(): [7.0]}}


def test_a_board_that_cannot_be_written_ends_nothing(tmp_path: Path) -> None:
    posting = Posting(Board(tmp_path / "gone", workers=1), lambda: _status(1))

    assert posting.gather().statuses == []
