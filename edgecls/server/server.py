"""The composition root: the parts of a server, put together from its settings, started and stopped."""

import contextlib
import functools
import hashlib
import logging
import os
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from edgecls.errors import EdgeclsError, ServerError, SignatureError
from edgecls.extras import import_from_extra
from edgecls.image_limits import DEFAULT_LIMITS, ImageLimits
from edgecls.modelfile import read_model
from edgecls.runtime.classifier import Classifier
from edgecls.runtime.execution.providers import Provider
from edgecls.runtime.opening import open_classifier
from edgecls.runtime.tuned import Goal, tuned_setting
from edgecls.server.app import Application, AppSettings, build_app
from edgecls.server.dispatch.dispatcher import Dispatcher
from edgecls.server.endpoints.answers import error_body
from edgecls.server.http.forwarded import TrustedProxies
from edgecls.server.http.limits import HttpLimits
from edgecls.server.http.server import HttpServer
from edgecls.server.http.tls import Certificate
from edgecls.server.metrics.drift import DriftCounts
from edgecls.server.metrics.request_metrics import RequestMetrics
from edgecls.server.metrics.statistics import Statistics
from edgecls.server.middleware.access_log import AccessLog
from edgecls.server.middleware.api_keys import ApiKeys
from edgecls.server.middleware.cors import Cors
from edgecls.server.middleware.hosts import AllowedHosts
from edgecls.server.middleware.middleware import Middleware
from edgecls.server.models.repository import Readiness, Repository
from edgecls.server.models.settings_found import FoundSettings
from edgecls.server.models.signatures import Signatures, signature_of
from edgecls.server.reload import FileWatch, Reload
from edgecls.server.settings import FeedbackSettings, ServeSettings
from edgecls.server.storage.feedback_store import FeedbackStore
from edgecls.server.storage.image_root import ImageRoot
from edgecls.server.storage.unsure_store import UnsureStore
from edgecls.server.workers.board import Board, Gathered, Posting, WorkerStatus
from edgecls.server.workers.shared_port import share
from edgecls.teaching.bounds import check_packages
from edgecls.teaching.teaching import Teaching

__all__ = ["Server", "ServerState", "application", "open_model_file"]

_log = logging.getLogger(__name__)

BODIES_AT_LEAST = 4  # of the largest size that there is memory for; one client may hold half


class Server:
    """A server in this process: alone, or one of several workers. It touches no signal handlers.

    Args:
        settings: Of the whole server.
        listen: Returns the socket that accepts connections.
        bound_to: The address of that socket.
        tell: Takes a line for the operator.
        board: Shared with the other workers; None where this is the only process.
        number: Number of the worker, from 1.

    Attributes:
        grpc_address: Host and port where it answers gRPC; empty where it does not.

    Raises:
        EdgeclsError: It cannot be made with these settings.
    """

    def __init__(
        self,
        settings: ServeSettings,
        listen: Callable[[], socket.socket],
        bound_to: str,
        tell: Callable[[str], None],
        board: Board | None = None,
        number: int = 1,
    ) -> None:
        if settings.grpc_port is not None:
            for module in ("grpc", "grpc_health", "grpc_reflection", "google.protobuf"):
                import_from_extra(module, extra="grpc", purpose="serving gRPC")
        self.grpc_address = ""
        self._settings = settings
        self._listen = listen
        self._tell = tell
        self._number = number
        self._state = ServerState(settings, self._load, board, tell)
        self._posting = None if board is None else Posting(board, self._status)
        self._proxies = TrustedProxies(settings.trusted_proxies)
        self._certificate = None if settings.tls_cert is None else Certificate(settings.tls_cert, settings.tls_key)
        metrics = self._state.metrics
        self._log = None if settings.access_log is None else AccessLog(settings.access_log, metrics.log_dropped)
        app = application(settings, self._state, self._gather)
        waiting = share(settings.max_waiting, parts=settings.workers, number=number)
        self._dispatcher = Dispatcher(app, app.computes, max_waiting=waiting, check=app.check)
        self._handler = Middleware(
            self._dispatcher,
            metrics,
            hosts=AllowedHosts(settings.allowed_hosts, listening_on=settings.host, bound_to=bound_to),
            keys=self._state.keys,
            cors=Cors(settings.cors_origins) if settings.cors_origins else None,
            log=self._log,
            error_body=error_body,
        )
        self._found = None
        if settings.tune:
            shared = None if board is None else board.choices_folder
            self._found = FoundSettings(Provider.named(settings.provider), self._tell_with_number, shared)
        self._reload = Reload(
            self._state.repository,
            self._tell_with_number,
            keys=self._state.keys,
            certificate=self._certificate,
            log=self._log,
            signatures=self._state.signatures,
        )
        self._watch = None
        if settings.reload_on_change:
            beside = None if self._state.signatures is None else signature_of
            self._watch = FileWatch(self._state.repository, self._reload.model, beside=beside)

    @contextlib.contextmanager
    def serving(self, *, is_first: bool, is_stopping: Callable[[], bool] = lambda: False) -> Iterator[HttpServer]:
        """Serve while the block runs; requests in flight are finished at its end.

        Args:
            is_first: Whether no other worker serves yet: this one answers probes while the models load, and reports
                where the server listens and what the models run on. Any other accepts connections only once it can
                answer them.
            is_stopping: Whether the server is to end; asked while it measures how models run best.

        Raises:
            EdgeclsError: A model cannot be used, or the HTTP server failed.
        """
        with contextlib.ExitStack() as at_end:
            at_end.callback(self._state.close)
            if self._posting is not None:
                self._posting.start()
                at_end.callback(self._posting.stop)
            if self._log is not None:
                at_end.callback(self._log.close)
            if self._state.unsure is not None:
                at_end.callback(self._state.unsure.flush)
            self._dispatcher.start()
            at_end.callback(self._dispatcher.stop)
            server = None
            if is_first:
                server = self._accept(at_end)
                self._tell(f"listening on {server.url}")
                if self.grpc_address:
                    self._tell(f"listening for gRPC on {self.grpc_address}")
            with contextlib.ExitStack() as while_loading:
                if self._found is not None:
                    while_loading.enter_context(self._found.starting(measures=is_first, is_stopped=is_stopping))
                self._state.repository.load_all()
            if is_first:
                self._announce()
            if server is None:
                server = self._accept(at_end)
            if self._posting is not None:
                self._posting.now()
            if self._watch is not None:
                self._watch.start()
                at_end.callback(self._watch.stop)
            yield server
            self._drain(server)

    def reload(self) -> None:
        """Read models, API keys and certificate again, and reopen the access log."""
        self._reload.everything()

    def _accept(self, at_end: contextlib.ExitStack) -> HttpServer:
        """Accept connections until the end."""
        largest = self._settings.max_body_bytes
        limits = HttpLimits(
            max_body_bytes=largest,
            max_bodies_bytes=max(HttpLimits.max_bodies_bytes, BODIES_AT_LEAST * largest),
        )
        server = HttpServer(
            self._handler,
            self._listen(),
            limits=limits,
            tls=None if self._certificate is None else self._certificate.context,
            proxies=self._proxies,
        )
        server.start()
        at_end.callback(server.stop)
        if self._settings.grpc_port is not None:
            self.grpc_address = self._start_grpc(server, self._settings.grpc_port, limits)
        return server

    def _start_grpc(self, server: HttpServer, port: int, limits: HttpLimits) -> str:
        """Answer gRPC beside HTTP, and return the address."""
        from edgecls.server.grpc.server import GrpcServer
        from edgecls.server.grpc.service import GrpcHandler, InferenceService

        state = self._state
        service = InferenceService(
            state.repository,
            state.readiness,
            state.statistics,
            self._gather,
            allow_model_control=self._settings.allow_model_control,
        )
        beside = GrpcServer(
            Middleware(GrpcHandler(service, self._dispatcher), state.metrics, keys=state.keys, log=self._log),
            (self._settings.host, port),
            limits=limits,
            is_ready=lambda: state.readiness.is_ready,
            keys=state.keys,
            certificate=self._certificate,
            shared=self._settings.workers > 1,
        )
        server.start_beside(beside.start, beside.stop)
        return beside.address

    def _load(self, file: Path) -> Classifier:
        threads = self._settings.threads
        threads = None if threads is None else self._own_share(threads)
        classifier = open_model_file(
            file, self._settings, threads=threads, signatures=self._state.signatures, found=self._found
        )
        self._dispatcher.widen(threads or self._own_share(classifier.workers))
        return classifier

    def _own_share(self, threads: int) -> int:
        """Return how many of all threads belong to this worker, at least 1."""
        return max(1, share(threads, parts=self._settings.workers, number=self._number))

    def _status(self) -> WorkerStatus:
        return self._state.status(self._number, waiting=self._dispatcher.waiting)

    def _gather(self) -> Gathered:
        return Gathered([self._status()], []) if self._posting is None else self._posting.gather()

    def _announce(self) -> None:
        repository = self._state.repository
        for entry in repository.index():
            classifier = repository.model(entry.name).classifier
            if classifier.setting is not None:
                self._tell(f"running as tuned for this machine: {classifier.setting}")
            if classifier.skipped:
                reasons = ". ".join(str(skipped) for skipped in classifier.skipped)
                self._tell(f"running on {classifier.provider}; skipped {reasons}")
            self._tell_with_number(f"model {entry.name} ({classifier.card.name}) on {classifier.provider}")
        if self._posting is None:
            self._tell(f"ready: {', '.join(entry.name for entry in repository.index())}")

    def _tell_with_number(self, line: str) -> None:
        self._tell(f"process {self._number}: {line}" if self._settings.workers > 1 else line)

    def _drain(self, server: HttpServer) -> None:
        self._state.readiness.drain()
        if self._posting is not None:
            self._posting.now()
        if self._settings.drain_delay and not server.failed:
            time.sleep(self._settings.drain_delay)


class ServerState:
    """What the routes of one process share: models, keys, and what has been counted.

    Args:
        settings: Of the whole server.
        load: Opens a model file.
        board: Shared with the other workers; None where this is the only process.
        tell: Takes a line for the operator.
    """

    def __init__(
        self,
        settings: ServeSettings,
        load: Callable[[Path], Classifier],
        board: Board | None = None,
        tell: Callable[[str], None] = _log.warning,
    ) -> None:
        self.signatures = Signatures(settings.require_signature) if settings.require_signature else None
        self.teaching = _teaching(settings)
        files, names = settings.files, settings.names or tuple(file.stem for file in settings.files)
        if self.teaching is not None:
            if self.teaching.name in names:
                self.teaching.close()
                raise ServerError(
                    f"a model is called {self.teaching.name!r}, as those will be that are taught in the folder of this "
                    "name; call it NAME=FILE"
                )
            if (in_use := self.teaching.in_use) is not None:
                files, names = (in_use.model, *files), (self.teaching.name, *names)
        self.repository = Repository(files, load, names=names, on_load=self._count_load)
        self.readiness = Readiness(self.repository, (lambda: True) if board is None else lambda: board.all_ready)
        self.keys = None if settings.api_keys is None else ApiKeys(settings.api_keys)
        self.metrics = RequestMetrics(DriftCounts(self.repository.serving))
        self.statistics = Statistics()
        self.unsure = (
            None
            if settings.keep_unsure is None
            else UnsureStore(settings.keep_unsure, max_bytes=int(settings.keep_unsure_max_mb * 2**20), tell=tell)
        )

    def _count_load(self, name: str, error: EdgeclsError | None) -> None:
        outcome = "ok" if error is None else "unsigned" if isinstance(error, SignatureError) else "failed"
        self.metrics.model_loaded(name, outcome)

    def close(self) -> None:
        """Let go of the folder that is taught in."""
        if self.teaching is not None:
            self.teaching.close()

    def status(self, number: int = 1, *, waiting: int = 0) -> WorkerStatus:
        """Return the status of this process, as worker `number` with so many requests waiting."""
        return WorkerStatus(
            number=number,
            pid=os.getpid(),
            ready=self.readiness.here,
            waiting=waiting,
            snapshot={**self.metrics.snapshot(), **self.statistics.snapshot()},
        )


def application(settings: ServeSettings, state: ServerState, gather: Callable[[], Gathered]) -> Application:
    """Return the application with these settings; `gather` returns what all processes have counted.

    Raises:
        EdgeclsError: A folder or a model cannot be used.
    """
    return build_app(
        state.repository,
        AppSettings(
            max_body_bytes=settings.max_body_bytes,
            allow_model_control=settings.allow_model_control,
            origins=settings.cors_origins,
            https=settings.tls_cert is not None,
        ),
        image_root=None if settings.image_root is None else ImageRoot(settings.image_root),
        feedback=_feedback_store(settings.feedback),
        teaching=state.teaching,
        unsure=state.unsure,
        readiness=state.readiness,
        keys=state.keys,
        statistics=state.statistics,
        gather=gather,
    )


def _teaching(settings: ServeSettings) -> Teaching | None:
    if settings.teach.folder is None:
        return None
    check_packages()
    return Teaching(settings.teach.folder, settings.teach.bounds, limits=_image_limits(settings))


def _image_limits(settings: ServeSettings) -> ImageLimits:
    return ImageLimits(DEFAULT_LIMITS.max_bytes, int(settings.max_megapixels * 1e6))


def _feedback_store(feedback: FeedbackSettings) -> FeedbackStore | None:
    if feedback.folder is None:
        return None
    return FeedbackStore(feedback.folder, max_bytes=int(feedback.max_mb * 2**20), takes_new_labels=feedback.new_labels)


def open_model_file(
    file: Path,
    settings: ServeSettings,
    *,
    threads: int | None,
    signatures: Signatures | None = None,
    found: FoundSettings | None = None,
) -> Classifier:
    """Open a model file for serving.

    Args:
        file: The model file.
        settings: Of the whole server.
        threads: To serve with; None for as many as fit this machine.
        signatures: Checks that it is signed; None where it need not be.
        found: Finds the settings of models; None to run them with those that are stored, unless that is off.

    Raises:
        SignatureError: It is not signed as it must be; nothing in it was looked at.
        EdgeclsError: It cannot be used here.
    """
    provider = Provider.named(settings.provider)
    model = read_model(file, check=None if signatures is None else functools.partial(signatures.check, file=file))
    setting = None
    if found is not None:
        setting = found.setting_of(model, threads)
    elif settings.tuned:
        setting = tuned_setting(model, Goal.THROUGHPUT, provider=provider, workers=threads)
    classifier = open_classifier(
        model,
        provider,
        setting=setting,
        limits=_image_limits(settings),
        unknown_threshold=settings.unknown_threshold,
        min_familiarity=settings.min_familiarity,
    )
    classifier.file_sha256 = hashlib.sha256(model.onnx).hexdigest()
    return classifier
