"""The exceptions of onnxruntime, and their texts."""

import re

from edgecls.runtime.execution.providers import load_onnxruntime

__all__ = ["one_line", "onnxruntime_errors"]


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
