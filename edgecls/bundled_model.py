"""The model file that comes with edgecls: five kinds of flowers."""

from pathlib import Path

__all__ = ["BUNDLED_MODEL"]

BUNDLED_MODEL = Path(__file__).parent / "assets" / "flowers.onnx"
