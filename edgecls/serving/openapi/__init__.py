"""The OpenAPI document of the server: each group of routes has its part in a file of the same name."""
