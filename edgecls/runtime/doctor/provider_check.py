"""Trying a provider on a model's golden samples, in a process of its own.

Libraries of GPUs that do not fit together may end the process or never return; then only this attempt
is lost.
"""

import json
import math
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, replace
from typing import Any

from edgecls.errors import EdgeclsError
from edgecls.frozen import can_start_children, child_command, is_frozen
from edgecls.runtime.execution.ort import stdout_to_stderr
from edgecls.runtime.execution.probe import explained
from edgecls.runtime.execution.providers import Provider, SkippedProvider

__all__ = ["ProviderCheck", "check_provider", "not_working", "write_check"]

_PROGRAM = "import sys; from edgecls.runtime.doctor.provider_check import write_check; write_check(*sys.argv[1:])"


@dataclass(frozen=True)
class ProviderCheck:
    """The outcome of trying a provider.

    Attributes:
        provider: Which one.
        works: True if the network runs on it and gives the right answers.
        nodes: Number of nodes on each provider, by onnxruntime's names; empty on the CPU.
        largest_difference: Of any probability of the golden samples from the stored one; None if it never ran,
            or gave no number.
        tolerance: The largest difference that passes; None if it never ran.
        opening_s: Seconds it took to open the model and warm it up; None if it cannot be opened.
        reason: Why it does not work; None if it does.
        remedy: What would make it work; None if it does.
    """

    provider: Provider
    works: bool
    nodes: dict[str, int]
    largest_difference: float | None
    tolerance: float | None
    opening_s: float | None
    reason: str | None
    remedy: str | None


def not_working(skipped: SkippedProvider) -> ProviderCheck:
    """Return the outcome for a provider that need not be tried, as it cannot work."""
    return ProviderCheck(skipped.provider, False, {}, None, None, None, skipped.reason, skipped.remedy)


def check_provider(model_path: str, provider: Provider, *, timeout_s: float) -> ProviderCheck:
    """Open a model on a provider and run its golden samples, in a process of its own.

    Args:
        model_path: A self-describing .onnx file.
        provider: One by name.
        timeout_s: Seconds after which it counts as not working.
    """
    if not can_start_children():
        if provider is Provider.CPU:
            return _check_here(model_path, provider)
        return _failed(provider, "not tried: that takes a process of its own, which this frozen program cannot start")
    # Modules come from where they come from here, and never from the folder that the user happens to be in.
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-P", "-c", _PROGRAM, model_path, provider.value]
    if is_frozen():
        command = child_command("check-provider", model_path, provider.value)
    try:
        done = subprocess.run(  # noqa: S603  this interpreter with a program of our own
            command, env=environment, capture_output=True, timeout=timeout_s, check=False
        )
    except subprocess.TimeoutExpired:
        return _failed(provider, f"it was not ready after {timeout_s:.0f} s")
    lines = done.stdout.decode(errors="replace").splitlines()
    if done.returncode or not lines:
        return _failed(provider, f"trying it killed the process ({_how_it_ended(done)})")
    facts: dict[str, Any] = json.loads(lines[-1])
    return ProviderCheck(**{**facts, "provider": provider})


def write_check(model_path: str, provider: str) -> None:
    """Try a provider in this process and write the outcome to standard output, as one line of JSON."""
    with stdout_to_stderr():
        check = _check_here(model_path, Provider(provider))
    sys.stdout.write(json.dumps(asdict(check)) + "\n")


def _check_here(model_path: str, provider: Provider) -> ProviderCheck:
    from edgecls.modelfile import ACTIVATION_NAME, FEATURES_NAME, read_model
    from edgecls.runtime.golden import check_answers, worst_of
    from edgecls.runtime.optional_outputs import without_outputs
    from edgecls.runtime.session import try_provider

    start = time.perf_counter()
    try:
        model = read_model(model_path)
        # As it is opened for predictions.
        lean = replace(model, onnx=without_outputs(model.onnx, ACTIVATION_NAME, FEATURES_NAME))
        session = try_provider(lean, provider, intra_op_threads=1)
        if isinstance(session, SkippedProvider):
            return not_working(session)
        results = check_answers(session.card, session.run_all)
    except EdgeclsError as error:
        return _failed(provider, str(error))
    elapsed_s = round(time.perf_counter() - start, 3)
    failed = [result for result in results if not result.passed]
    worst = worst_of(failed or results)
    difference = worst.difference if math.isfinite(worst.difference) else None
    wrong = explained(provider, f"it gives wrong answers ({failed[0]})") if failed else None
    return ProviderCheck(
        provider=provider,
        works=wrong is None,
        nodes=session.nodes,
        largest_difference=difference,
        tolerance=worst.tolerance,
        opening_s=elapsed_s,
        reason=wrong.reason if wrong else None,
        remedy=wrong.remedy if wrong else None,
    )


def _failed(provider: Provider, reason: str) -> ProviderCheck:
    return not_working(explained(provider, reason))


def _how_it_ended(done: "subprocess.CompletedProcess[bytes]") -> str:
    if done.returncode < 0:
        return signal.Signals(-done.returncode).name
    last = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
    return ": ".join([f"exit code {done.returncode}", *last])
