"""Timing in turns, with confidence intervals."""
