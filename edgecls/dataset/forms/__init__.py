"""Datasets in every form: class folders, folders of parts, lists, CSV."""
