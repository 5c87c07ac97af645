"""Several processes on one port: starting and replacing them, and what they share with each other."""
