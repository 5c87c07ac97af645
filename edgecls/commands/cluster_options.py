"""The options of commands that can work on a cluster, and which of their other options do not go with them."""

from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import click

from edgecls.commands.options import typed_options

__all__ = ["cluster_options", "is_on_cluster", "output_folder_option"]

_ONLY_ON_CLUSTER = (
    *("address", "output", "workers", "cpus_per_worker", "gpus_per_worker", "worker_timeout_s", "part_rows"),
)
_ONLY_HERE = (
    *("sort_into", "move", "heat_folder", "explain_method", "label_folder", "xmp", "watch", "interval_s"),
    *("embeddings_path", "foreign"),
)
_BY_TUNING = ("threads", "tuned", "tune")
_ON_NVIDIA = ("cuda", "tensorrt")


output_folder_option = click.option(
    "--output",
    "-o",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="With --on ray: where the parts of the result are written.",
)


def cluster_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options to a command."""
    options = (
        click.option(
            "--on",
            type=click.Choice(["ray"]),
            help="Work on a Ray cluster, and write to the folder of --output. Continues what was stopped there.",
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
            help="With --on ray: GPUs of each; 0.5 puts two on one. Without one, they use none.",
        ),
        click.option(
            "--worker-timeout",
            "worker_timeout_s",
            metavar="SECONDS",
            type=click.FloatRange(min=1),
            default=600,
            show_default=True,
            help="With --on ray: a worker that has not finished up to 32 images after so long is replaced.",
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


def is_on_cluster(ctx: click.Context, *, also_here: Collection[str] = ()) -> bool:
    """True if the work is to be done on a cluster.

    Args:
        ctx: Of a command that has the options, and --output.
        also_here: Those of them that mean something without a cluster, too.

    Raises:
        click.UsageError: The options do not go together.
    """
    typed = typed_options(ctx)
    if "on" not in typed:
        for name in _ONLY_ON_CLUSTER:
            if name in typed and name not in also_here:
                raise click.UsageError(f"{typed[name]} goes with --on ray")
        return False
    for name in _ONLY_HERE:
        if name in typed:
            raise click.UsageError(f"{typed[name]} does not go with --on ray; it is for work on this machine")
    for name in _BY_TUNING:
        if name in typed:
            raise click.UsageError(f"{typed[name]} does not go with --on ray; --cpus-per-worker sets the threads")
    if ctx.params["output"] is None:
        raise click.UsageError("--on ray goes with --output DIR, where the parts are written")
    if ctx.params["provider"] in _ON_NVIDIA and not ctx.params["gpus_per_worker"]:
        raise click.UsageError(f"--provider {ctx.params['provider']} goes with --gpus-per-worker")
    return True
