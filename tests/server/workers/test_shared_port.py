import socket

import pytest

from edgecls.errors import ServerError
from edgecls.server.http.server import listening_socket
from edgecls.server.workers.shared_port import hold_port

pytestmark = pytest.mark.skipif(not hasattr(socket, "SO_REUSEPORT"), reason="this system cannot share ports")


def test_several_sockets_listen_at_the_port_that_is_held() -> None:
    holder, port = hold_port("127.0.0.1", 0)
    with holder, port.listen() as first, port.listen() as second:
        assert first.getsockname() == second.getsockname() == port.address
        with socket.create_connection(port.address, timeout=60):
            pass


def test_while_it_is_held_and_nobody_listens_connections_are_refused() -> None:
    holder, port = hold_port("127.0.0.1", 0)
    with holder, pytest.raises(ConnectionRefusedError):
        socket.create_connection(port.address, timeout=60)


def test_a_port_where_another_server_is_is_not_shared_with_it() -> None:
    holder, port = hold_port("127.0.0.1", 0)
    with holder, port.listen(), pytest.raises(ServerError, match="cannot listen on"):
        hold_port(*port.address)
    with listening_socket("127.0.0.1", 0) as alone, pytest.raises(ServerError, match="cannot listen on"):
        hold_port(*alone.getsockname())


def test_all_addresses_are_those_of_both_families() -> None:
    if not socket.has_dualstack_ipv6():
        pytest.skip("this machine has no IPv6")
    holder, port = hold_port("::", 0)
    with holder, port.listen(), port.listen():
        for host in ("127.0.0.1", "::1"):
            with socket.create_connection((host, port.address[1]), timeout=10):
                pass
