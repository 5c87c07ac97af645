"""The options of `edgecls run` for work on a cluster, and which of its other options do not go with them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

__all__ = ["cluster_options", "is_on_cluster"]

_ONLY_ON_CLUSTER = ("address", "output", "workers", "cpus_per_worker", "gpus_per_worker", "part_rows")
_ONLY_HERE = (
    "sort_into",
    "move",
    "heat_folder",
    "explain_method",
    "label_folder",
    "watch",
    "interval_s",
    "embeddings_path",
)
_BY_TUNING = ("threads", "tuned")


def cluster_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options to a command."""
    options = (
        click.option(
            "--on",
            type=click.Choice(["ray"]),
            help="Work on a Ray cluster, and write to the folder of --output. Continues what was stopped there.",
        ),
        click.option(
            "--output",
            "-o",
            metavar="DIR",
            type=click.Path(file_okay=False, path_type=Path),
            help="With --on ray: where the parts of the result are written.",
        ),
        click.option(
            "--address",
            metavar="HOST:PORT",
            envvar="RAY_ADDRESS",
            show_default="a cluster of this machine alone",
            help="With --on ray: the head of the cluster, or auto. Environment: RAY_ADDRESS.",
        ),
        click.option(
            "--workers",
            type=click.IntRange(min=1),
            show_default="as many as fit into the cluster",
            help="With --on ray: processes that hold the model.",
        ),
        click.option(
            "--cpus-per-worker",
            type=click.IntRange(min=1),
            default=1,
            show_default=True,
            help="With --on ray: cores of each, and images that it works on at once.",
        ),
        click.option(
            "--gpus-per-worker",
            type=click.FloatRange(min=0),
            default=0,
            show_default=True,
            help="With --on ray: GPUs of each; 0.5 puts two on one.",
        ),
        click.option(
            "--part-rows",
            type=click.IntRange(min=1),
            default=10_000,
            show_default=True,
            help="With --on ray: images of a part.",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


def is_on_cluster(ctx: click.Context) -> bool:
    """True if the work is to be done on a cluster.

    Raises:
        click.UsageError: The options do not go together.
    """
    typed = {
        param.name: param.opts[0]
        for param in ctx.command.params
        if param.name is not None and ctx.get_parameter_source(param.name) is ParameterSource.COMMANDLINE
    }
    if "on" not in typed:
        for name in _ONLY_ON_CLUSTER:
            if name in typed:
                raise click.UsageError(f"{typed[name]} goes with --on ray")
        if ctx.params["output_format"] == "parquet":
            raise click.UsageError("--format parquet goes with --on ray")
        return False
    for name in _ONLY_HERE:
        if name in typed:
            raise click.UsageError(f"{typed[name]} does not go with --on ray, which writes rows only")
    for name in _BY_TUNING:
        if name in typed:
            raise click.UsageError(f"{typed[name]} does not go with --on ray; --cpus-per-worker sets the threads")
    if ctx.params["output"] is None:
        raise click.UsageError("--on ray goes with --output DIR, where the parts are written")
    if ctx.params["output_format"] not in (None, "parquet", "json"):
        raise click.UsageError("--on ray writes --format parquet or json")
    if "-" in ctx.params["paths"]:
        raise click.UsageError("--on ray takes files, folders and URIs, not standard input")
    return True
