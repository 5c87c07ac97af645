"""Several processes on one port: starting and replacing them, and what they tell each other."""
