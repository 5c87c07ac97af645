"""The onnx package, which edits graphs: loaded only where graphs are edited."""

from types import ModuleType

from edgecls.extras import import_from_extra

__all__ = ["load_onnx_package"]

EXTRA = "classical"  # the lightest that brings onnx


def load_onnx_package(module: str = "onnx") -> ModuleType:
    """Import the onnx package, or a module of it such as "onnx.reference".

    Raises:
        MissingExtraError: It is not installed.
    """
    return import_from_extra(module, extra=EXTRA, purpose="editing an ONNX graph")
