"""Which provider onnxruntime gave which nodes of a network to."""

from collections import Counter
from typing import Any

from edgecls.runtime.execution.providers import Provider

__all__ = ["count_nodes", "put_elsewhere"]

_COMPUTING = ("Conv", "Gemm", "MatMul", "TreeEnsemble", "LinearClassifier", "LinearRegressor", "SVM")
"""Parts of the names of the operators that do the work; others move data, reckon shapes or finish off."""


def count_nodes(session: Any) -> dict[str, int]:
    """Return the number of nodes on each provider, by onnxruntime's names.

    Args:
        session: An onnxruntime session opened with "session.record_ep_graph_assignment_info".
    """
    nodes: Counter[str] = Counter()
    for part in session.get_provider_graph_assignment_info():
        nodes[part.ep_name] += len(part.get_nodes())
    return dict(nodes)


def put_elsewhere(session: Any, provider: Provider) -> str | None:
    """Return why the network does not really run on a provider, or None if it does.

    It does if the provider and its helpers, but for the CPU, have all nodes that compute.

    Args:
        session: As for `count_nodes`.
        provider: What the network was to run on.
    """
    elsewhere: Counter[str] = Counter()
    own = 0
    for part in session.get_provider_graph_assignment_info():
        operators = [node.op_type for node in part.get_nodes()]
        if part.ep_name == provider.onnxruntime_name:
            own += len(operators)
        elif part.ep_name == Provider.CPU.onnxruntime_name:
            elsewhere.update(name for name in operators if any(word in name for word in _COMPUTING))
    if not own:
        return "onnxruntime put no part of the network on it"
    if elsewhere:
        left = ", ".join(f"{count} {name}" for name, count in elsewhere.most_common())
        return f"onnxruntime left part of the network on the CPU ({left})"
    return None
