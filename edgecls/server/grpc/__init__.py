"""The Open Inference Protocol over gRPC (extra "grpc"), with the admission, keys, limits and counts of HTTP."""
