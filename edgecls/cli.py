"""The command line: `edgecls COMMAND`. Each command has its own file in edgecls/commands."""

import importlib
import io
import sys
from typing import Any

import click

from edgecls import __version__
from edgecls.errors import EdgeclsError

__all__ = ["main"]

COMMANDS = ("export", "info", "run", "serve", "train", "verify")


class _LazyGroup(click.Group):
    """A group that imports a command when it is called, and turns edgecls's errors into exit code 1."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(importlib.import_module(f"edgecls.commands.{cmd_name}"), cmd_name)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except EdgeclsError as error:
            raise click.ClickException(str(error)) from error


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="edgecls")
def main() -> None:
    """Train an image classifier, ship it as one ONNX file, run it anywhere.

    Exit codes: 0 all fine, 1 something failed, 2 the command line is wrong.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a label that the terminal's encoding lacks must not end the work
