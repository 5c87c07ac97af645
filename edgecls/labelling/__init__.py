"""Which labels of a dataset are probably wrong, and which images to label next."""
