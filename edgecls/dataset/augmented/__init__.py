"""Augmented copies of pictures, and where they come from."""
