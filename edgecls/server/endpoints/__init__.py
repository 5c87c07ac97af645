"""One module per group of addresses: what is answered there, and its part of the OpenAPI document."""
