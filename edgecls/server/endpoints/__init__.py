"""One module an address group: what is answered there, and its part of the OpenAPI document."""
