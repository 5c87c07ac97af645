import ssl
from pathlib import Path

import pytest
from issued_certificate import issue

from edgecls.errors import ServerError
from edgecls.server.http.tls import Certificate


def _handshake(server: ssl.SSLContext, client: ssl.SSLContext) -> str:
    """Let the two talk in memory, and return the version they agree on."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    here = server.wrap_bio(to_server, to_client, server_side=True)
    there = client.wrap_bio(to_client, to_server, server_hostname="127.0.0.1")
    unfinished = [there, here]
    while unfinished:
        side = unfinished.pop(0)
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            unfinished.append(side)
    return here.version() or ""


def test_a_client_that_trusts_the_certificate_is_served(tmp_path: Path) -> None:
    issued = issue(tmp_path)

    assert _handshake(Certificate(issued.certificate, issued.key).context, issued.client) == "TLSv1.3"


def test_the_key_may_stand_in_the_same_file(tmp_path: Path) -> None:
    issued = issue(tmp_path)
    both = tmp_path / "both.pem"
    both.write_bytes(issued.certificate.read_bytes() + issued.key.read_bytes())

    assert _handshake(Certificate(both, None).context, issued.client)


def test_old_versions_are_refused(tmp_path: Path) -> None:
    issued = issue(tmp_path)
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        issued.client.minimum_version = issued.client.maximum_version = ssl.TLSVersion.TLSv1_1

    with pytest.raises(ssl.SSLError):
        _handshake(Certificate(issued.certificate, issued.key).context, issued.client)


def test_read_again_new_connections_get_the_new_certificate(tmp_path: Path) -> None:
    old, new = issue(tmp_path, "old"), issue(tmp_path, "new")
    served = Certificate(old.certificate, old.key)
    old.certificate.write_bytes(new.certificate.read_bytes())
    old.key.write_bytes(new.key.read_bytes())
    served.reload()

    assert _handshake(served.context, new.client)
    with pytest.raises(ssl.SSLError):
        _handshake(served.context, old.client)


def test_a_key_of_another_certificate_is_refused_and_the_old_pair_serves_on(tmp_path: Path) -> None:
    old, new = issue(tmp_path, "old"), issue(tmp_path, "new")
    served = Certificate(old.certificate, old.key)
    old.certificate.write_bytes(new.certificate.read_bytes())

    with pytest.raises(ServerError, match="belong together"):
        served.reload()
    assert _handshake(served.context, old.client)


@pytest.mark.parametrize("content", [b"", b"no certificate", b"-----BEGIN CERTIFICATE-----\nAAAA\n"])
def test_a_file_that_is_no_certificate_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bad.crt").write_bytes(content)

    with pytest.raises(ServerError, match=r"bad\.crt"):
        Certificate(tmp_path / "bad.crt", None)


def test_a_key_with_a_password_is_refused_without_asking(tmp_path: Path) -> None:
    from cryptography.hazmat.primitives import serialization

    issued = issue(tmp_path)
    plain = serialization.load_pem_private_key(issued.key.read_bytes(), None)
    issued.key.write_bytes(
        plain.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
    )

    with pytest.raises(ServerError, match="password"):
        Certificate(issued.certificate, issued.key)
