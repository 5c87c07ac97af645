"""Turning a trained model into a model file that is proven to answer like it.

Keras networks need the extra "train", classical models the extra "classical".
"""
