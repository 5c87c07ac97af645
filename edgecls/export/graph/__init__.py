"""Passes and helpers that work on any ONNX graph."""
