"""edgecls serve: classify pictures over HTTP."""

import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgecls.commands.feedback_options import FeedbackOptions, feedback_options
from edgecls.commands.shared_options import (
    limits_option,
    model_option,
    provider_option,
    tuned_option,
    unknown_threshold_option,
)

if TYPE_CHECKING:
    from edgecls.runtime.classifier import Classifier

__all__ = ["serve"]


@click.command()
@model_option
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="0 for any free port.")
@click.option(
    "--image-root",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder whose pictures GET /predict/NAME classifies; off without it.",
)
@provider_option
@tuned_option
@click.option(
    "--threads",
    type=click.IntRange(min=1),
    show_default="as tuned, or the cores this process may use",
    help="Requests that compute at once.",
)
@click.option(
    "--max-upload-mb",
    type=click.FloatRange(min=0, min_open=True),
    default=32,
    show_default=True,
    help="Refuse larger request bodies, in MiB.",
)
@click.option(
    "--max-waiting",
    type=click.IntRange(min=0),
    default=256,
    show_default=True,
    help="Requests that may wait to compute; the next is told to come back (503).",
)
@click.option(
    "--allow-model-control", is_flag=True, help="Let clients load and unload models (protocol v2); off without it."
)
@feedback_options
@unknown_threshold_option
@limits_option
def serve(
    model: Path,
    host: str,
    port: int,
    image_root: Path | None,
    provider: str,
    tuned: bool,
    threads: int | None,
    max_upload_mb: float,
    max_waiting: int,
    allow_model_control: bool,
    feedback: FeedbackOptions,
    unknown_threshold: float | None,
    max_megapixels: float,
) -> None:
    """Serve a web page and an HTTP interface that classify pictures.

    \b
    POST /predict          a picture as the body, or multipart/form-data with one or several files
    POST /predict/NAME     the same; NAME comes back in the answer
    GET  /predict/NAME     a picture in the folder given with --image-root
    POST /v2/models/M/infer  the Open Inference Protocol (KServe v2), for its clients
    GET  /openapi.json     all addresses, described
    POST /feedback         a picture and what it shows (?label=), where the answer was wrong; with --feedback
    GET  /status           models, what they run on, pictures answered
    GET  /livez, /readyz   is the process alive; is the model loaded, warmed and verified

    Ctrl-C or SIGTERM finishes the requests in flight and ends with exit code 0.
    """
    from edgecls.commands.provider_notice import announce_provider
    from edgecls.image import DEFAULT_LIMITS, ImageLimits
    from edgecls.modelfile import read_model
    from edgecls.runtime.classifier import open_classifier
    from edgecls.runtime.providers import Provider
    from edgecls.runtime.tuning.goal import Goal
    from edgecls.runtime.tuning.lookup import tuned_setting
    from edgecls.server import ServerSettings, computes, create_app
    from edgecls.serving.dispatch import Dispatcher
    from edgecls.serving.http.limits import HttpLimits
    from edgecls.serving.http.server import HttpServer, listening_socket
    from edgecls.serving.image_root import ImageRoot
    from edgecls.serving.repository.repository import Repository

    limits = ImageLimits(DEFAULT_LIMITS.max_bytes, int(max_megapixels * 1e6))
    max_body_bytes = int(max_upload_mb * 2**20)

    def load(file: Path) -> "Classifier":
        model_file, wanted = read_model(file), Provider(provider)
        setting = tuned_setting(model_file, Goal.THROUGHPUT, provider=wanted, workers=threads) if tuned else None
        return open_classifier(model_file, wanted, setting=setting, limits=limits, unknown_threshold=unknown_threshold)

    repository = Repository([model], load)
    app = create_app(
        repository,
        ServerSettings(max_body_bytes=max_body_bytes, allow_model_control=allow_model_control),
        image_root=None if image_root is None else ImageRoot(image_root),
        feedback=feedback.store(),
    )
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    dispatcher = Dispatcher(app, computes, max_waiting=max_waiting)
    http_limits = HttpLimits(max_body_bytes=max_body_bytes)
    server = HttpServer(dispatcher, listening_socket(host, port), limits=http_limits)
    dispatcher.start()
    server.start()
    click.echo(f"listening on {server.url}", err=True)
    try:
        repository.load_all()
        classifier = repository.model().classifier
        dispatcher.widen(threads or classifier.workers)
        announce_provider(classifier)
        click.echo(f"ready: model {classifier.card.name} on {classifier.provider}", err=True)
        while not stop.wait(timeout=1.0):  # with a timeout, or Windows would not deliver Ctrl-C
            pass
    finally:
        server.stop()
        dispatcher.stop()
