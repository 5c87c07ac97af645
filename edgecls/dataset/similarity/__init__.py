"""Which images are the same or alike."""
