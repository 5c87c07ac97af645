"""A group of commands that imports a command only when it is called."""

import importlib
from typing import Any

import click

from edgecls.commands.verbosity import add_verbosity_options

__all__ = ["LazyGroup"]


class LazyGroup(click.Group):
    """A click group whose commands lie one a file, file and command named alike, and have --quiet and --verbose.

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
        add_verbosity_options(command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in self.names and not args[0].startswith("-"):
            ctx.fail(f"No such command {args[0]!r}.{self._near(ctx, args[0])}")
        return super().resolve_command(ctx, args)

    def _near(self, ctx: click.Context, name: str) -> str:
        """Return a hint at the command that was meant: one that is spelt alike, or one of that name in a group."""
        import difflib  # only who misspells pays for it

        near = difflib.get_close_matches(name.lower().replace("_", "-"), self.names, n=2)
        for group in (self.get_command(ctx, other) for other in self.names if not near):
            if isinstance(group, LazyGroup) and name in group.names:
                near.append(f"{group.name} {name}")
        return f" Did you mean {' or '.join(map(repr, near))}?" if near else ""
