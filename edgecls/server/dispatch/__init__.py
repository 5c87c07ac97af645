"""From a whole request to a thread of a worker pool that calls the WSGI application."""
