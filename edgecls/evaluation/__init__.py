"""How good a model is: metrics, calibration, the report about it."""
