"""Datasets in every format: class folders, split folders, lists, CSV."""
