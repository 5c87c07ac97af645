"""ONNX files of other frameworks, made model files."""
