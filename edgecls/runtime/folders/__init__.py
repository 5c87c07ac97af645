"""Working through folders: sorting images by label, watching for new ones."""
