"""Counters and timings, and their sums over several processes."""
