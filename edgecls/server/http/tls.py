"""TLS: the certificate that the server shows, and the layer between the network and a connection.

asyncio has such a layer too. It does not tell a connection of a handshake that fails, nor of bytes that the network has
not taken yet, and it ends a connection whose client takes its last answer slowly; so a server that stops would lose
requests.
"""

import asyncio
import contextlib
import ssl
from pathlib import Path
from typing import Any, Protocol, cast

from edgecls.errors import ServerError

__all__ = ["Certificate", "Secured", "TlsLayer"]

HANDSHAKE_RECORD = 0x16  # the first byte of what a client of TLS sends
LINE_ENDS = b"\r\n"


class Secured(Protocol):
    """What speaks through the layer: an asyncio.BufferedProtocol with a few more callbacks."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The network connection is there; nothing is negotiated yet, and what is written waits."""

    def handshake_began(self) -> None:
        """The first bytes have come."""

    def handshake_ended(self) -> None:
        """What is written is sent encrypted from now on."""

    def plain_text_came(self) -> None:
        """The client does not speak TLS; what is written goes out unencrypted, and nothing more is read."""

    def get_buffer(self, sizehint: int) -> memoryview:
        """Return where decrypted bytes go."""

    def buffer_updated(self, nbytes: int) -> None:
        """`nbytes` of them have arrived."""

    def eof_received(self) -> None:
        """The client sends no more."""

    def pause_writing(self) -> None:
        """The network takes no more for now."""

    def resume_writing(self) -> None:
        """The network takes more again."""

    def connection_lost(self, exc: Exception | None) -> None:
        """The end."""


class TlsLayer(asyncio.BufferedProtocol, asyncio.Transport):
    """The server's side of TLS: a protocol to the network, a transport to what speaks through it.

    Args:
        above: What speaks through it.
        context: Holds the certificate.
        encrypted: Where bytes from the network go; they are taken over before anyone else gets to use it.
    """

    def __init__(self, above: Secured, context: ssl.SSLContext, encrypted: memoryview) -> None:
        super().__init__()
        self._above = above
        self._context = context
        self._encrypted = encrypted
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls: ssl.SSLObject | None = None
        self._agreed = self._plain = self._deaf = self._closed = self._paused = self._ends_after = False
        self._early = b""  # written before the handshake was over

    # Called by the network's transport.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._network = cast(asyncio.Transport, transport)
        self._above.connection_made(self)

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._encrypted

    def buffer_updated(self, nbytes: int) -> None:
        if self._deaf or self._closed:
            return
        if self._tls is None:
            first = self._encrypted[0]
            if first != HANDSHAKE_RECORD and (chr(first).isalpha() or first in LINE_ENDS) and first < 0x80:
                self._plain = self._deaf = True
                self._above.plain_text_came()
                return
            self._tls = self._context.wrap_bio(self._incoming, self._outgoing, server_side=True)
            self._above.handshake_began()
        self._incoming.write(self._encrypted[:nbytes])
        self._go_on()

    def eof_received(self) -> None:
        if not self._closed:
            self._above.eof_received()

    def pause_writing(self) -> None:
        self._above.pause_writing()

    def resume_writing(self) -> None:
        self._above.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        self._closed = True
        self._above.connection_lost(exc)

    # The transport that a connection uses.

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._network.get_extra_info(name, default)

    def is_closing(self) -> bool:
        return self._closed or self._network.is_closing()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if self._plain:
            self._network.write(data)
        elif not self._agreed:
            self._early += bytes(data)
        elif self._tls is not None and data and not self._closed:
            self._tls.write(data)
            self._flush()

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        """Send no more; what still arrives is ignored."""
        if not (self._agreed or self._plain):
            self._ends_after = True
            return
        self._deaf = True
        self._say_goodbye()
        self._network.write_eof()

    def close(self) -> None:
        """End the connection once the network has taken what was written."""
        if not self._closed:
            self._closed = True
            if not self._deaf:
                self._say_goodbye()
            self._network.close()

    def abort(self) -> None:
        self._closed = True
        self._network.abort()

    def pause_reading(self) -> None:
        self._paused = True
        self._network.pause_reading()

    def resume_reading(self) -> None:
        if self._paused:
            self._paused = False
            self._network.resume_reading()
            asyncio.get_running_loop().call_soon(self._go_on)  # with what has come already

    def get_write_buffer_size(self) -> int:
        return self._network.get_write_buffer_size() + len(self._early)

    # TLS.

    def _go_on(self) -> None:
        """Do what can be done with what has come."""
        if self._tls is None or self._deaf or self._closed:
            return
        try:
            if not self._agreed:
                self._tls.do_handshake()
                self._agreed = True
                self._begin()
            self._read(self._tls)
        except ssl.SSLWantReadError:
            self._flush()
        except ssl.SSLError:  # the client does not trust us, or breaks the rules; an alert tells it which
            self._flush()
            self._closed = True
            self._network.close()
        else:
            self._flush()

    def _begin(self) -> None:
        self._above.handshake_ended()
        early, self._early = self._early, b""
        self.write(early)
        if self._ends_after:
            self.write_eof()

    def _read(self, tls: ssl.SSLObject) -> None:
        while not (self._paused or self._deaf or self._closed):
            buffer = self._above.get_buffer(-1)
            try:
                size = cast(int, tls.read(len(buffer), cast(bytearray, buffer)))  # any buffer will do
            except ssl.SSLZeroReturnError:
                size = 0
            if not size:
                self._above.eof_received()
                return
            self._above.buffer_updated(size)

    def _say_goodbye(self) -> None:
        if self._tls is not None and self._agreed:
            with contextlib.suppress(ssl.SSLError):  # the client has not sent close_notify; do not wait for it
                self._tls.unwrap()
            self._flush()

    def _flush(self) -> None:
        data = self._outgoing.read()
        if data:
            self._network.write(data)


class Certificate:
    """A certificate in files, read again when asked.

    Args:
        certificate: PEM file of the certificate, and of those between it and the root.
        key: PEM file of its private key, without a password; None if that is in the same file.

    Attributes:
        context: For the server's connections.
        pem: The key and the certificates as they are in the files, for a server that has a TLS of its own.

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
            ServerError: They cannot be used; the earlier ones stay in use.
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
            certificates = self._certificate.read_bytes()
            self.pem = (certificates if self._key is None else self._key.read_bytes(), certificates)
        except (OSError, ValueError) as error:
            files = f"{str(self._certificate)!r}" + ("" if self._key is None else f" and {str(self._key)!r}")
            raise ServerError(
                f"cannot use the certificate {files}: {error}; give PEM files that belong together"
            ) from error


def _no_password() -> str:
    raise ValueError("the key is protected by a password, which nobody could type in")
