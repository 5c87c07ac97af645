"""Datasets of labelled images: reading, checking, splitting, augmenting, collecting, caching as pixels."""
