"""The command line: `edgecls COMMAND`. Each command has its own file in edgecls/commands."""

import io
import sys
from typing import Any

import click

from edgecls import __version__
from edgecls.commands.lazy_group import LazyGroup
from edgecls.commands.standard_streams import abandon_stdout, guard_standard_streams, stdout_failure
from edgecls.commands.verbosity import add_verbosity_options, is_verbose
from edgecls.errors import EdgeclsError
from edgecls.frozen import answer_as_child, is_frozen

__all__ = ["main"]


class _EdgeclsGroup(LazyGroup):
    """Turns edgecls's errors, and those of writing to standard output, into exit code 1."""

    def main(self, *args: Any, **settings: Any) -> Any:
        if is_frozen():
            answer_as_child()
        guard_standard_streams()
        try:
            return super().main(*args, **settings)
        except OSError as error:  # click itself ends quietly where a pipe has lost its reader
            failure = stdout_failure(error)
            if failure is None:
                raise
            abandon_stdout()
            click.ClickException(failure).show()
            sys.exit(1)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except EdgeclsError as error:
            if is_verbose(ctx):
                import traceback

                traceback.print_exc()
            raise click.ClickException(str(error)) from error
        finally:
            if sys.stdout is not None:
                sys.stdout.flush()  # here, where it can be told what is wrong


@click.group(
    cls=_EdgeclsGroup,
    package="edgecls.commands",
    names=(
        "adopt",
        "architectures",
        "bench",
        "compare",
        "data",
        "demo",
        "doctor",
        "evaluate",
        "export",
        "gui",
        "info",
        "page",
        "quantize",
        "run",
        "serve",
        "sweep",
        "train",
        "tune",
        "verify",
    ),
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, prog_name="edgecls")
def main() -> None:
    """Train an image classifier, ship it as one ONNX file, run it anywhere.

    Exit codes: 0 all fine, 1 something failed, 2 the command line is wrong.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a label that the terminal's encoding lacks must not end the work


add_verbosity_options(main)
