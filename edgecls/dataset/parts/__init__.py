"""Dividing datasets into parts."""
