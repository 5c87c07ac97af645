"""Trying a provider on a model's golden samples, in a process of its own.

Libraries of GPUs that do not fit together may end the process or never return; then only this attempt
is lost.
"""

import json
import math
import sys
import time
from dataclasses import asdict, dataclass, replace

from edgecls.errors import EdgeclsError, ProviderError
from edgecls.frozen import can_start_children
from edgecls.runtime.execution.child import facts_from_child
from edgecls.runtime.execution.ort import stdout_to_stderr
from edgecls.runtime.execution.probe import explained
from edgecls.runtime.execution.providers import BY_NAME_OR_MEASURED, Provider, SkippedProvider

__all__ = ["ProviderCheck", "check_provider", "not_working", "write_check"]


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
        by_name_only: Why `auto` passes it over although it works; None if it does not.
    """

    provider: Provider
    works: bool
    nodes: dict[str, int]
    largest_difference: float | None
    tolerance: float | None
    opening_s: float | None
    reason: str | None
    remedy: str | None
    by_name_only: str | None = None


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
    if provider is Provider.CPU and not can_start_children():
        return _check_here(model_path, provider)
    try:
        facts = facts_from_child(
            "check-provider", model_path, provider.value, calling=(__name__, "write_check"), timeout_s=timeout_s
        )
    except ProviderError as error:
        return _failed(provider, str(error))
    return ProviderCheck(**{**facts, "provider": provider})


def write_check(model_path: str, provider: str) -> None:
    """Try a provider in this process and write the outcome to standard output, as one line of JSON."""
    with stdout_to_stderr():
        check = _check_here(model_path, Provider(provider))
    sys.stdout.write(json.dumps(asdict(check)) + "\n")


def _check_here(model_path: str, provider: Provider) -> ProviderCheck:
    from edgecls.modelfile import ACTIVATION_NAME, FEATURES_NAME, read_model
    from edgecls.runtime.execution.plugins import not_for_auto
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
    passed_over = None
    if provider in BY_NAME_OR_MEASURED:
        passed_over = "'edgecls tune' finds out whether it is faster than the CPU provider"
    elif provider.plugin_module:
        objection = not_for_auto(provider, session.nodes)
        passed_over = objection.reason if objection else None
    return ProviderCheck(
        provider=provider,
        works=wrong is None,
        nodes=session.nodes,
        largest_difference=difference,
        tolerance=worst.tolerance,
        opening_s=elapsed_s,
        reason=wrong.reason if wrong else None,
        remedy=wrong.remedy if wrong else None,
        by_name_only=passed_over,
    )


def _failed(provider: Provider, reason: str) -> ProviderCheck:
    return not_working(explained(provider, reason))
