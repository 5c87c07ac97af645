"""The exceptions that onnxruntime raises."""

from edgecls.runtime.providers import load_onnxruntime

__all__ = ["onnxruntime_errors"]


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
