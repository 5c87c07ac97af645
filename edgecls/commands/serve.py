"""edgecls serve: classify images over HTTP."""

import functools
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import click
from click.core import ParameterSource

from edgecls.commands.options import (
    GroupedCommand,
    GroupedOption,
    ModelPath,
    limits_option,
    min_familiarity_option,
    model_option,
    provider_option,
    tuning_options,
    unknown_threshold_option,
)

__all__ = ["feedback_options", "serve", "serve_options"]

Function = TypeVar("Function", bound=Callable[..., Any])

_existing_file = click.Path(exists=True, dir_okay=False, path_type=Path)


def _group(heading: str) -> Callable[..., Callable[[Any], Any]]:
    return partial(click.option, cls=GroupedOption, group=heading)


class _GpuNumbers(click.ParamType[tuple[int, ...]]):
    """Whole numbers separated by commas, each once."""

    name = "NUMBERS"

    def convert(
        self, value: str | tuple[int, ...], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, ...]:
        if isinstance(value, tuple):
            return value
        numbers = [number.strip() for number in value.split(",")]
        if not all(number.isdecimal() and number.isascii() for number in numbers) or len(set(numbers)) < len(numbers):
            self.fail(f"{value!r} is no list of GPUs; give their numbers, each once, as in 0,1", param, ctx)
        return tuple(map(int, numbers))


_address = _group("Address")
_files = _group("Models and images")
_load = _group("Load")
_access = _group("Access")
_operation = _group("Operation")

_OPTIONS = (
    model_option,
    provider_option,
    tuning_options,
    unknown_threshold_option,
    min_familiarity_option,
    limits_option,
    _files(
        "--image-root",
        type=click.Path(exists=True, file_okay=False, path_type=Path),
        help="Folder whose images GET /predict/NAME classifies; off without it.",
    ),
    _files(
        "--require-signature",
        multiple=True,
        type=_existing_file,
        metavar="KEY",
        help="Load only model files that this public key (PEM) has signed, with the signature in FILE.sig beside FILE. "
        "Repeatable, for any of several keys. Needs edgecls[signing].",
    ),
    _files("--reload-on-change", is_flag=True, help="Reload a model when its file changes. SIGHUP always reloads."),
    _address(
        "--host",
        default="127.0.0.1",
        show_default=True,
        help="Address to listen on; 0.0.0.0 for all of IPv4, :: for all of IPv6 and IPv4.",
    ),
    _address("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="0 for any free port."),
    _address(
        "--grpc-port",
        type=click.IntRange(0, 65535),
        show_default="off",
        help="Also serve the Open Inference Protocol over gRPC on this port; 0 for any free port. Needs edgecls[grpc].",
    ),
    _address(
        "--tls-cert", type=_existing_file, help="PEM file with the certificate chain for HTTPS and gRPC (leaf first)."
    ),
    _address("--tls-key", type=_existing_file, help="PEM file with its private key, if it is not in the same file."),
    _load(
        "--threads",
        type=click.IntRange(min=1),
        show_default="as tuned, or the cores this process may use",
        help="Requests computed at once, over all processes.",
    ),
    _load(
        "--workers",
        type=click.IntRange(min=1),
        default=1,
        show_default=True,
        help="Worker processes, each with its own copy of the models. One that dies is replaced.",
    ),
    _load(
        "--gpus",
        type=_GpuNumbers(),
        default=(),
        help="NVIDIA GPUs to use, as nvidia-smi counts them, as in 0,1: each worker process gets one in turn, and "
        "there are as many as GPUs unless --workers says more.",
    ),
    _load(
        "--max-upload-mb",
        type=click.FloatRange(min=0, min_open=True),
        default=32,
        show_default=True,
        help="Refuse larger request bodies, in MiB.",
    ),
    _load(
        "--max-waiting",
        type=click.IntRange(min=0),
        default=256,
        show_default=True,
        help="Requests that may wait to compute; further ones are refused with 503 and Retry-After.",
    ),
    _access(
        "--api-keys",
        type=_existing_file,
        help="File of API keys, one per line, optionally followed by a name. Without it, no key is needed.",
    ),
    _access(
        "--allowed-host",
        "allowed_hosts",
        multiple=True,
        metavar="NAME",
        show_default="on a loopback address localhost, 127.0.0.1 and [::1]; elsewhere any",
        help="Name or address that the Host field of a request may have; others are refused (421). Repeatable; "
        "* for any.",
    ),
    _access(
        "--trusted-proxy",
        "trusted_proxies",
        multiple=True,
        metavar="ADDRESS",
        help="Address or network of a proxy whose X-Forwarded-For, -Proto and -Prefix count, as in 10.0.0.0/8. "
        "Repeatable. Without it, the proxy itself is the client.",
    ),
    _access(
        "--cors-origin",
        "cors_origins",
        multiple=True,
        metavar="ORIGIN",
        help="Site whose pages may send requests, as in https://example.org, or * for all. Repeatable. Only sites "
        "given by name may change anything.",
    ),
    _access(
        "--allow-model-control",
        is_flag=True,
        help="Let clients load and unload models (Open Inference Protocol); off without it.",
    ),
    _operation(
        "--access-log",
        type=click.Path(dir_okay=False, allow_dash=True),
        help="Append one line of JSON per request to this file; - for standard output.",
    ),
    _operation(
        "--keep-unsure",
        type=click.Path(file_okay=False, path_type=Path),
        help="Folder for images whose answer was unknown, with these answers, to be labelled; off without it.",
    ),
    _operation(
        "--keep-unsure-max-mb",
        type=click.FloatRange(min=0, min_open=True),
        default=1024,
        show_default=True,
        help="Largest size of that folder in MiB; further images are not kept.",
    ),
    _operation(
        "--drain-delay",
        type=click.FloatRange(min=0),
        default=0,
        show_default=True,
        metavar="SECONDS",
        help="When stopping, answer /readyz with 503 for so long before refusing new connections.",
    ),
)


def serve_options(command: Function) -> Function:
    """Give a command all options of the server."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


_option = functools.partial(click.option, cls=GroupedOption, group="Corrections")

_FEEDBACK_OPTIONS = (
    _option(
        "--feedback",
        "folder",
        type=click.Path(file_okay=False, path_type=Path),
        help="Folder for images that users correct, for the next training; off without it.",
    ),
    _option(
        "--feedback-max-mb",
        "max_mb",
        type=click.FloatRange(min=0, min_open=True),
        default=1024,
        show_default=True,
        help="Largest size of that folder in MiB; further corrections are refused (507).",
    ),
    _option(
        "--feedback-new-labels",
        "new_labels",
        is_flag=True,
        help="Accept labels that the model does not have.",
    ),
)
_FIELDS = ("folder", "max_mb", "new_labels")


def feedback_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options for corrections, as its argument `feedback`, a FeedbackSettings."""

    @functools.wraps(command)
    def with_feedback(*args: Any, **options: Any) -> Any:
        from edgecls.server.settings import FeedbackSettings

        feedback = FeedbackSettings(**{name: options.pop(name) for name in _FIELDS})
        return command(*args, feedback=feedback, **options)

    wrapped: Callable[..., Any] = with_feedback
    for option in reversed(_FEEDBACK_OPTIONS):
        wrapped = option(wrapped)
    return wrapped


_teaching_option = functools.partial(click.option, cls=GroupedOption, group="Teaching")

_TEACHING_OPTIONS = (
    _teaching_option(
        "--teach",
        "teach_folder",
        type=click.Path(file_okay=False, path_type=Path),
        help="Folder in which users make labels, add images and train models, in the page; off without it. "
        "Corrections go there too. Needs edgecls[quick].",
    ),
    _teaching_option(
        "--teach-max-images",
        type=click.IntRange(min=1),
        default=5000,
        show_default=True,
        help="Images that it may hold; further ones are refused (413).",
    ),
    _teaching_option(
        "--teach-max-labels",
        type=click.IntRange(min=1),
        default=100,
        show_default=True,
        help="Labels that it may have; further ones are refused (413).",
    ),
    _teaching_option(
        "--teach-max-mb",
        type=click.FloatRange(min=0, min_open=True),
        default=4096,
        show_default=True,
        help="Largest size of that folder in MiB, models included; what does not fit is refused (507).",
    ),
    _teaching_option(
        "--teach-min-free-mb",
        type=click.FloatRange(min=0),
        default=512,
        show_default=True,
        help="What has to stay free on its disk in MiB; what would not leave that is refused (507).",
    ),
)
_BOUNDS = {name: f"teach_{name}" for name in ("max_images", "max_labels", "max_mb", "min_free_mb")}


def teaching_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options for teaching, as its argument `teach`, a TeachingSettings."""

    @functools.wraps(command)
    def with_teaching(*args: Any, **options: Any) -> Any:
        from edgecls.server.settings import TeachingSettings
        from edgecls.teaching.bounds import TeachingBounds

        bounds = TeachingBounds(**{name: options.pop(option) for name, option in _BOUNDS.items()})
        return command(*args, teach=TeachingSettings(options.pop("teach_folder"), bounds), **options)

    wrapped: Callable[..., Any] = with_teaching
    for option in reversed(_TEACHING_OPTIONS):
        wrapped = option(wrapped)
    return wrapped


def _tell(line: str) -> None:
    click.echo(line, err=True)


@click.command(cls=GroupedCommand, short_help="Serve models over HTTP, with a web page.")
@click.argument("models", metavar="[[NAME=]MODEL]...", nargs=-1, type=ModelPath())
@click.option(
    "--wait-for-models",
    "wait_s",
    cls=GroupedOption,
    group="Models and images",
    type=click.FloatRange(min=0),
    default=0,
    show_default=True,
    metavar="SECONDS",
    help="Wait so long at most for model files that are not there yet, as on a volume that is mounted late.",
)
@serve_options
@feedback_options
@teaching_options
@click.pass_context
def serve(context: click.Context, /, models: tuple[Path, ...], model: Path, wait_s: float, **options: Any) -> None:
    """Serve a web page and an HTTP interface that classify images.

    MODEL is a model file (.onnx) or a folder of them. Requests name a model by its file without the suffix, or as NAME
    in NAME=MODEL; those that name none get the first.

    \b
    POST /predict              an image as the body, or multipart/form-data with one or several files
    POST /predict/NAME         the same; NAME comes back in the answer
    GET  /predict/NAME         an image in the folder given with --image-root
    /models, /models/MODEL/predict...   which models there are; one of them in the same ways
    POST /v2/models/MODEL/infer  the Open Inference Protocol (KServe v2), for its clients
    GET  /openapi.json         all addresses, described
    POST /feedback             an image and what it shows (?label=), where the answer was wrong; with --feedback
    /teach...                  labels, images, trainings and versions of a model that is taught; with --teach
    GET  /status, /metrics     models, what they run on, images answered; the same and more for Prometheus
    GET  /livez, /readyz       is the process alive; are the models loaded, warmed and verified

    Ctrl-C or SIGTERM finishes the requests in flight and ends with exit code 0. SIGHUP reads models, API keys and
    certificate again, and begins the access log anew.
    """
    from edgecls.server.settings import ServeSettings, await_models, named_files

    if models and context.get_parameter_source("model") is ParameterSource.COMMANDLINE:
        raise click.UsageError("give the models either as arguments or with --model, not both")
    named = models or (model,)
    if options["require_signature"]:
        from edgecls.server.models.signatures import signature_of

        missing = await_models(named, wait_s, tell=_tell, beside=signature_of)
    else:
        missing = await_models(named, wait_s, tell=_tell)
    if models and missing is not None and not missing.exists():
        after = f", after {wait_s:g} s" if wait_s else ""
        raise click.BadParameter(
            f"{str(missing)!r} does not exist{after}; give a model file or a folder of them",
            context,
            param_hint="MODEL",
        )
    gpus = len(options["gpus"])
    if context.get_parameter_source("workers") is ParameterSource.DEFAULT:
        options["workers"] = max(1, gpus)
    if options["workers"] < gpus:
        raise click.UsageError(f"--gpus names {gpus}, but --workers {options['workers']} would leave some without work")
    files, names = named_files(named)
    settings = ServeSettings(files, names=names, **options)
    if settings.tls_key is not None and settings.tls_cert is None:
        raise click.UsageError("--tls-key needs --tls-cert")
    if settings.allow_model_control and settings.workers > 1:
        raise click.UsageError("--allow-model-control needs --workers 1: only the process that is asked would load")
    if settings.workers > 1:
        from edgecls.server.several import serve_with_workers

        context.exit(serve_with_workers(settings, _tell))
    if settings.gpus:
        from edgecls.runtime.execution.gpu import use_gpu

        use_gpu(settings.gpus[0])
    from edgecls.server.process import serve_alone

    serve_alone(settings, _tell)
