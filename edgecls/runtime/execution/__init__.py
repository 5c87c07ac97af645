"""onnxruntime and its execution providers: which there are, which work here, and how they are opened."""
