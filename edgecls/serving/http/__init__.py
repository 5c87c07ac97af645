"""Requests in, answers out: sockets, parsing, bounds and deadlines. What a request means is not known here."""
