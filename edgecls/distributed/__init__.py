"""Classifying images on a Ray cluster: what is listed goes to workers, their rows become parts of one output folder."""
