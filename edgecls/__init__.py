"""edgecls: train an image classifier with Keras, ship one ONNX file, run it anywhere."""

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = [
    "Classifier",
    "Client",
    "EdgeclsError",
    "Explanation",
    "FramePrediction",
    "ImageError",
    "LabelScore",
    "Outcome",
    "Prediction",
    "Provider",
    "RemoteError",
    "RemoteModel",
    "RemoteOutcome",
    "RemotePrediction",
    "SourceLostError",
    "VideoError",
    "__version__",
    "load",
    "serve",
    "to_dataframe",
]

if TYPE_CHECKING:
    from edgecls.client.client import Client, RemoteModel, RemoteOutcome, RemotePrediction
    from edgecls.dataframe import to_dataframe
    from edgecls.errors import EdgeclsError, ImageError, RemoteError, SourceLostError, VideoError
    from edgecls.runtime.classifier import Classifier
    from edgecls.runtime.execution.providers import Provider
    from edgecls.runtime.explanation import Explanation
    from edgecls.runtime.frame_predictions import FramePrediction
    from edgecls.runtime.opening import load
    from edgecls.runtime.prediction import LabelScore, Outcome, Prediction
    from edgecls.server.local import serve

_HOMES = {
    "Classifier": "edgecls.runtime.classifier",
    "Client": "edgecls.client.client",
    "EdgeclsError": "edgecls.errors",
    "Explanation": "edgecls.runtime.explanation",
    "FramePrediction": "edgecls.runtime.frame_predictions",
    "ImageError": "edgecls.errors",
    "LabelScore": "edgecls.runtime.prediction",
    "Outcome": "edgecls.runtime.prediction",
    "Prediction": "edgecls.runtime.prediction",
    "Provider": "edgecls.runtime.execution.providers",
    "RemoteError": "edgecls.errors",
    "RemoteModel": "edgecls.client.client",
    "RemoteOutcome": "edgecls.client.client",
    "RemotePrediction": "edgecls.client.client",
    "SourceLostError": "edgecls.errors",
    "VideoError": "edgecls.errors",
    "load": "edgecls.runtime.opening",
    "serve": "edgecls.server.local",
    "to_dataframe": "edgecls.dataframe",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that importing edgecls alone costs nothing."""
    if name not in _HOMES:
        raise AttributeError(f"module 'edgecls' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
