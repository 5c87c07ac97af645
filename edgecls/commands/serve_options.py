"""The options of `edgecls serve`, by group."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import click

from edgecls.commands.grouped_options import GroupedOption
from edgecls.commands.shared_options import (
    limits_option,
    model_option,
    provider_option,
    tuned_option,
    unknown_threshold_option,
)

__all__ = ["serve_options"]

Function = TypeVar("Function", bound=Callable[..., Any])

_existing_file = click.Path(exists=True, dir_okay=False, path_type=Path)


def _group(heading: str) -> Callable[..., Callable[[Any], Any]]:
    return partial(click.option, cls=GroupedOption, group=heading)


_address = _group("Address")
_files = _group("Models and pictures")
_load = _group("Load")
_access = _group("Who may ask")
_operation = _group("Operation")

_OPTIONS = (
    model_option,
    provider_option,
    tuned_option,
    unknown_threshold_option,
    limits_option,
    _files(
        "--image-root",
        type=click.Path(exists=True, file_okay=False, path_type=Path),
        help="Folder whose pictures GET /predict/NAME classifies; off without it.",
    ),
    _files(
        "--reload-on-change", is_flag=True, help="Load a model again when its file changes. SIGHUP does so in any case."
    ),
    _address(
        "--host",
        default="127.0.0.1",
        show_default=True,
        help="Address to listen on; 0.0.0.0 for all of IPv4, :: for all of IPv6 and IPv4.",
    ),
    _address("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="0 for any free port."),
    _address(
        "--tls-cert", type=_existing_file, help="Certificate (PEM) for HTTPS, with those between it and the root."
    ),
    _address("--tls-key", type=_existing_file, help="Its private key (PEM), if that is not in the same file."),
    _load(
        "--threads",
        type=click.IntRange(min=1),
        show_default="as tuned, or the cores this process may use",
        help="Requests that compute at once, in all processes together.",
    ),
    _load(
        "--workers",
        type=click.IntRange(min=1),
        default=1,
        show_default=True,
        help="Processes that serve, each with the models in its memory. One that dies is replaced.",
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
        help="Requests that may wait to compute; the next is told to come back (503).",
    ),
    _access(
        "--api-keys",
        type=_existing_file,
        help="File of API keys, one a line, with a name after it or not. Without it, all who reach the server may ask.",
    ),
    _access(
        "--cors-origin",
        "cors_origins",
        multiple=True,
        metavar="ORIGIN",
        help="Site whose pages may ask, as https://example.org, or * for all; may be given several times.",
    ),
    _access(
        "--allow-model-control",
        is_flag=True,
        help="Let clients load and unload models (protocol v2); off without it.",
    ),
    _operation(
        "--access-log",
        type=click.Path(dir_okay=False, allow_dash=True),
        help="Append a line of JSON for each request to this file; - for standard output.",
    ),
    _operation(
        "--drain-delay",
        type=click.FloatRange(min=0),
        default=0,
        show_default=True,
        metavar="SECONDS",
        help="When told to stop, answer /readyz with 503 so long before new connections are refused.",
    ),
)


def serve_options(command: Function) -> Function:
    """Give a command all options of the server."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command
