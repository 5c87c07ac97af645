"""Load from sockets, which stands in for wrk, counts what a server answers."""

import sys
from pathlib import Path

import pytest
from echo_server import EchoServer, echo_server

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))

from socket_load import post_from_sockets
from wrk_load import run_load

BODY = b"an image of 200 kilobytes" * 8000


def _url(server: EchoServer, path: str) -> str:
    host, port = server.address
    return f"http://{host}:{port}{path}"


@pytest.mark.parametrize("connections", [1, 40])
def test_every_answer_counts_with_its_time(connections: int, tmp_path: Path) -> None:
    (tmp_path / "body").write_bytes(BODY)
    with echo_server() as server:
        posted = post_from_sockets(
            _url(server, "/size?1000"), tmp_path / "body", "image/jpeg", connections=connections, seconds=1
        )

    assert posted.failed == 0
    assert posted.per_s > 0
    assert len(posted.latencies_ms) >= 1
    assert min(posted.latencies_ms) > 0


def test_answers_that_are_no_success_and_connections_that_end_count_as_failed(tmp_path: Path) -> None:
    (tmp_path / "body").write_bytes(BODY)
    with echo_server() as server:
        posted = post_from_sockets(
            _url(server, "/forbidden"), tmp_path / "body", "image/jpeg", connections=2, seconds=0.5
        )

    assert posted.failed >= 2
    assert posted.latencies_ms == []


def test_it_stands_in_where_there_is_no_wrk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with echo_server() as server:
        load = run_load(_url(server, "/size?10"), b"image", "image/jpeg", connections=2, seconds=0.5)

    assert load.per_s > 0
    assert load.failed == 0
    assert 0 < load.p50_ms <= load.p99_ms
