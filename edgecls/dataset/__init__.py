"""Folders of pictures: reading, splitting, caching as pixels."""
