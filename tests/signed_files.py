"""Keys, and model files signed with them by model_signing; the tests are left out where that is not installed."""

import os
from pathlib import Path

import pytest

if "EDGECLS_REQUIRE_SIGNING" not in os.environ:
    pytest.importorskip("model_signing", reason="needs edgecls[signing]")
    pytest.importorskip("OpenSSL", reason="needs edgecls[signing]")

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from model_signing import signing

__all__ = ["make_keys", "sign", "write_keys"]

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


def make_keys(folder: Path, name: str = "key") -> tuple[Path, Path]:
    """Write a private and a public key, and return their files."""
    return write_keys(folder, name, ec.generate_private_key(ec.SECP256R1()))


def write_keys(folder: Path, name: str, private: PrivateKey) -> tuple[Path, Path]:
    """Write a private key and its public key, and return their files."""
    files = folder / f"{name}.pem", folder / f"{name}.pub.pem"
    files[0].write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    files[1].write_bytes(
        private.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    return files


def sign(what: Path, private_key: Path, signature: Path | None = None) -> Path:
    """Sign a file, or a folder, and return the file of the signature: beside it unless another is given."""
    signature = signature or what.with_name(f"{what.name}.sig")
    signing.Config().use_elliptic_key_signer(private_key=private_key).sign(what, signature)
    return signature
