"""edgecls doctor: what there is to work with on this machine, and what is wrong."""

import json
import sys
from pathlib import Path

import click

from edgecls.commands.shared_options import model_option

__all__ = ["doctor"]


@click.command()
@model_option
@click.option("--format", "output_format", type=click.Choice(["table", "json"]), default="table", show_default=True)
def doctor(model: Path, output_format: str) -> None:
    """Say what this machine has for edgecls, try every provider, and name what is wrong.

    Each provider that is there runs the golden samples of the model. Exit code 0 if all is fine, 1 if
    something is wrong, as wheels that overwrote each other. A machine without a GPU is fine.
    """
    from edgecls.commands.any_text import utf8_stdout
    from edgecls.commands.doctor_table import table_of
    from edgecls.commands.status_line import StatusLine
    from edgecls.runtime.doctor.diagnosis import diagnose

    status = StatusLine()
    diagnosis = diagnose(str(model), on_progress=status.show)
    status.show("")
    if output_format == "json":
        text = json.dumps(diagnosis.as_dict(), ensure_ascii=False, indent=2)
    else:
        text = "\n".join(table_of(diagnosis))
    utf8_stdout().write(text + "\n")
    if diagnosis.faults:
        sys.exit(1)
