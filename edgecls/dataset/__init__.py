"""Folders of images: reading, splitting, caching as pixels."""
