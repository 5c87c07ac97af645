"""Saying that others use the machine while it is measured."""

import os

import click

__all__ = ["say_if_busy"]

BUSY = 0.3  # load of each core of the host from which on others get in the way


def say_if_busy() -> None:
    """Say on standard error that the machine is busy, if it is."""
    from edgecls.runtime.machine.cores import count_cores

    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    if load > BUSY * count_cores().host:
        click.echo(f"this machine is busy (load {load:.1f}); measure again when it is not", err=True)
