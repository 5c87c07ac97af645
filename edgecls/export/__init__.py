"""Turning a Keras network into a model file that is proven to answer like it. Needs the extra "train"."""
