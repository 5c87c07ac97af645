"""From Keras files to ONNX."""
