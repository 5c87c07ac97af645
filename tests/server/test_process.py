import gc
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from edgecls.server.process import serve_alone
from edgecls.server.settings import ServeSettings


def _handlers() -> list[object]:
    return [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]


def _when_ready(act: Callable[[], object]) -> Callable[[str], None]:
    return lambda line: act() if line.startswith("ready") else None


@pytest.mark.skipif(sys.platform == "win32", reason="raises a signal that ends the process on Windows")
def test_a_signal_ends_the_server_and_its_handlers_go_with_it(tiny_model_path: Path) -> None:
    before = _handlers()

    serve_alone(ServeSettings((tiny_model_path,), port=0), _when_ready(lambda: signal.raise_signal(signal.SIGTERM)))

    assert _handlers() == before


@pytest.mark.skipif(sys.platform == "win32", reason="raises a signal that ends the process on Windows")
def test_what_the_server_has_loaded_is_not_looked_through_for_garbage_while_it_serves(tiny_model_path: Path) -> None:
    frozen: list[int] = []

    def look() -> None:
        for _ in range(1000):
            if frozen_now := gc.get_freeze_count():
                frozen.append(frozen_now)
                break
            pause.wait(0.01)
        signal.raise_signal(signal.SIGTERM)

    pause = threading.Event()
    looking = threading.Thread(target=look)
    serve_alone(ServeSettings((tiny_model_path,), port=0), _when_ready(looking.start))
    looking.join()

    assert frozen
    assert gc.get_freeze_count() == 0
