"""Requests in, responses out: sockets, parsing, limits, deadlines, and how the server stops. It knows no address."""
