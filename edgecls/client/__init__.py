"""A client of `edgecls serve`; it needs nothing but the standard library."""
