"""Warped copies of images, and the lineage that ties them to their sources."""
