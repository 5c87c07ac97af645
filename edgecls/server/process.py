"""One process that serves: alone, or as one of several."""

import contextlib
import os
import queue
import shutil
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from enum import Enum, auto
from multiprocessing import parent_process
from pathlib import Path
from types import FrameType

import click

from edgecls.commands.terminal import announce_provider
from edgecls.errors import EdgeclsError
from edgecls.image import DEFAULT_LIMITS, ImageLimits
from edgecls.modelfile import read_model
from edgecls.runtime.classifier import Classifier
from edgecls.runtime.execution.providers import Provider
from edgecls.runtime.opening import open_classifier
from edgecls.runtime.tuned import Goal, tuned_setting
from edgecls.server.app import ServerSettings, create_app
from edgecls.server.dispatch.dispatcher import Dispatcher
from edgecls.server.http.limits import HttpLimits
from edgecls.server.http.server import HttpServer, listening_socket
from edgecls.server.http.tls import Certificate
from edgecls.server.metrics.request_metrics import RequestMetrics
from edgecls.server.metrics.statistics import Statistics
from edgecls.server.middleware.access_log import AccessLog
from edgecls.server.middleware.api_keys import ApiKeys
from edgecls.server.middleware.cors import Cors
from edgecls.server.middleware.hosts import AllowedHosts
from edgecls.server.middleware.middleware import Middleware
from edgecls.server.models.file_watch import FileWatch
from edgecls.server.models.readiness import Readiness
from edgecls.server.models.repository import Repository
from edgecls.server.reload import Reload
from edgecls.server.settings import ServeSettings
from edgecls.server.storage.image_root import ImageRoot
from edgecls.server.workers.board import Board, Gathered, Posting, WorkerStatus
from edgecls.server.workers.shared_port import SharedPort, share

__all__ = ["Wish", "Wishes", "serve_alone", "serve_as_worker"]


class Wish(Enum):
    """What a signal asks for."""

    STOP = auto()
    RELOAD = auto()


class Wishes:
    """Catches SIGINT, SIGTERM and, where there is one, SIGHUP, from now on; made in the main thread."""

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[Wish] = queue.SimpleQueue()  # which a signal may interrupt anywhere
        for name in ("SIGINT", "SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)
            if number is not None:
                signal.signal(number, self._note)

    def _note(self, number: int, frame: FrameType | None) -> None:
        stops = number in (signal.SIGINT, signal.SIGTERM)
        self._queue.put(Wish.STOP if stops else Wish.RELOAD)

    def next(self, timeout_s: float) -> Wish | None:
        """Wait for a wish, for so many seconds at most; None if none has come."""
        try:
            return self._queue.get(timeout=timeout_s)
        except queue.Empty:
            return None


BODIES_AT_LEAST = 4  # of the largest size that there is memory for; one client may hold half
LOOK_INTERVAL_S = 1.0  # for signals, which Windows delivers only between two waits; and whether the supervisor lives


def serve_alone(settings: ServeSettings) -> None:
    """Serve in this process until a signal ends it.

    Raises:
        EdgeclsError: The server cannot start with these settings.
    """
    listener = listening_socket(settings.host, settings.port)
    _Process(settings, lambda: listener, listener.getsockname()[0]).run(is_first=True)


def serve_as_worker(settings: ServeSettings, port: SharedPort, folder: Path, number: int, is_first: bool) -> None:
    """Serve as one of several processes, until a signal or the end of the supervisor ends it.

    Args:
        settings: Of the whole server; this process uses its share of them.
        port: Where all of them listen.
        folder: Where they tell each other how they are.
        number: Which one this is, from 1.
        is_first: Whether it is the first of all that are ever started.
    """
    try:
        board = Board(folder, workers=settings.workers)
        _Process(settings, port.listen, port.address[0], board, number).run(is_first=is_first)
    except EdgeclsError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(1)
    finally:
        supervisor = parent_process()
        if supervisor is not None and not supervisor.is_alive():
            shutil.rmtree(folder, ignore_errors=True)  # which the supervisor would have done


class _Process:
    """The parts of a server, put together.

    Args:
        settings: Of the whole server.
        listen: Returns the socket that connections come from.
        bound_to: The address of that socket.
        board: Shared with other processes; None where this is the only one.
        number: Which one this is, from 1.
    """

    def __init__(
        self,
        settings: ServeSettings,
        listen: Callable[[], socket.socket],
        bound_to: str,
        board: Board | None = None,
        number: int = 1,
    ) -> None:
        self._settings = settings
        self._listen = listen
        self._number = number
        self._wishes = Wishes()
        self._metrics = RequestMetrics()
        self._statistics = Statistics()
        self._repository = Repository(settings.files, self._load)
        self._posting = None if board is None else Posting(board, self._status)
        self._readiness = Readiness(self._repository, (lambda: True) if board is None else lambda: board.all_ready)
        self._keys = None if settings.api_keys is None else ApiKeys(settings.api_keys)
        self._certificate = None if settings.tls_cert is None else Certificate(settings.tls_cert, settings.tls_key)
        self._log = None if settings.access_log is None else AccessLog(settings.access_log, self._metrics.log_dropped)
        self._dispatcher = self._make_dispatcher()
        self._handler = Middleware(
            self._dispatcher,
            self._metrics,
            hosts=AllowedHosts(settings.allowed_hosts, listening_on=settings.host, bound_to=bound_to),
            keys=self._keys,
            cors=Cors(settings.cors_origins) if settings.cors_origins else None,
            log=self._log,
        )
        self._reload = Reload(
            self._repository, self._tell, keys=self._keys, certificate=self._certificate, log=self._log
        )
        self._watch = FileWatch(self._repository, self._reload.model) if settings.reload_on_change else None

    def run(self, *, is_first: bool) -> None:
        """Serve until told to stop.

        Args:
            is_first: Whether no other process serves yet: it answers probes while the models load, and tells where the
                server listens and what its models run on. Any other takes no connection before it can serve it.

        Raises:
            EdgeclsError: A model cannot be used.
        """
        with contextlib.ExitStack() as at_end:
            if self._posting is not None:
                self._posting.start()
                at_end.callback(self._posting.stop)
            if self._log is not None:
                at_end.callback(self._log.close)
            self._dispatcher.start()
            at_end.callback(self._dispatcher.stop)
            server = None
            if is_first:
                server = self._accept(at_end)
                click.echo(f"listening on {server.url}", err=True)
            self._repository.load_all()
            if is_first:
                self._announce()
            if server is None:
                server = self._accept(at_end)
            if self._posting is not None:
                self._posting.now()
            if self._watch is not None:
                self._watch.start()
                at_end.callback(self._watch.stop)
            self._wait_for_stop(server)
            self._drain(server)

    def _accept(self, at_end: contextlib.ExitStack) -> HttpServer:
        """Begin to take connections, until the end."""
        server = HttpServer(
            self._handler,
            self._listen(),
            limits=HttpLimits(
                max_body_bytes=self._max_body_bytes,
                max_bodies_bytes=max(HttpLimits.max_bodies_bytes, BODIES_AT_LEAST * self._max_body_bytes),
            ),
            tls=None if self._certificate is None else self._certificate.context,
        )
        server.start()
        at_end.callback(server.stop)
        return server

    def _load(self, file: Path) -> Classifier:
        settings = self._settings
        model, provider = read_model(file), Provider(settings.provider)
        threads = None if settings.threads is None else self._own_share(settings.threads)
        setting = tuned_setting(model, Goal.THROUGHPUT, provider=provider, workers=threads) if settings.tuned else None
        classifier = open_classifier(
            model,
            provider,
            setting=setting,
            limits=ImageLimits(DEFAULT_LIMITS.max_bytes, int(settings.max_megapixels * 1e6)),
            unknown_threshold=settings.unknown_threshold,
        )
        self._dispatcher.widen(threads or self._own_share(classifier.workers))
        return classifier

    def _own_share(self, threads: int) -> int:
        """Return how many of all threads are this process's, at least 1."""
        return max(1, share(threads, parts=self._settings.workers, number=self._number))

    @property
    def _max_body_bytes(self) -> int:
        return int(self._settings.max_upload_mb * 2**20)

    def _make_dispatcher(self) -> Dispatcher:
        settings = self._settings
        app = create_app(
            self._repository,
            ServerSettings(
                max_body_bytes=self._max_body_bytes,
                allow_model_control=settings.allow_model_control,
                origins=settings.cors_origins,
                https=settings.tls_cert is not None,
            ),
            image_root=None if settings.image_root is None else ImageRoot(settings.image_root),
            feedback=settings.feedback.store(),
            readiness=self._readiness,
            keys=self._keys,
            statistics=self._statistics,
            gather=self._gather,
        )
        waiting = share(settings.max_waiting, parts=settings.workers, number=self._number)
        return Dispatcher(app, app.computes, max_waiting=waiting, check=app.check)

    def _status(self) -> WorkerStatus:
        return WorkerStatus(
            number=self._number,
            pid=os.getpid(),
            ready=self._readiness.here,
            waiting=self._dispatcher.waiting,
            snapshot={**self._metrics.snapshot(), **self._statistics.snapshot()},
        )

    def _gather(self) -> Gathered:
        return Gathered([self._status()], []) if self._posting is None else self._posting.gather()

    def _announce(self) -> None:
        for entry in self._repository.index():
            classifier = self._repository.model(entry.name).classifier
            announce_provider(classifier)
            self._tell(f"model {entry.name} ({classifier.card.name}) on {classifier.provider}")
        if self._posting is None:
            click.echo(f"ready: {', '.join(entry.name for entry in self._repository.index())}", err=True)

    def _tell(self, line: str) -> None:
        several = self._settings.workers > 1
        click.echo(f"process {self._number}: {line}" if several else line, err=True)

    def _wait_for_stop(self, server: HttpServer) -> None:
        supervisor = parent_process()
        while (supervisor is None or supervisor.is_alive()) and not server.failed:
            wish = self._wishes.next(LOOK_INTERVAL_S)
            if wish is Wish.STOP:
                return
            if wish is Wish.RELOAD:
                threading.Thread(target=self._reload.everything, name="edgecls-reload", daemon=True).start()

    def _drain(self, server: HttpServer) -> None:
        self._readiness.drain()
        if self._posting is not None:
            self._posting.now()
        if self._settings.drain_delay and not server.failed:
            time.sleep(self._settings.drain_delay)
