"""The Open Inference Protocol apart from its addresses: tensors, requests, outputs, metadata."""
