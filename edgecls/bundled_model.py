"""The networks that come with edgecls: a model of five kinds of flowers, and a backbone that knows none."""

from pathlib import Path

__all__ = ["BUNDLED_BACKBONE", "BUNDLED_MODEL"]

BUNDLED_MODEL = Path(__file__).parent / "assets" / "flowers.onnx"

BUNDLED_BACKBONE = Path(__file__).parent / "assets" / "backbone.onnx"
"""EfficientNet-Lite0 without its classification: from an image to features. It is no model file."""
