"""The HTTP server: the application, what carries it, and `serve` and `create_app` for Python."""
