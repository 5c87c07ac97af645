"""A certificate in files, as a server reads it, and the authority that a client trusts."""

import ssl
from dataclasses import dataclass
from pathlib import Path

import trustme


@dataclass(frozen=True)
class IssuedCertificate:
    """What belongs to one server.

    Attributes:
        certificate: PEM file.
        key: PEM file.
        client: Trusts this certificate and no other.
        authority: PEM of the authority that issued it.
    """

    certificate: Path
    key: Path
    client: ssl.SSLContext
    authority: bytes


def issue(folder: Path, name: str = "server") -> IssuedCertificate:
    """Write a certificate for 127.0.0.1 into a folder."""
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    certificate, key = folder / f"{name}.crt", folder / f"{name}.key"
    certificate.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    key.write_bytes(issued.private_key_pem.bytes())
    client = ssl.create_default_context()
    authority.configure_trust(client)
    return IssuedCertificate(certificate, key, client, authority.cert_pem.bytes())
