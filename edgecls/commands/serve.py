"""edgecls serve: classify pictures over HTTP."""

from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from edgecls.commands.feedback_options import feedback_options
from edgecls.commands.grouped_options import GroupedCommand
from edgecls.commands.serve_options import serve_options
from edgecls.commands.shared_options import ModelPath

__all__ = ["serve"]


@click.command(cls=GroupedCommand)
@click.argument("models", metavar="[MODEL]...", nargs=-1, type=ModelPath(exists=True))
@serve_options
@feedback_options
@click.pass_context
def serve(context: click.Context, /, models: tuple[Path, ...], model: Path, **options: Any) -> None:
    """Serve a web page and an HTTP interface that classify pictures.

    MODEL is a model file (.onnx) or a folder of them. Requests name a model by its file without the suffix; those that
    name none get the first.

    \b
    POST /predict              a picture as the body, or multipart/form-data with one or several files
    POST /predict/NAME         the same; NAME comes back in the answer
    GET  /predict/NAME         a picture in the folder given with --image-root
    /models, /models/MODEL/predict...   which models there are; one of them in the same ways
    POST /v2/models/MODEL/infer  the Open Inference Protocol (KServe v2), for its clients
    GET  /openapi.json         all addresses, described
    POST /feedback             a picture and what it shows (?label=), where the answer was wrong; with --feedback
    GET  /status, /metrics     models, what they run on, pictures answered; the same and more for Prometheus
    GET  /livez, /readyz       is the process alive; are the models loaded, warmed and verified

    Ctrl-C or SIGTERM finishes the requests in flight and ends with exit code 0. SIGHUP reads models, API keys and
    certificate again, and begins the access log anew.
    """
    from edgecls.commands.serving.settings import ServeSettings, model_files

    if models and context.get_parameter_source("model") is ParameterSource.COMMANDLINE:
        raise click.UsageError("name the models either as arguments or with --model, not both")
    settings = ServeSettings(model_files(models or (model,)), **options)
    if settings.tls_key is not None and settings.tls_cert is None:
        raise click.UsageError("--tls-key needs --tls-cert")
    if settings.allow_model_control and settings.workers > 1:
        raise click.UsageError("--allow-model-control needs --workers 1: only the process that is asked would load")
    if settings.workers > 1:
        from edgecls.commands.serving.several import serve_with_workers

        context.exit(serve_with_workers(settings))
    from edgecls.commands.serving.process import serve_alone

    serve_alone(settings)
