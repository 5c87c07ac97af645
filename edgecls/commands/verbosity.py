"""How much a command prints in addition to its results: --quiet and --verbose, for every command."""

import contextlib
import functools
import os
import time
from collections.abc import Iterator
from typing import Any

import click

__all__ = ["add_verbosity_options", "is_verbose"]

_QUIET, _VERBOSE = "edgecls.quiet", "edgecls.verbose"


def add_verbosity_options(command: click.Command) -> None:
    """Give a command --quiet and --verbose; nothing if it has them."""
    if any(param.name == "quiet" for param in command.params):
        return
    quiet = "Print nothing to standard error except errors."
    verbose = "Print more to standard error: versions, provider, time taken, tracebacks of errors."
    for name, letter, text in (("quiet", "q", quiet), ("verbose", "v", verbose)):
        command.params.append(
            click.Option([f"--{name}", f"-{letter}"], is_flag=True, expose_value=False, callback=_note, help=text)
        )
    callback = command.callback
    if callback is None or isinstance(command, click.Group):  # what a group runs are its commands
        return

    @functools.wraps(callback)
    def with_verbosity(*arguments: Any, **options: Any) -> Any:
        with _verbosity_applied(click.get_current_context()):
            return callback(*arguments, **options)

    command.callback = with_verbosity


def _note(context: click.Context, param: click.Parameter, value: bool) -> None:
    if value:
        context.meta[f"edgecls.{param.name}"] = True
    if context.meta.get(_QUIET) and context.meta.get(_VERBOSE):
        raise click.UsageError("--quiet and --verbose exclude each other")


def is_verbose(context: click.Context) -> bool:
    """Return whether the command that runs is to say more than usual."""
    return bool(context.meta.get(_VERBOSE))


@contextlib.contextmanager
def _verbosity_applied(context: click.Context) -> Iterator[None]:
    """Drop standard error in the block with --quiet; with --verbose add versions and the time it took.

    Exceptions leave the block first, so they are always reported.
    """
    if context.meta.get(_QUIET):
        with open(os.devnull, "w", encoding="utf-8") as nowhere, contextlib.redirect_stderr(nowhere):
            yield
        return
    if not is_verbose(context):
        yield
        return
    from edgecls.runtime.doctor.installed import installed_versions

    versions = ", ".join(f"{name} {version}" for name, version in installed_versions().items() if version)
    click.echo(versions, err=True)
    start_s = time.perf_counter()
    try:
        yield
    finally:
        click.echo(f"took {time.perf_counter() - start_s:.2f} s", err=True)
