"""Measuring how a model runs best on this machine, and keeping the choice."""
