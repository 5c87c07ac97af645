"""Evaluating models: metrics, calibration, comparison, reports."""
