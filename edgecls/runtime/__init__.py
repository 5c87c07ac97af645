"""Running model files: providers, sessions, classification. Needs onnxruntime and nothing heavier."""
