"""Dividing a dataset into train, val and test."""
