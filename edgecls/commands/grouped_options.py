"""Help with the options in groups, for a command that has many."""

from typing import Any

import click

__all__ = ["GroupedCommand", "GroupedOption"]


class GroupedOption(click.Option):
    """An option that knows under which heading it stands.

    Args:
        group: The heading.
    """

    def __init__(self, *arguments: Any, group: str, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.group = group


class GroupedCommand(click.Command):
    """A command whose help shows its options by group, in the order in which the groups first come."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        groups: dict[str, list[tuple[str, str]]] = {}
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx) if isinstance(param, click.Option) else None
            if record is not None:
                groups.setdefault(param.group if isinstance(param, GroupedOption) else "Options", []).append(record)
        for heading, records in groups.items():
            with formatter.section(heading):
                formatter.write_dl(records)
