"""Benchmarks of model files on this machine, with confidence intervals, and comparison with earlier ones."""
