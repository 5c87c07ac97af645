"""The connections of a port, as the system knows them: gRPC gives nobody those that it has."""

import asyncio
import contextlib
import ctypes
import os
import socket
import stat
import struct
import sys
from collections.abc import Iterator

__all__ = ["end_connections", "has_connections"]

LOOK_S = 0.02  # between two looks at what is connected
MOST_LOOKS = 25
_HANDLES = ("/proc/self/fd", "/dev/fd")  # Linux, macOS; Windows has none of it
_SO_ATTACH_FILTER = 26  # of Linux, in asm-generic/socket.h
_BPF_RETURN = 0x06  # BPF_RET | BPF_K, in linux/bpf_common.h


def has_connections(port: int) -> bool:
    """True if this process has connections to a port that it listens on."""
    return sum(map(_is_connected, _sockets(port))) > 0


async def end_connections(port: int) -> None:
    """End the connections to a port that this process listens on, and let nobody connect from then on.

    Calls that were not answered end with UNAVAILABLE at their clients, which may send them elsewhere. This is so on
    Linux: on macOS new connections are not kept out, and on Windows sockets cannot be found in this way.
    """
    for _ in range(MOST_LOOKS):  # those that the system had accepted already come within a moment
        is_quiet = True
        for one in _sockets(port):
            with contextlib.suppress(OSError):  # it has just ended
                if _is_connected(one):
                    one.shutdown(socket.SHUT_RDWR)
                    is_quiet = False
                else:
                    _drop_what_arrives(one)
        await asyncio.sleep(LOOK_S)
        if is_quiet:
            return


def _drop_what_arrives(listener: socket.socket) -> None:
    """Let the system drop what arrives for a listener, which answers nobody then.

    Closing it is for gRPC to do, which does so too early, or reports an error.
    """
    if sys.platform == "linux":
        program = ctypes.create_string_buffer(struct.pack("HBBI", _BPF_RETURN, 0, 0, 0))  # keep 0 bytes of each packet
        listener.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("HP", 1, ctypes.addressof(program)))


def _is_connected(one: socket.socket) -> bool:
    try:
        one.getpeername()
    except OSError:
        return False
    return True


def _sockets(port: int) -> Iterator[socket.socket]:
    """Yield handles of our own to the sockets of this process that have a port."""
    folder = next((folder for folder in _HANDLES if os.path.isdir(folder)), None)
    for handle in [] if folder is None else map(int, os.listdir(folder)):
        try:
            if not stat.S_ISSOCK(os.fstat(handle).st_mode):
                continue
            one = socket.socket(fileno=os.dup(handle))
        except OSError:  # it has been closed since
            continue
        with one:
            if one.family in (socket.AF_INET, socket.AF_INET6) and one.getsockname()[1] == port:
                yield one
