"""`edgecls.serve`: the server within a Python program, in threads of its own."""

import contextlib
import logging
import threading
from collections.abc import Callable, Sequence
from os import PathLike
from types import TracebackType

from edgecls.client.client import Client
from edgecls.errors import ServerError
from edgecls.runtime.min_familiarity import MinFamiliarity
from edgecls.server.http.server import listening_socket
from edgecls.server.server import Server
from edgecls.server.settings import (
    FeedbackSettings,
    ServeSettings,
    TeachingSettings,
    named_files,
    one_or_several,
    optional_path,
    several_paths,
)

__all__ = ["LocalServer", "serve"]

StrPath = str | PathLike[str]

_log = logging.getLogger(__name__)


def serve(
    models: StrPath | Sequence[StrPath],
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    grpc_port: int | None = None,
    provider: str = "auto",
    threads: int | None = None,
    tuned: bool = True,
    tune: bool = False,
    unknown_threshold: float | None = None,
    min_familiarity: MinFamiliarity | None = None,
    max_megapixels: float = 100,
    max_upload_mb: float = 32,
    max_waiting: int = 256,
    image_root: StrPath | None = None,
    feedback: StrPath | FeedbackSettings | None = None,
    teach: StrPath | TeachingSettings | None = None,
    keep_unsure: StrPath | None = None,
    keep_unsure_max_mb: float = 1024,
    require_signature: StrPath | Sequence[StrPath] = (),
    reload_on_change: bool = False,
    allow_model_control: bool = False,
    allowed_hosts: str | Sequence[str] = (),
    trusted_proxies: str | Sequence[str] = (),
    cors_origins: str | Sequence[str] = (),
    api_keys: StrPath | None = None,
    tls_cert: StrPath | None = None,
    tls_key: StrPath | None = None,
    access_log: StrPath | None = None,
    drain_delay: float = 0,
    tell: Callable[[str], None] | None = None,
) -> "LocalServer":
    """Return a server for this process, to be used as a context manager that gives the URL::

        with edgecls.serve("flowers.onnx") as url:
            edgecls.Client(url).predict("rose.jpg")

    In a notebook, `LocalServer.start` and `LocalServer.stop` do the same in two cells. The server is the one of
    `edgecls serve`, with one process; it runs in threads, installs no signal handlers and prints nothing.

    Args:
        models: A model file, a folder of them, or several of either; as "NAME=FILE" where requests are to call it so.
            Requests that name no model get the first.
        host: Address to listen on.
        port: Port to listen on; 0 for any free port.
        grpc_port: Port for gRPC, 0 for any that is free, at `LocalServer.grpc_address`; None for HTTP alone. Needs the
            extra "grpc".
        require_signature: File of a public key, or several, of which one must have signed each model file. Needs the
            extra "signing".
        feedback: Folder for corrections; `FeedbackSettings` to limit its size or to accept new labels.
        teach: Folder that users teach in, in the page; `TeachingSettings` for other bounds. Needs the extra "quick".
        tell: Takes a line for the operator, called in several threads; None to log them at level INFO.
        provider, threads, tuned, tune, unknown_threshold, min_familiarity: As the options of `edgecls serve`.
        max_megapixels, max_upload_mb, max_waiting, image_root, keep_unsure, keep_unsure_max_mb: Also.
        reload_on_change, allow_model_control, allowed_hosts, trusted_proxies, cors_origins, api_keys: Also.
        tls_cert, tls_key, access_log, drain_delay: Also.

    Raises:
        ModelFileError: A folder has no model file.
        ServerError: `tls_key` is given without `tls_cert`, or `tune` without `tuned`.
    """
    if tls_key is not None and tls_cert is None:
        raise ServerError("tls_key needs tls_cert; give the certificate that the key belongs to")
    files, names = named_files(models)
    settings = ServeSettings(
        files,
        names=names,
        host=host,
        port=port,
        grpc_port=grpc_port,
        provider=provider,
        threads=threads,
        tuned=tuned,
        tune=tune,
        unknown_threshold=unknown_threshold,
        min_familiarity=min_familiarity,
        max_megapixels=max_megapixels,
        max_upload_mb=max_upload_mb,
        max_waiting=max_waiting,
        image_root=optional_path(image_root),
        feedback=FeedbackSettings.of(feedback),
        teach=TeachingSettings.of(teach),
        keep_unsure=optional_path(keep_unsure),
        keep_unsure_max_mb=keep_unsure_max_mb,
        require_signature=several_paths(require_signature),
        reload_on_change=reload_on_change,
        allow_model_control=allow_model_control,
        allowed_hosts=one_or_several(allowed_hosts),
        trusted_proxies=one_or_several(trusted_proxies),
        cors_origins=one_or_several(cors_origins),
        api_keys=optional_path(api_keys),
        tls_cert=optional_path(tls_cert),
        tls_key=optional_path(tls_key),
        access_log=None if access_log is None else str(access_log),
        drain_delay=drain_delay,
    )
    return LocalServer(settings, tell or _log.info)


class LocalServer:
    """A server in threads of this process. It may be started again after it was stopped.

    Args:
        settings: With one worker.
        tell: Takes a line for the operator.
    """

    def __init__(self, settings: ServeSettings, tell: Callable[[str], None]) -> None:
        self._settings = settings
        self._tell = tell
        self._lock = threading.Lock()
        self._url = self._grpc_address = ""
        self._at_end: contextlib.ExitStack | None = None

    @property
    def url(self) -> str:
        """Where the server is reached.

        Raises:
            ServerError: It does not run.
        """
        if self._at_end is None:
            raise ServerError("the server is not running; start it first")
        return self._url

    @property
    def grpc_address(self) -> str:
        """Host and port where the server answers gRPC, as clients of gRPC take them; empty without `grpc_port`.

        Raises:
            ServerError: It does not run.
        """
        return self._grpc_address if self.url else ""

    def start(self) -> str:
        """Load and verify the models, serve from then on, and return the URL.

        Raises:
            EdgeclsError: The server cannot start with these settings, or runs already. Nothing is left running.
        """
        with self._lock:
            if self._at_end is not None:
                raise ServerError(f"the server is running already, at {self._url}; stop it first")
            with contextlib.ExitStack() as stack:
                listener = stack.enter_context(listening_socket(self._settings.host, self._settings.port))
                server = Server(self._settings, lambda: listener, listener.getsockname()[0], self._tell)
                self._url = stack.enter_context(server.serving(is_first=True)).url
                self._grpc_address = server.grpc_address
                self._at_end = stack.pop_all()
            return self._url

    def stop(self) -> None:
        """Finish the requests in flight, and stop; does nothing where the server does not run.

        Raises:
            ServerError: The server had failed, so requests may have been lost.
        """
        with self._lock:
            at_end, self._at_end = self._at_end, None
            if at_end is not None:
                at_end.close()

    def __enter__(self) -> str:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def client(self) -> Client:
        """Return a client of this server; close it, or use it as a context manager.

        Raises:
            ServerError: It does not run.
        """
        return Client(self.url)

    def _repr_html_(self) -> str:
        """Return a link to the page, as notebooks show it."""
        from edgecls.notebook import escaped

        if self._at_end is None:
            return "<div>the server is not running</div>"
        address = escaped(self._url)
        return f'<div>serving at <a href="{address}" target="_blank" rel="noopener">{address}</a></div>'

    def __repr__(self) -> str:
        return f"<LocalServer at {self._url}>" if self._at_end is not None else "<LocalServer, not running>"
