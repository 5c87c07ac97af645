"""A group of commands that imports a command only when it is called."""

import importlib
from typing import Any

import click

__all__ = ["LazyGroup"]


class LazyGroup(click.Group):
    """A click group whose commands lie one a file, file and command named alike.

    Args:
        package: Where the files lie, as a dotted name.
        names: All commands.
    """

    def __init__(self, *, package: str, names: tuple[str, ...], **settings: Any) -> None:
        super().__init__(**settings)
        self._package = package
        self.names = names

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.names)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.names:
            return None
        module = importlib.import_module(f"{self._package}.{cmd_name}")
        command: click.Command = getattr(module, cmd_name)
        return command
