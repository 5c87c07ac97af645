"""Timing things in turns, and how far the figures can be trusted."""
