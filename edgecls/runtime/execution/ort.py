"""The exceptions of onnxruntime, and their texts."""

import re
from collections import Counter
from typing import Any

from edgecls.runtime.execution.providers import Provider, load_onnxruntime

__all__ = ["count_nodes", "one_line", "onnxruntime_errors", "put_elsewhere"]


def one_line(error: BaseException) -> str:
    """Return the text of an exception on one line, without the place in onnxruntime's source."""
    text = " ".join(str(error).split())
    return re.sub(r"^/\S+:\d+ .*?\) ", "", text)


def onnxruntime_errors() -> tuple[type[BaseException], ...]:
    """Return the exceptions of onnxruntime, which have no base class of their own, and those of its Python layer."""
    state = load_onnxruntime().capi.onnxruntime_pybind11_state
    names = (
        "EPFail",
        "EngineError",
        "Fail",
        "InvalidArgument",
        "InvalidGraph",
        "InvalidProtobuf",
        "ModelRequiresCompilation",
        "NoModel",
        "NotImplemented",
        "RuntimeException",
    )
    return (*(getattr(state, name) for name in names if hasattr(state, name)), RuntimeError, ValueError)


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
