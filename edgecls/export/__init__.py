"""Turning a trained model into a model file, verified to give the same probabilities.

Keras networks need the extra "train", classical models the extra "classical".
"""
