"""A line on the terminal that says how far long work is."""

import sys

import click

__all__ = ["StatusLine"]


class StatusLine:
    """A line on the terminal that is overwritten while work goes on; nothing where there is no terminal."""

    def __init__(self) -> None:
        self._is_terminal = sys.stderr.isatty()

    def show(self, text: str) -> None:
        """Replace the line."""
        if self._is_terminal:
            click.echo(f"\r\x1b[K{text}", nl=False, err=True)

    @property
    def is_shown(self) -> bool:
        """True if there is a terminal."""
        return self._is_terminal

    def then(self, text: str) -> None:
        """Clear the line and print a lasting one."""
        if self._is_terminal:
            click.echo("\r\x1b[K", nl=False, err=True)
        click.echo(text)
