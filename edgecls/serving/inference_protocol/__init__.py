"""The Open Inference Protocol (KServe V2) over HTTP, apart from its addresses."""
