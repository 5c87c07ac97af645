"""The models that are served, by name: loading, verifying, swapping, watching their files."""
