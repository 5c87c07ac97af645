"""The process that starts the others, replaces those that die, and passes signals on. It loads no model itself."""

import multiprocessing.connection
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from types import FrameType

from edgecls.server.workers.board import Board

__all__ = ["BackOff", "Supervisor"]

FIRST_S = 0.5
LONGEST_S = 30.0
LONG_LIVED_S = 20.0  # one that has lived this long is replaced immediately


class BackOff:
    """Doubles the wait each time one dies soon after its start."""

    def __init__(self) -> None:
        self._next_s = 0.0

    def after(self, lived_s: float) -> float:
        """Return the seconds to wait after a process has died that lived so long."""
        if lived_s >= LONG_LIVED_S:
            self._next_s = 0.0
        wait_s, self._next_s = self._next_s, min(LONGEST_S, max(FIRST_S, 2 * self._next_s))
        return wait_s


_RELOAD: signal.Signals | None = getattr(signal, "SIGHUP", None)  # Windows has none
LOOK_INTERVAL_S = 0.1  # at the board and at what is due, while not all are running


@dataclass
class _Place:
    """One of the processes, and those that come after it."""

    number: int
    process: BaseProcess | None = None
    started_s: float = 0.0
    start_at_s: float = 0.0
    back_off: BackOff = field(default_factory=BackOff)


class Supervisor:
    """Keeps a number of processes running.

    The first starts alone, so that what is wrong with a model or an option is reported once; the others follow when it
    is ready.

    Args:
        spawn: Starts the process of a number, from 1.
        workers: How many there are to be.
        board: Where they say that they are ready.
        tell: Takes a line for the operator.
        stop_s: How long they may take to stop; then they are killed.
    """

    def __init__(
        self,
        spawn: Callable[[int], BaseProcess],
        *,
        workers: int,
        board: Board,
        tell: Callable[[str], None],
        stop_s: float,
    ) -> None:
        self._spawn = spawn
        self._places = [_Place(number) for number in range(1, workers + 1)]
        self._board = board
        self._tell = tell
        self._stop_s = stop_s
        self._first_was_ready = self._all_were_ready = False
        self._stop_wanted = self._reload_wanted = False
        self._wake, self._waker = os.pipe()

    def run(self, *, on_ready: Callable[[], None], on_stop: Callable[[], None]) -> int:
        """Start them, and return the exit code for this process when they have ended.

        Args:
            on_ready: Called once, when all are ready for the first time.
            on_stop: Called when they are about to be stopped.
        """
        for number in (signal.SIGINT, signal.SIGTERM, _RELOAD):
            if number is not None:
                signal.signal(number, self._note_signal)
        code = self._keep_running(on_ready)
        on_stop()
        stopped_well = self._stop_all()
        return code or int(not stopped_well)

    def _note_signal(self, number: int, frame: FrameType | None) -> None:
        if number == _RELOAD:
            self._reload_wanted = True
        else:
            self._stop_wanted = True
        os.write(self._waker, b".")

    def _keep_running(self, on_ready: Callable[[], None]) -> int:
        """Return 0 when a signal ends it, or the exit code of a process that could not start at all."""
        while not self._stop_wanted:
            self._start_those_due()
            self._wait()
            if self._reload_wanted:
                self._reload_wanted = False
                self._reload()
            codes = [self._bury_if_dead(place) for place in self._places]
            if not self._all_were_ready:
                failed = next((code for code in codes if code and code > 0), None)
                if failed:
                    return failed
                ready = self._board.ready()
                self._first_was_ready = self._first_was_ready or 1 in ready
                self._all_were_ready = len(ready) == len(self._places)
                if self._all_were_ready:
                    on_ready()
        return 0

    def _start_those_due(self) -> None:
        now_s = time.monotonic()
        for place in self._places:
            may_start = place.number == 1 or self._first_was_ready
            if place.process is None and may_start and place.start_at_s <= now_s:
                place.process = self._spawn(place.number)
                place.started_s = now_s

    def _wait(self) -> None:
        """Return when a process has died, a signal has come, or there is something to look at."""
        running = [place.process.sentinel for place in self._places if place.process is not None]
        all_run = self._all_were_ready and len(running) == len(self._places)
        ready = multiprocessing.connection.wait([*running, self._wake], None if all_run else LOOK_INTERVAL_S)
        if self._wake in ready:
            os.read(self._wake, 1024)

    def _reload(self) -> None:
        """Pass the signal on to those that have said anything; it would end one that does not listen yet."""
        if _RELOAD is None:
            return
        posted = self._board.posted()
        for place in self._places:
            if place.process is not None and place.process.pid is not None and place.number in posted:
                os.kill(place.process.pid, _RELOAD)

    def _bury_if_dead(self, place: _Place) -> int | None:
        """Return the exit code of a process that has ended, and see to it that another is started."""
        process = place.process
        if process is None or process.exitcode is None or process.pid is None:
            return None
        place.process = None
        self._board.bury(place.number, process.pid)
        now_s = time.monotonic()
        wait_s = place.back_off.after(now_s - place.started_s)
        place.start_at_s = now_s + wait_s
        if self._all_were_ready:
            self._tell(f"process {place.number} {_ending(process.exitcode)}; starting another in {wait_s:g} s")
        return process.exitcode

    def _stop_all(self) -> bool:
        """Stop all; False if one had to be killed, or did not end well."""
        running = [place.process for place in self._places if place.process is not None]
        for process in running:
            process.terminate()
        give_up_s = time.monotonic() + self._stop_s
        for process in running:
            process.join(max(0.0, give_up_s - time.monotonic()))
            if process.exitcode is None:
                process.kill()
                process.join()
        # One that was only just starting is ended by the signal itself.
        return all(process.exitcode in (0, -signal.SIGTERM) for process in running)


def _ending(exit_code: int) -> str:
    return f"ended with exit code {exit_code}" if exit_code >= 0 else f"was ended by signal {-exit_code}"
