"""Requests as the HTTP layer hands them on."""

from edgecls.server.http.messages import Request


def sent(method: str = "POST", path: str = "/predict", body: bytes = b"", **headers: str) -> Request:
    """Return a request; header fields by name, with "_" for "-"."""
    fields = [(name.replace("_", "-").lower(), value) for name, value in headers.items()]
    return Request(method, path, "", "1.1", fields, "10.0.0.1", body)
