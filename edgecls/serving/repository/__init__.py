"""The models that are served: loading, proving, swapping and taking away."""
