"""Pixels for training: decoded once and kept, or decoded when they are needed."""
