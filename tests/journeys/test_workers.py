"""Several processes at one address: real ones, killed and stopped under load."""

import json
import os
import select
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException
from pathlib import Path

import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families
from running_server import RunningServer, running_server

from edgecls import image

RED = image.encode_png(np.full((20, 30, 3), (250, 0, 0), np.uint8))
PATIENCE_S = 300

pytestmark = pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="looks at processes as Linux shows them")


@pytest.fixture
def model(tiny_model_path: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(tiny_model_path, tmp_path / "colors.onnx"))


def _workers(server: RunningServer) -> list[int]:
    """Return the processes that serve, without the one that cleans up after multiprocessing."""
    pid = server.process.pid
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in children if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()]


def _until(condition: Callable[[], bool]) -> None:
    give_up_s = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < give_up_s


def _answered(server: RunningServer) -> float:
    text = server.exchange("GET", "/metrics")[2].decode()
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return sum(s.value for s in samples if s.name == "edgecls_predictions_total")


class Load:
    """Clients that ask again and again, each request over a connection of its own.

    Attributes:
        clients: How many there are.
        outcomes: How often each status came, or the name of an exception.
    """

    def __init__(self, server: RunningServer, clients: int = 4) -> None:
        self.outcomes: Counter[object] = Counter()
        self.clients = clients
        self._server = server
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._ask) for _ in range(clients)]

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _ask(self) -> None:
        while not self._over.is_set():
            try:
                status, answer = self._server.request("POST", "/predict", RED)
                self.outcomes[status if status != 200 or answer["label"] == "red" else "wrong"] += 1
            except ConnectionRefusedError:
                return
            except (OSError, HTTPException) as error:
                self.outcomes[type(error).__name__] += 1


@pytest.fixture
def server(model: Path) -> Iterator[RunningServer]:
    with running_server(model, "--workers", "2") as running:
        yield running


def test_both_processes_count_into_one_sum(server: RunningServer) -> None:
    assert len(_workers(server)) == 2
    assert "ready: serving with 2 processes\n" in server.log
    with Load(server) as load:
        _until(lambda: load.outcomes[200] >= 200)

    assert set(load.outcomes) == {200}
    _until(lambda: _answered(server) == load.outcomes[200])
    assert b"edgecls_workers_ready 2.0" in server.exchange("GET", "/metrics")[2]


def test_one_image_corrected_many_times_at_once_ends_in_one_class(model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "corrections"
    with running_server(model, "--workers", "2", "--feedback", folder) as server:

        def correct(number: int) -> int:
            label = ("red", "green", "blue")[number % 3]
            return server.request("POST", f"/feedback?label={label}", RED)[0]

        with ThreadPoolExecutor(12) as clients:
            assert set(clients.map(correct, range(36))) == {200}

    (image,) = folder.glob("[!.]*/*")
    (record,) = (folder / ".corrections").iterdir()
    assert json.loads(record.read_text())["file"] == image.relative_to(folder).as_posix()


def test_status_and_statistics_are_those_of_both(server: RunningServer) -> None:
    raw = {"Inference-Header-Content-Length": "0"}
    for _ in range(20):  # each over a connection of its own, so that both get some
        assert server.exchange("POST", "/v2/models/colors/infer", RED, **raw)[0] == 200

    def counts() -> tuple[int, int, int]:
        (stats,) = server.request("GET", "/v2/models/colors/stats")[1]["model_stats"]
        answered = server.request("GET", "/status")[1]["images_answered"]
        return stats["inference_count"], stats["inference_stats"]["success"]["count"], answered

    _until(lambda: counts() == (20, 20, 20))
    assert counts() == (20, 20, 20)


def test_a_killed_process_is_replaced_under_load(server: RunningServer) -> None:
    with Load(server) as load:
        _until(lambda: load.outcomes[200] >= 100)
        counted = _answered(server)
        _, victim = _workers(server)
        os.kill(victim, signal.SIGKILL)
        server.await_log("process 2 was ended by signal 9; starting another in 0 s")
        before = load.outcomes[200]
        _until(lambda: load.outcomes[200] >= before + 100)
        _until(lambda: server.request("GET", "/readyz")[0] == 200)
        assert _answered(server) >= counted

    assert victim not in _workers(server)
    assert len(_workers(server)) == 2
    # Lost are the requests that the victim had, and those that came while the system took it away.
    assert set(load.outcomes) - {200} <= {"ConnectionResetError", "RemoteDisconnected"}
    assert load.outcomes.total() - load.outcomes[200] <= 3 * load.clients
    assert server.stop() == 0


def test_while_a_process_is_missing_the_server_is_not_ready_but_serves(server: RunningServer, model: Path) -> None:
    whole = model.read_bytes()
    model.write_bytes(b"garbage")
    os.kill(_workers(server)[1], signal.SIGKILL)
    server.await_log("process 2 ended with exit code 1; starting another in 0.5 s")

    assert server.request("POST", "/predict", RED)[1]["label"] == "red"
    status, answer = server.request("GET", "/readyz")
    assert (status, answer["error"]["message"]) == (503, "not every process of the server is ready yet")

    model.write_bytes(whole)
    _until(lambda: server.request("GET", "/readyz")[0] == 200)


def test_sigterm_under_load_ends_with_exit_code_0_and_loses_nothing(server: RunningServer) -> None:
    with Load(server) as load:
        _until(lambda: load.outcomes[200] >= 100)
        assert server.stop() == 0

    assert load.outcomes[200] >= 100
    assert set(load.outcomes) <= {200, "ConnectionResetError"}  # reset is what no process had accepted yet
    assert "Traceback" not in "".join(server.log)


def test_sighup_reaches_all_of_them(server: RunningServer) -> None:
    server.process.send_signal(signal.SIGHUP)

    server.await_log("process 1: model colors was loaded again")
    server.await_log("process 2: model colors was loaded again")


def test_a_model_that_cannot_be_used_ends_the_server_and_is_told_once(tmp_path: Path) -> None:
    (tmp_path / "bad.onnx").write_bytes(b"garbage")
    command = [sys.executable, "-m", "edgecls", "serve", "--port", "0", "--workers", "3", str(tmp_path / "bad.onnx")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE_S)

    assert done.returncode == 1
    assert done.stderr.count("Error: ") == 1
    assert "bad.onnx" in done.stderr


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The temporary folder of servers that a test starts."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    return folder


def _kill(server: RunningServer, *others: int) -> None:
    """Kill the supervisor and maybe others, and wait until no process is there."""
    handles = [os.pidfd_open(pid) for pid in _workers(server)]
    for pid in others:
        os.kill(pid, signal.SIGKILL)
    server.process.kill()
    for handle in handles:
        ended, _, _ = select.select([handle], [], [], PATIENCE_S)
        os.close(handle)
        assert ended


def test_without_its_supervisor_no_process_stays_behind(temporary: Path, server: RunningServer) -> None:
    assert len(list(temporary.iterdir())) == 1

    _kill(server)

    assert list(temporary.iterdir()) == []


def test_what_is_left_when_all_are_killed_goes_with_the_next_start(
    temporary: Path, server: RunningServer, model: Path
) -> None:
    (temporary / "edgecls-workers-link").symlink_to(model.parent)
    (temporary / "other").mkdir()
    with running_server(model, "--workers", "2") as second:
        in_use = set(temporary.iterdir())
        assert len(in_use) == 4
        os.kill(server.process.pid, signal.SIGSTOP)  # or it would replace those that are killed
        _kill(server, *_workers(server))
        assert set(temporary.iterdir()) == in_use
        with running_server(model, "--workers", "2") as third:
            assert len(set(temporary.iterdir()) & in_use) == 3
            assert third.request("POST", "/predict", RED)[0] == 200
            assert second.request("GET", "/readyz")[0] == 200
            assert third.stop() == second.stop() == 0

    assert {path.name for path in temporary.iterdir()} == {"edgecls-workers-link", "other"}
    assert model.exists()


def test_without_a_temporary_folder_the_remedy_is_said(model: Path) -> None:
    command = "import tempfile; tempfile.tempdir = '/proc/self/nothing'; from edgecls.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", command, "serve", "--port", "0", "--workers", "2", str(model)],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )

    assert done.returncode == 1
    assert "set TMPDIR" in done.stderr
    assert "Traceback" not in done.stderr
