"""onnxruntime itself: importing it without its noise, and its exceptions."""

import contextlib
import functools
import os
import re
import sys
from collections.abc import Iterator
from types import ModuleType

from edgecls.errors import ProviderError
from edgecls.extras import import_from_extra

__all__ = ["load_onnxruntime", "one_line", "onnxruntime_errors", "stdout_to_stderr"]

_ERRORS = (
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
"""The exceptions of onnxruntime, as far as a version has them; they have no base class of their own."""


@functools.cache
def load_onnxruntime() -> ModuleType:
    """Import onnxruntime with its telemetry off (unless the user set its switch) and its log at fatal errors only.

    Raises:
        MissingExtraError: It is not installed.
        ProviderError: It is installed, but cannot be loaded.
    """
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # must be set before the import
    try:
        with stdout_to_stderr():  # standard output is for results
            onnxruntime = import_from_extra("onnxruntime", extra="cpu", purpose="running a model")
        onnxruntime.set_default_logger_severity(4)  # fatal only: every failure reaches the user as our own error
    except (ImportError, AttributeError, OSError) as error:  # as two wheels leave it that overwrote each other
        raise ProviderError(
            f"cannot load onnxruntime: it is damaged or incomplete ({error}); 'edgecls doctor' says how to mend it"
        ) from error
    return onnxruntime


@contextlib.contextmanager
def stdout_to_stderr() -> Iterator[None]:
    """Send what is written to standard output in the block, by Python or past it, to standard error instead.

    The whole process is affected, its other threads too.
    """
    if sys.stdout is not None:
        sys.stdout.flush()
    try:
        original = os.dup(1)
    except OSError:  # there is no standard output
        yield
        return
    try:
        with contextlib.suppress(OSError):  # there is no standard error
            os.dup2(2, 1)
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        os.dup2(original, 1)
        os.close(original)


def onnxruntime_errors() -> tuple[type[BaseException], ...]:
    """Return the exceptions of onnxruntime, and those of its Python layer."""
    state = load_onnxruntime().capi.onnxruntime_pybind11_state
    return (*(getattr(state, name) for name in _ERRORS if hasattr(state, name)), RuntimeError, ValueError)


def one_line(error: BaseException) -> str:
    """Return the text of an exception on one line, without status codes and the place in onnxruntime's source."""
    text = " ".join(str(error).split())
    text = re.sub(r"^.*\[ONNXRuntimeError\] : \d+ : \w+ : (?=\S)", "", text)  # a plugin's own comes last
    return re.sub(r"^/\S+:\d+ (?:.*? was false\. |.*?\) )", "", text)
