"""Telling the user, on standard error, that a better provider was passed over."""

import click

from edgecls.runtime.classifier import Classifier

__all__ = ["announce_provider"]


def announce_provider(classifier: Classifier) -> None:
    """Say in one line what the network runs on and why not on something better; nothing if there is nothing better."""
    if classifier.skipped:
        reasons = ". ".join(str(skipped) for skipped in classifier.skipped)
        click.echo(f"running on {classifier.provider}; skipped {reasons}", err=True)
