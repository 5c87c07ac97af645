"""Sweeps: many training runs with different settings."""
