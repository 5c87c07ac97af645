"""Deadlines on receiving, on real sockets."""

import socket
import threading

from edgecls.serving.deadlines import Deadlines


def test_a_deadline_ends_what_is_read_and_leaves_sending_possible() -> None:
    deadlines = Deadlines()
    deadlines.start()
    ours, theirs = socket.socketpair()
    with ours, theirs, deadlines.watch(ours, 0.01) as watch:
        ours.settimeout(30)
        theirs.sendall(b"begun")

        received = b""
        while chunk := ours.recv(100):
            received += chunk

        assert received == b"begun"
        assert watch.expired
        ours.sendall(b"too slow")
        assert theirs.recv(100) == b"too slow"
    deadlines.close()


def test_what_is_done_in_time_is_left_alone() -> None:
    deadlines = Deadlines()
    deadlines.start()
    ours, theirs = socket.socketpair()
    with ours, theirs:
        with deadlines.watch(ours, 0.0) as watch:
            pass
        passed = threading.Event()
        other, far = socket.socketpair()
        with other, far, deadlines.watch(other, 0.0):
            other.settimeout(30)
            assert other.recv(1) == b""  # a later deadline has been checked, so the earlier one was too
            passed.set()

        theirs.sendall(b"x")
        assert ours.recv(1) == b"x"
        assert not watch.expired
    deadlines.close()
