"""TLS: the certificate the server shows."""

import ssl
from pathlib import Path

from edgecls.errors import ServerError

__all__ = ["Certificate"]


class Certificate:
    """A certificate in files, read again when asked.

    Args:
        certificate: PEM file of the certificate, and of those between it and the root.
        key: PEM file of its private key, without a password; None if that is in the same file.

    Attributes:
        context: For the server's connections.

    Raises:
        ServerError: The files cannot be used.
    """

    def __init__(self, certificate: Path, key: Path | None) -> None:
        self._certificate = certificate
        self._key = key
        self.context = self._context()

    def reload(self) -> None:
        """Use the files as they are now for new connections.

        Raises:
            ServerError: They cannot be used; those read before stay in use.
        """
        self._context()  # a context whose key does not fit would be left with half of them
        self._load_into(self.context)

    def _context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        self._load_into(context)
        return context

    def _load_into(self, context: ssl.SSLContext) -> None:
        try:
            context.load_cert_chain(self._certificate, self._key, password=_no_password)
        except (OSError, ValueError) as error:
            files = f"{str(self._certificate)!r}" + ("" if self._key is None else f" and {str(self._key)!r}")
            raise ServerError(
                f"cannot use the certificate {files}: {error}; give PEM files that belong together"
            ) from error


def _no_password() -> str:
    raise ValueError("the key is protected by a password, which nobody could type in")
