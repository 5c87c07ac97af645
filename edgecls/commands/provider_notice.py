"""Telling the user, on standard error, what the network runs on where that is not a matter of course."""

import click

from edgecls.runtime.classifier import Classifier

__all__ = ["announce_provider"]


def announce_provider(classifier: Classifier) -> None:
    """Say in one line how it was tuned to run, or what better provider was passed over; nothing if neither."""
    if classifier.setting is not None:
        click.echo(f"running as tuned for this machine: {classifier.setting}", err=True)
    if classifier.skipped:
        reasons = ". ".join(str(skipped) for skipped in classifier.skipped)
        click.echo(f"running on {classifier.provider}; skipped {reasons}", err=True)
