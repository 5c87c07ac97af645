"""How long a program takes from its start to the answer, and how much memory: in processes of their own."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from edgecls.frozen import can_start_children, child_command, is_frozen
from edgecls.runtime.execution.providers import Provider, SkippedProvider

__all__ = ["Start", "start_once"]


@dataclass(frozen=True)
class Start:
    """One run of `edgecls run` for one picture, from nothing.

    Attributes:
        elapsed_s: From starting the process to its end, in seconds.
        peak_bytes: The most memory that it had resident; None where the system does not tell.
    """

    elapsed_s: float
    peak_bytes: int | None


def start_once(model_path: str, provider: Provider, picture: Path) -> Start | SkippedProvider:
    """Run `edgecls run` for one picture in a new process, in the usual way, not as tuned.

    Args:
        model_path: The model file.
        provider: What to run on, by name.
        picture: The picture file.

    Returns:
        What it took, or how it failed.
    """
    if not can_start_children():
        reason = "the start of 'edgecls run' not measured: this frozen program is another one"
        return SkippedProvider(provider, reason, "measure with edgecls itself")
    run = ["run", str(picture), "--no-tuned", "--model", model_path, "--provider", provider.value]
    if is_frozen():
        command = child_command("launch", sys.executable, *run)
    else:
        python = [sys.executable, "-m"]
        command = [*python, "edgecls.bench.launcher", *python, "edgecls", *run]
    done = subprocess.run(  # noqa: S603  this interpreter with this package
        command, stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    told = json.loads(done.stdout) if done.returncode == 0 else {"exit_code": done.returncode}
    if told["exit_code"]:
        last = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
        how = ": ".join([f"exit code {told['exit_code']}", *last])
        reason = f"the start of 'edgecls run' with {model_path!r} not measured: it failed ({how})"
        return SkippedProvider(provider, reason, "try it by hand")
    return Start(told["elapsed_s"], told["peak_bytes"])
