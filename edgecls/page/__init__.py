"""A model as one HTML file that runs in any browser, without a server."""
