"""Measuring model files on this machine so that the figures can be trusted, and compared with earlier ones."""
